"""`/api/v1/session`: log in, who am I, log out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from hub.accounts import service
from hub.accounts.authentication import SESSION_COOKIE, Authenticator
from hub.accounts.passwords import password_matches
from hub.accounts.rules import LoginThrottle
from hub.accounts.schemas import GrantOut, LogIn, SessionOut
from hub.database import Database
from hub.errors import TooMany, Unauthenticated
from hub.web.access import permission, public, refuse_cross_site
from hub.web.principal import Principal
from hub.web.requests import Transaction

router = APIRouter(prefix="/api/v1/session", tags=["session"])


@router.post("", status_code=201, dependencies=[Depends(public)])
async def log_in(wanted: LogIn, request: Request, response: Response) -> SessionOut:
    """Opens a login session and sets its cookie.

    It takes no transaction of its own while the password is checked, which takes long on purpose.
    """
    refuse_cross_site(request, custom_header=False)
    state = request.app.state
    throttle: LoginThrottle = state.login_throttle
    database: Database = state.database
    authenticator: Authenticator = state.authenticate
    username = wanted.username.strip().lower()
    address = request.client.host if request.client else ""
    wait_s = throttle.wait_s(username, address, state.now_ms())
    if wait_s:
        raise TooMany("too many failed logins", retry_after_s=wait_s)
    # noted before the check, so that a hundred tries at once count as a hundred
    throttle.failed(username, address, state.now_ms())
    async with database.read() as session:
        account = await service.find_account(session, username)
    password = wanted.password.get_secret_value()
    matches = await password_matches(password, account.password_hash if account else None)
    if not matches or account is None:
        raise Unauthenticated("the username or the password is wrong", field="username", value=username,
                              fix="check both; passwords distinguish capital letters")  # fmt: skip
    throttle.succeeded(username, address)
    async with database.write() as session:
        await service.renew_hash(session, account, password)
        secret = await service.log_in(session, account, state.now_ms())
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=service.SESSION_LONGEST_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    principal = await authenticator.of_secret(secret, ("session",))
    assert principal is not None, "the session was committed just now"
    return session_out(principal)


@router.get("")
async def who_am_i(who: Annotated[Principal, Depends(permission("account.self"))]) -> SessionOut:
    """Tells who is asking and what is permitted."""
    return session_out(who)


@router.delete("", status_code=204)
async def log_out(
    who: Annotated[Principal, Depends(permission("account.self"))], session: Transaction, response: Response
) -> None:
    """Ends the login session (or revokes the API token) that asks, at once."""
    if who.token_id is not None:
        await service.revoke_token(session, who.token_id)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")


def session_out(who: Principal) -> SessionOut:
    """Describes a principal."""
    return SessionOut(
        username=who.name,
        name=who.display_name,
        kind=who.kind,
        language=who.language,
        grants=[GrantOut(role=role, unit=unit) for role, unit in who.roles],
        permissions=sorted(who.permissions),
        everywhere=sorted(name for name, schools in who.permissions.items() if schools is None),
    )
