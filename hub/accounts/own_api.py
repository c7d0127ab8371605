"""`/api/v1/account`: what everybody does with the own account, in a login session of it."""

import io
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Request

from hub.accounts import directory, second_factor, service
from hub.accounts.api import Self, proved
from hub.accounts.passwords import hash_password
from hub.accounts.schemas import (
    CodeIn,
    OwnChange,
    OwnSession,
    PasswordChange,
    PasswordIn,
    RecoveryCodes,
    SecondFactorOut,
)
from hub.accounts.seal import Seal
from hub.accounts.tables import AccessToken, Account
from hub.accounts.throttle import LoginThrottle
from hub.audit.trail import Trailing
from hub.errors import Forbidden, Invalid, NotFound, PasswordChangeRequired, TooMany, Unauthenticated
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/account", tags=["account"])


async def session_of_person(who: Self) -> tuple[int, int]:
    """Gives (account id, session id); raises `Forbidden` for tokens, which are nobody's login."""
    if who.kind != "session" or who.account_id is None or who.token_id is None:
        raise Forbidden("this is for people who have logged in", fix="log in by POST /api/v1/session")
    return who.account_id, who.token_id


Own = Annotated[tuple[int, int], Depends(session_of_person)]


async def settled(who: Self, own: Own) -> tuple[int, int]:
    """Gives the same, once a temporary password has been changed."""
    if who.must_change_password:
        raise PasswordChangeRequired(
            "the password is a temporary one", fix="change it by POST /api/v1/account/password"
        )
    return own


Settled = Annotated[tuple[int, int], Depends(settled)]


@router.patch("", status_code=204)
async def change_own(wanted: OwnChange, own: Settled, session: Transaction, trail: Trailing) -> None:
    """Changes one's own name or language."""
    account = await session.get_one(Account, own[0])
    before = {"name": account.name, "language": account.language}
    await directory.change(session, account, name=wanted.name, language=wanted.language)
    after = {"name": account.name, "language": account.language}
    await trail.note("account.change", f"account:{own[0]}", unit=None, before=before, after=after)


@router.post("/password", status_code=204)
async def change_password(
    wanted: PasswordChange, who: Self, own: Own, request: Request, session: Transaction, trail: Trailing
) -> None:
    """Changes one's own password and ends one's other sessions."""
    current, new = wanted.current.get_secret_value(), wanted.new.get_secret_value()
    await _prove(request, who.name, current, "current")
    service.check_password(new, who.name, field="new")
    if new == current:
        raise Invalid("the new password is the present one", field="new", value=new, fix="choose another")
    hashed = await hash_password(new)  # before the first statement: nobody waits for it
    await service.set_password(session, own[0], hashed, temporary=False, keep=own[1])
    await trail.note("account.password", f"account:{own[0]}", unit=None)


@router.get("/sessions")
async def list_sessions(
    own: Settled, request: Request, session: Reading, paging: PageQuery
) -> Page[OwnSession]:
    """Lists one's own login sessions, the newest first."""
    last = paging.after(int)
    found = await service.list_sessions(
        session,
        own[0],
        request.app.state.now_ms(),
        after=int(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda row: (row.id,), lambda row: _session(row, own[1]))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: int, own: Settled, session: Transaction, trail: Trailing) -> None:
    """Ends one of one's own login sessions."""
    if not await service.end_sessions(session, own[0], only=session_id):
        raise NotFound(
            said("there is no session {session_id}", session_id=session_id),
            field="session_id",
            value=session_id,
            fix="use an id of GET /api/v1/account/sessions",
        )
    await trail.note("session.end", f"token:{session_id}", unit=None)


@router.post("/second-factor")
async def begin_second_factor(
    wanted: PasswordIn, who: Self, own: Settled, request: Request, session: Transaction, trail: Trailing
) -> SecondFactorOut:
    """Makes a secret for an authenticator app; it counts once a code of it was confirmed."""
    await _prove(request, who.name, wanted.password.get_secret_value(), "password")
    seal: Seal = request.app.state.seal
    secret = await second_factor.begin(session, seal, own[0])
    await trail.note("second-factor.begin", f"account:{own[0]}", unit=None)
    url = second_factor.otpauth_url(secret, who.name)
    drawing = io.BytesIO()
    segno.make(url, error="m").save(drawing, kind="svg", border=2, scale=4, xmldecl=False, light="#fff")
    return SecondFactorOut(secret=secret, otpauth_url=url, qr_svg=drawing.getvalue().decode())


@router.post("/second-factor/confirm")
async def confirm_second_factor(
    wanted: CodeIn, who: Self, own: Settled, request: Request, session: Transaction, trail: Trailing
) -> RecoveryCodes:
    """Switches the second factor on by a code of the app, and gives the recovery codes."""
    throttle: LoginThrottle = request.app.state.login_throttle
    seal: Seal = request.app.state.seal
    now_ms: int = request.app.state.now_ms()
    if wait_s := throttle.code_wait_s(who.name, now_ms):
        raise TooMany("too many wrong codes", retry_after_s=wait_s)
    throttle.codes.add(who.name, now_ms)
    codes = await second_factor.confirm(session, seal, own[0], wanted.code.get_secret_value(), now_ms)
    throttle.codes.forget(who.name)
    await trail.note("second-factor.on", f"account:{own[0]}", unit=None)
    return RecoveryCodes(recovery_codes=codes)


@router.post("/second-factor/remove", status_code=204)
async def remove_second_factor(
    wanted: PasswordIn, who: Self, own: Settled, request: Request, session: Transaction, trail: Trailing
) -> None:
    """Takes one's own second factor away."""
    await _prove(request, who.name, wanted.password.get_secret_value(), "password")
    if await second_factor.remove(session, own[0]):
        await trail.note("second-factor.off", f"account:{own[0]}", unit=None)


async def _prove(request: Request, username: str, password: str, field: str) -> None:
    """Raises `Invalid` for a wrong password: the session is not the reason, so no 401."""
    try:
        await proved(request, username, password)
    except Unauthenticated:
        raise Invalid("the password is wrong", field=field, value=password,
                      fix="type the present password; capital letters count") from None  # fmt: skip


def _session(token: AccessToken, own: int) -> OwnSession:
    return OwnSession(
        id=token.id,
        created_ms=token.created_ms,
        last_used_ms=token.last_used_ms or token.created_ms,
        expires_ms=token.expires_ms or 0,
        address=token.address,
        user_agent=token.agent,
        current=token.id == own,
    )
