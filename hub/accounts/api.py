"""`/api/v1/session`: log in, who am I, log out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts import second_factor, service
from hub.accounts.authentication import SESSION_COOKIE, Authenticator
from hub.accounts.passwords import password_matches
from hub.accounts.rules import SessionEnds, home_of
from hub.accounts.schemas import GrantOut, LogIn, SessionOut
from hub.accounts.seal import Seal
from hub.accounts.tables import Account
from hub.accounts.throttle import LoginThrottle
from hub.audit.trail import Entry, Trailing, record, unaudited
from hub.database import Database
from hub.errors import SecondFactorRequired, TooMany, Unauthenticated, WrongCode
from hub.organisation.tables import Unit
from hub.web.access import permission, public, refuse_cross_site
from hub.web.principal import Principal
from hub.web.requests import Reading, Transaction

router = APIRouter(prefix="/api/v1/session", tags=["session"])

Self = Annotated[Principal, Depends(permission("account.self"))]


@router.post(
    "", status_code=201,
    dependencies=[Depends(public), Depends(unaudited("it writes its entries in transactions of its own"))],
)  # fmt: skip
async def log_in(wanted: LogIn, request: Request, response: Response) -> SessionOut:
    """Opens a login session and sets its cookie.

    It takes no transaction of its own while the password is checked, which takes long on purpose.
    """
    refuse_cross_site(request, custom_header=False)
    state = request.app.state
    database: Database = state.database
    authenticator: Authenticator = state.authenticate
    password = wanted.password.get_secret_value()
    account = await proved(request, wanted.username.strip().lower(), password)
    await _second_factor(request, account, wanted.code)
    async with database.write() as session:
        await service.renew_hash(session, account, password)
        secret = await open_session(request, session, account)
    give_cookie(request, response, secret)
    principal = await authenticator.of_secret(secret, ("session",))
    assert principal is not None, "the session was committed just now"
    async with database.read() as session:
        return await session_out(session, principal)


@router.get("")
async def who_am_i(who: Self, session: Reading) -> SessionOut:
    """Tells who is asking and what is permitted."""
    return await session_out(session, who)


@router.delete("", status_code=204)
async def log_out(who: Self, session: Transaction, trail: Trailing, response: Response) -> None:
    """Ends the login session (or revokes the API token) that asks, at once."""
    if who.token_id is not None:
        await service.revoke_token(session, who.token_id)
        action = "session.end" if who.kind == "session" else "token.revoke"
        await trail.note(action, f"token:{who.token_id}", unit=None)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")


async def proved(request: Request, username: str, password: str) -> Account:
    """Gives the account whose password this is, slower and slower for whoever guesses."""
    state = request.app.state
    throttle: LoginThrottle = state.login_throttle
    database: Database = state.database
    address = _address(request)
    if wait_s := throttle.wait_s(username, address, state.now_ms()):
        raise TooMany("too many failed logins", retry_after_s=wait_s)
    # noted before the check, so that a hundred tries at once count as a hundred
    throttle.failed(username, address, state.now_ms())
    async with database.read() as session:
        account = await service.find_account(session, username)
    known = account is not None and account.disabled_ms is None
    matches = await password_matches(password, account.password_hash if account and known else None)
    if not matches or account is None:
        await _note_failure(request, account)
        raise Unauthenticated("the username or the password is wrong", field="username", value=username,
                              fix="check both; passwords distinguish capital letters")  # fmt: skip
    # what was counted before is cleared only by a whole login, with its second factor
    throttle.withdrawn(username, address)
    return account


async def _second_factor(request: Request, account: Account, code: SecretStr | None) -> None:
    state = request.app.state
    throttle: LoginThrottle = state.login_throttle
    database: Database = state.database
    seal: Seal = state.seal
    username, now_ms = account.username, state.now_ms()
    async with database.read() as session:
        needed = await second_factor.is_on(session, account.id)
    if needed:
        if code is None:
            fix = "send code: six digits of the app, or a recovery code"
            raise SecondFactorRequired("the password is right", field="code", fix=fix)
        if wait_s := throttle.code_wait_s(username, now_ms):
            raise TooMany("too many wrong codes", retry_after_s=wait_s)
        throttle.codes.add(username, now_ms)
        async with database.write() as session:
            used = await second_factor.use_code(session, seal, account.id, code.get_secret_value(), now_ms)
            if used == "recovery":
                entry = Entry(username, "account", "second-factor.recover", f"account:{account.id}",
                              address=_address(request), at_ms=now_ms)  # fmt: skip
                await record(session, entry)
        if not used:
            await _note_failure(request, account, "wrong code")
            raise WrongCode("the code is wrong or was used before", field="code", value=None,
                            fix="wait for the next code of the app, or send a recovery code")  # fmt: skip
        throttle.codes.forget(username)
    throttle.succeeded(username, _address(request))


async def open_session(request: Request, session: AsyncSession, account: Account) -> str:
    """Opens a login session of an account that has proved itself, and gives its secret."""
    state = request.app.state
    ends: SessionEnds = state.session_ends
    now_ms: int = state.now_ms()
    agent = request.headers.get("user-agent", "")
    entry = Entry(account.username, "account", "session.open", f"account:{account.id}",
                  address=_address(request), at_ms=now_ms)  # fmt: skip
    await record(session, entry)
    return await service.log_in(session, account, now_ms, ends=ends, address=_address(request), agent=agent)


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """Sets the cookie of a login session, which lasts as long as a session can."""
    ends: SessionEnds = request.app.state.session_ends
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=ends.longest_ms // 1000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


async def session_out(session: AsyncSession, who: Principal) -> SessionOut:
    """Describes a principal."""
    grants = []
    for role, code in who.roles:
        unit = await session.get(Unit, code)
        grants.append(GrantOut(role=role, unit=code, unit_name=unit.name if unit else ""))
    own = who.account_id if who.kind == "session" else None
    return SessionOut(
        username=who.name,
        name=who.display_name,
        kind=who.kind,
        language=who.language,
        grants=grants,
        permissions=sorted(who.permissions),
        everywhere=sorted(name for name, schools in who.permissions.items() if schools is None),
        must_change_password=who.must_change_password,
        second_factor=own is not None and await second_factor.is_on(session, own),
        recovery_codes_left=await second_factor.recovery_codes_left(session, own) if own is not None else 0,
        home=home_of(role for role, _ in who.roles),
    )


async def _note_failure(request: Request, account: Account | None, how: str = "wrong password") -> None:
    """Writes a failed login into the log; the throttle bounds how many there can be.

    A name that no account has is left out: it may be a password in the wrong field.
    """
    database: Database = request.app.state.database
    entry = Entry("", "nobody", "session.refuse", f"account:{account.id if account else 'unknown'}",
                  text=f"{how}: {account.username}" if account else how,
                  address=_address(request))  # fmt: skip
    async with database.write() as session:
        await record(session, entry)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
