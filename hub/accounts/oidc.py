"""Logging in by an OpenID Connect provider: authorization code with PKCE, bound to the browser that began.

Whatever goes wrong ends on the login page, which says it in the person's language (`/login?error=…`):
`denied`, `expired`, `unavailable`, `invalid`, `no_account`, `no_role`, `disabled`, `id_number`.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError

from hub.accounts import oidc_service
from hub.accounts.api import give_cookie, open_session
from hub.accounts.authentication import Authenticator
from hub.accounts.oidc_provider import LoginRefused, Provider, ProviderAway
from hub.accounts.oidc_rules import ATTEMPT_MS, Attempt, attempt_of, cookie_name, local_path
from hub.accounts.oidc_schemas import ProviderOut
from hub.accounts.oidc_service import Met
from hub.accounts.rules import home_of
from hub.audit.trail import Entry, record
from hub.database import Database
from hub.errors import Conflict, Invalid, NotFound
from hub.login_providers import ProviderSettings
from hub.web.access import public
from hub.web.parameters import any_parameters
from hub.wording import said

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1/session", tags=["session"])


def providers_of(settings: Mapping[str, ProviderSettings], now_ms: Callable[[], int]) -> dict[str, Provider]:
    """Makes the providers of the settings; nothing is asked yet."""
    return {name: Provider(each, now_ms) for name, each in settings.items()}


@router.get("/providers", dependencies=[Depends(public)])
async def list_providers(request: Request) -> list[ProviderOut]:
    """Lists whom people may log in with, besides a password of the hub's own."""
    here = request.url.path.removesuffix("/providers")
    known: dict[str, Provider] = request.app.state.login_providers
    return [
        ProviderOut(
            id=name,
            name=each.settings.name,
            start_url=f"{here}/oidc/{name}/start",
            logout_url=f"{here}/oidc/{name}/logout",
        )
        for name, each in known.items()
    ]


@router.get("/oidc/{provider}/start", dependencies=[Depends(public)])
async def start(
    provider: str, request: Request, wanted: Annotated[str, Query(alias="next", max_length=1000)] = ""
) -> RedirectResponse:
    """Sends the browser to the provider, and gives it what the way back will need."""
    return await begun(request, provider, local_path(wanted))


