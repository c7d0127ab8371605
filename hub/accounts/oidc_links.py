"""Which identities an account has: linked by the person, or by an administrator before the first login."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from hub.accounts import oidc_service
from hub.accounts.oidc import begun, provider_of
from hub.accounts.oidc_provider import Provider
from hub.accounts.oidc_schemas import IdentityOut, LinkIn, StartOut, SubjectIn
from hub.accounts.oidc_tables import ExternalIdentity
from hub.accounts.tables import Account
from hub.audit.trail import Trailing, unaudited
from hub.errors import Forbidden, NotFound, Unavailable
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["account"])

Oneself = Annotated[Principal, Depends(permission("account.self"))]
Writer = Annotated[Principal, Depends(permission("accounts.write"))]


@router.get("/account/identities")
async def own_identities(who: Oneself, session: Reading, request: Request) -> list[IdentityOut]:
    """Lists the providers' identities that log in to the own account."""
    found = [] if who.account_id is None else await oidc_service.identities_of(session, who.account_id)
    return [_out(request, each) for each in found]


@router.post(
    "/account/identities",
    status_code=201,
    dependencies=[Depends(unaudited("nothing changes before the provider has vouched for the person"))],
)
async def begin_link(wanted: LinkIn, who: Oneself, request: Request, response: Response) -> StartOut:
    """Begins to link an identity to the own account; the browser goes to `start_url`."""
    if who.account_id is None or who.kind != "session":
        raise Forbidden("only a person who is logged in can link an identity", fix="log in with the password")
    begin = await begun(request, wanted.provider, "/account", who.account_id)
    if "set-cookie" not in begin.headers:
        raise Unavailable("the provider does not answer", fix="try again later")
    response.headers["set-cookie"] = begin.headers["set-cookie"]
    return StartOut(start_url=begin.headers["location"])


@router.delete("/account/identities/{identity_id}", status_code=204)
async def unlink_own(identity_id: int, who: Oneself, session: Transaction, trail: Trailing) -> None:
    """Takes an identity away from the own account."""
    gone = None if who.account_id is None else await oidc_service.unlink(session, who.account_id, identity_id)
    if gone is None:
        raise NotFound(
            said("the account has no identity {identity_id}", identity_id=identity_id),
            fix="see GET /api/v1/account/identities",
        )
    await trail.note(
        "identity.unlink", f"account:{who.account_id}", unit=None, before={"provider": gone.provider}
    )


@router.get("/accounts/{account_id}/identities")
async def identities(account_id: int, who: Writer, session: Reading, request: Request) -> list[IdentityOut]:
    """Lists the identities that log in to an account."""
    _everywhere(who, account_id)
    return [_out(request, each) for each in await oidc_service.identities_of(session, account_id)]


@router.put("/accounts/{account_id}/identities/{provider}")
async def link_ahead(
    account_id: int,
    provider: str,
    wanted: SubjectIn,
    who: Writer,
    session: Transaction,
    trail: Trailing,
    request: Request,
) -> IdentityOut:
    """Links an identity before its first login; it counts as verified from then on."""
    _everywhere(who, account_id)
    issuer = provider_of(request, provider).settings.issuer
    if await session.get(Account, account_id) is None:
        raise _no_account(account_id)
    now_ms = request.app.state.now_ms()
    identity = await oidc_service.link(
        session, account_id, provider, issuer, wanted.subject, now_ms, verified=False
    )
    await trail.note("identity.link", f"account:{account_id}", unit=None, after={"provider": provider})
    return _out(request, identity)


@router.delete("/accounts/{account_id}/identities/{identity_id}", status_code=204)
async def unlink(
    account_id: int, identity_id: int, who: Writer, session: Transaction, trail: Trailing
) -> None:
    """Takes an identity away from an account."""
    _everywhere(who, account_id)
    gone = await oidc_service.unlink(session, account_id, identity_id)
    if gone is None:
        raise NotFound(
            said(
                "account {account_id} has no identity {identity_id}",
                account_id=account_id,
                identity_id=identity_id,
            ),
            fix=said("see GET /api/v1/accounts/{account_id}/identities", account_id=account_id),
        )
    await trail.note(
        "identity.unlink", f"account:{account_id}", unit=None, before={"provider": gone.provider}
    )


def _everywhere(who: Principal, account_id: int) -> None:
    """Whoever links an identity can become that account, so only who may do everything may do this."""
    if who.schools("accounts.write") is not None:
        raise _no_account(account_id)


def _no_account(account_id: int) -> NotFound:
    return NotFound(
        said("there is no account {account_id}", account_id=account_id), fix="see GET /api/v1/accounts"
    )


def _out(request: Request, identity: ExternalIdentity) -> IdentityOut:
    known: dict[str, Provider] = request.app.state.login_providers
    provider = known.get(identity.provider)
    return IdentityOut(
        id=identity.id,
        provider=identity.provider,
        name=provider.settings.name if provider else identity.provider,
        verified=identity.verified,
        managed=identity.managed,
        linked_ms=identity.linked_ms,
        last_login_ms=identity.last_login_ms,
    )