async def begun(request: Request, name: str, wanted: str, link: int | None = None) -> RedirectResponse:
    """Begins a login, or the linking of an identity to an account."""
    provider = provider_of(request, name)
    attempt = Attempt(secrets.token_urlsafe(32), name, wanted, request.app.state.now_ms(), link)
    try:
        address = await provider.authorize_url(attempt, _callback(request, name))
    except ProviderAway as error:
        log.warning("login by %s is not possible: %s", name, error)
        return _refused("unavailable", wanted)
    answer = RedirectResponse(address, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        cookie_name(attempt.state, secure=secure),
        attempt.text(),
        max_age=ATTEMPT_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


@router.get("/oidc/{provider}/callback", dependencies=[Depends(public), Depends(any_parameters)])
async def callback(
    provider: str,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    issuer: Annotated[str, Query(alias="iss", max_length=1000)] = "",
) -> RedirectResponse:
    """Takes the browser back from the provider and opens a session."""
    asked = provider_of(request, provider)
    cookie = cookie_name(state, secure=request.url.scheme == "https")
    now_ms = request.app.state.now_ms()
    attempt = attempt_of(request.cookies.get(cookie, ""), state, provider, now_ms)
    if attempt is None:
        return _refused("expired", "")
    if issuer and issuer != asked.settings.issuer:  # RFC 9207: another provider's answer
        answer = _refused("invalid", attempt.next)
    elif error or not code:
        denied = error in {"access_denied", "interaction_required", "login_required", "consent_required"}
        answer = _refused("denied" if denied else "invalid", attempt.next)
        log.info("login by %s was %s there", provider, "refused" if denied else "not possible")
    else:
        answer = await _finished(request, provider, asked, attempt, code)
    answer.delete_cookie(cookie, httponly=True, samesite="lax", secure=cookie.startswith("__Host-"))
    return answer


@router.get("/oidc/{provider}/logout", dependencies=[Depends(public)])
async def log_out_there(provider: str, request: Request) -> RedirectResponse:
    """Ends the provider's own session too, if it can; the hub's ends by DELETE /api/v1/session."""
    try:
        address = await provider_of(request, provider).logout_url(f"{base_url(request)}/login")
    except ProviderAway:
        address = None
    return RedirectResponse(address or "/login", 303)


async def _finished(
    request: Request, name: str, provider: Provider, attempt: Attempt, code: str
) -> RedirectResponse:
    try:
        claims = await provider.claims(code, attempt, _callback(request, name))
    except ProviderAway as error:
        log.warning("login by %s is not possible: %s", name, error)
        return _refused("unavailable", attempt.next)
    except LoginRefused as error:
        log.warning("login by %s is not accepted: %s", name, error)
        return _refused("invalid", attempt.next)
    if attempt.link is not None:
        return await _linked(request, name, provider, attempt, claims)
    try:
        met, secret = await _met(request, name, provider, claims)
    except IntegrityError:  # the same person came twice at once: now the account is there
        met, secret = await _met(request, name, provider, claims)
    if met.refused is not None:
        log.info("login by %s is not accepted: %s", name, met.refused)
        return _refused(met.refused, attempt.next)
    answer = RedirectResponse(attempt.next or home_of(met.roles), 303)
    give_cookie(request, answer, secret)
    return answer


async def _met(request: Request, name: str, provider: Provider, claims: Mapping[str, Any]) -> tuple[Met, str]:
    """Finds or makes the account and opens its session, in one transaction."""
    database: Database = request.app.state.database
    now_ms: int = request.app.state.now_ms()
    async with database.write() as session:
        met = await oidc_service.meet(session, name, provider.settings, claims, now_ms)
        account = met.account
        if account is None:
            return met, ""
        address = request.client.host if request.client else ""
        entry = Entry(account.username, "account", "", f"account:{account.id}", address=address, at_ms=now_ms)
        if met.after is not None:
            action = "account.create" if met.created else "account.grants"
            before = None if met.created else {"grants": _shown(met.before)}
            after = {"grants": _shown(met.after), "provider": name}
            await record(session, replace(entry, action=action, before=before, after=after))
        if met.refused is not None:
            return met, ""
        return met, await open_session(request, session, account)


async def _linked(
    request: Request, name: str, provider: Provider, attempt: Attempt, claims: Mapping[str, Any]
) -> RedirectResponse:
    """Makes the identity one of the account that asked for it, if that account still asks."""
    authenticate: Authenticator = request.app.state.authenticate
    found = await authenticate(request)
    if found is None or found[0].kind != "session" or found[0].account_id != attempt.link:
        return _refused("expired", attempt.next)
    database: Database = request.app.state.database
    who, now_ms = found[0], request.app.state.now_ms()
    assert attempt.link is not None
    try:
        async with database.write() as session:
            await oidc_service.link(
                session, attempt.link, name, provider.settings.issuer, claims["sub"], now_ms, verified=True
            )
            address = request.client.host if request.client else ""
            entry = Entry(who.name, "account", "identity.link", f"account:{attempt.link}", address=address)
            await record(session, replace(entry, after={"provider": name}, at_ms=now_ms))
    except (Conflict, IntegrityError):
        return RedirectResponse(_with(attempt.next or "/account", "taken"), 303)
    except Invalid:
        return RedirectResponse(_with(attempt.next or "/account", "id_number"), 303)
    return RedirectResponse(attempt.next or "/account", 303)


def provider_of(request: Request, name: str) -> Provider:
    """Gives a configured provider; `NotFound` if there is none of this name."""
    known: dict[str, Provider] = request.app.state.login_providers
    if name not in known:
        raise NotFound(
            said("there is no login provider {name}", name=name), fix="see GET /api/v1/session/providers"
        )
    return known[name]


def base_url(request: Request) -> str:
    """Gives the address by which people reach this hub, without a slash at its end."""
    configured: str = request.app.state.settings.public_url
    return configured or str(request.base_url).rstrip("/")


def _callback(request: Request, name: str) -> str:
    return f"{base_url(request)}/api/v1/session/oidc/{name}/callback"


def _refused(error: str, wanted: str) -> RedirectResponse:
    asked = {"error": error} | ({"next": wanted} if wanted else {})
    return RedirectResponse(f"/login?{urlencode(asked)}", 303)


def _with(path: str, error: str) -> str:
    return f"{path.partition('?')[0].partition('#')[0]}?{urlencode({'error': error})}"


def _shown(grants: frozenset[tuple[str, str]] | None) -> list[str]:
    return sorted(f"{role}@{unit}" for role, unit in grants or ())
