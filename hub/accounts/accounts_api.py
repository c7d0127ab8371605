"""`/api/v1/accounts` and `/api/v1/roles`: who may log in, as what and where; each within the own reach."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from hub.accounts import directory, second_factor, service
from hub.accounts.directory import Reach, Seen, Wanted
from hub.accounts.passwords import hash_password
from hub.accounts.rules import HOMES, ROLES, may_grant
from hub.accounts.schemas import (
    AccountChange,
    AccountIn,
    AccountMade,
    AccountOut,
    GrantOut,
    GrantsIn,
    RoleOut,
    TemporaryPassword,
)
from hub.audit.trail import Trailing
from hub.errors import Conflict
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Reader = Annotated[Principal, Depends(permission("accounts.read"))]
Writer = Annotated[Principal, Depends(permission("accounts.write"))]
Anybody = Annotated[Principal, Depends(permission("account.self"))]
Code = Annotated[str | None, Query(max_length=64)]


async def reading_reach(request: Request, session: Reading) -> Reach:
    """Gives what tells the units below a unit, in a session that only reads."""
    return partial(request.app.state.subtree, session)


async def writing_reach(request: Request, session: Transaction) -> Reach:
    """Gives what tells the units below a unit, in the request's transaction."""
    return partial(request.app.state.subtree, session)


ReadingReach = Annotated[Reach, Depends(reading_reach)]
WritingReach = Annotated[Reach, Depends(writing_reach)]


@router.get("/roles")
async def list_roles(who: Anybody) -> Page[RoleOut]:
    """Lists the roles there are, with what they permit."""
    reach = who.permissions.get("accounts.write", frozenset())
    mine = "accounts.write" in who.permissions
    items = [
        RoleOut(
            role=role,
            permissions=sorted(permissions),
            home=HOMES[role],
            may_grant=mine and may_grant(who.permissions, role, reach),
        )
        for role, permissions in ROLES.items()
    ]
    return Page(items=items)


@router.get("/accounts")
async def list_accounts(
    who: Reader,
    session: Reading,
    reach: ReadingReach,
    paging: PageQuery,
    q: Annotated[str, Query(max_length=100, description="part of a name, with or without marks")] = "",
    role: Code = None,
    unit: Code = None,
    disabled: bool | None = None,
) -> Page[AccountOut]:
    """Lists accounts that have a role inside the asker's reach, by user name."""
    last = paging.after(str)
    wanted = Wanted(q, role, None if unit is None else await reach(unit), disabled)
    found = await directory.list_accounts(
        session,
        who.schools("accounts.read"),
        wanted,
        after=str(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda seen: (seen.account.username,), _account)


@router.post("/accounts", status_code=201)
async def create_account(
    wanted: AccountIn,
    who: Writer,
    request: Request,
    session: Transaction,
    reach: WritingReach,
    trail: Trailing,
) -> AccountMade:
    """Makes an account with a temporary password, which must be changed at the first login."""
    grants = [(each.role, each.unit) for each in wanted.grants]
    await directory.check_grants(grants, who.permissions, reach)
    password = service.temporary_password()
    account_id = await service.create_account(
        session,
        wanted.username,
        wanted.name,
        password,
        grants,
        wanted.language,
        now_ms=request.app.state.now_ms(),
        temporary=True,
    )
    seen = await directory.get_account(session, account_id, who.schools("accounts.write"))
    await trail.note("account.create", f"account:{account_id}", unit=_unit(seen), after=_facts(seen))
    return AccountMade(account=_account(seen), temporary_password=password)


@router.get("/accounts/{account_id}")
async def get_account(account_id: int, who: Reader, session: Reading) -> AccountOut:
    """Gives one account."""
    return _account(await directory.get_account(session, account_id, who.schools("accounts.read")))


@router.patch("/accounts/{account_id}")
async def change_account(
    account_id: int,
    wanted: AccountChange,
    who: Writer,
    request: Request,
    session: Transaction,
    reach: WritingReach,
    trail: Trailing,
) -> AccountOut:
    """Changes name or language, disables an account (which ends all it has open at once) or enables it."""
    seen = await _mine(session, account_id, who, reach)
    before = _facts(seen)
    await directory.change(session, seen.account, name=wanted.name, language=wanted.language)
    if wanted.disabled is not None and wanted.disabled != before["disabled"]:
        now_ms = request.app.state.now_ms()
        await directory.switch(session, seen.account, disabled=wanted.disabled, now_ms=now_ms)
    await trail.note(
        "account.change", f"account:{account_id}", unit=_unit(seen), before=before, after=_facts(seen)
    )
    return _account(seen)


@router.put("/accounts/{account_id}/grants")
async def replace_grants(
    account_id: int, wanted: GrantsIn, who: Writer, session: Transaction, reach: WritingReach, trail: Trailing
) -> AccountOut:
    """Gives an account other roles; those it has outside the asker's reach stay."""
    where = who.schools("accounts.write")
    seen = await directory.get_account(session, account_id, where)
    grants = [(each.role, each.unit) for each in wanted.grants]
    await directory.replace_grants(session, seen, grants, who.permissions, reach)
    # without a grant left inside the reach the account is out of sight
    after = (await directory.see(session, [seen.account], where))[0]
    unit = _unit(after) or _unit(seen)
    await trail.note(
        "account.grants", f"account:{account_id}", unit=unit, before=_facts(seen), after=_facts(after)
    )
    return _account(after)


@router.post("/accounts/{account_id}/reset-password")
async def reset_password(
    account_id: int, who: Writer, session: Transaction, reach: WritingReach, trail: Trailing
) -> TemporaryPassword:
    """Gives an account a temporary password, to be changed at the next login, and ends its sessions."""
    password = service.temporary_password()
    hashed = await hash_password(password)  # before the first statement: nobody waits for it
    seen = await _mine(session, account_id, who, reach)
    if who.account_id == account_id:
        raise Conflict(
            "this is your own account", fix="change your password by POST /api/v1/account/password"
        )
    await service.set_password(session, account_id, hashed, temporary=True)
    await trail.note("account.reset-password", f"account:{account_id}", unit=_unit(seen))
    return TemporaryPassword(temporary_password=password)


@router.post("/accounts/{account_id}/reset-second-factor", status_code=204)
async def reset_second_factor(
    account_id: int, who: Writer, session: Transaction, reach: WritingReach, trail: Trailing
) -> None:
    """Takes an account's second factor away and ends its sessions, for somebody who lost the telephone."""
    seen = await _mine(session, account_id, who, reach)
    if who.account_id == account_id:
        raise Conflict("this is your own account", fix="use POST /api/v1/account/second-factor/remove")
    await second_factor.remove(session, account_id)
    await service.end_sessions(session, account_id)
    await trail.note("second-factor.reset", f"account:{account_id}", unit=_unit(seen))


async def _mine(session: Transaction, account_id: int, who: Principal, reach: Reach) -> Seen:
    seen = await directory.get_account(session, account_id, who.schools("accounts.write"))
    await directory.require_power(session, account_id, who.permissions, reach)
    return seen


def _unit(seen: Seen) -> str | None:
    return seen.grants[0].unit if seen.grants else None


def _facts(seen: Seen) -> dict[str, object]:
    account = seen.account
    return {
        "username": account.username,
        "name": account.name,
        "language": account.language,
        "disabled": account.disabled_ms is not None,
        "grants": [f"{held.role}@{held.unit}" for held in seen.grants],
    }


def _account(seen: Seen) -> AccountOut:
    account = seen.account
    return AccountOut(
        id=account.id,
        username=account.username,
        name=account.name,
        language=account.language,
        grants=[GrantOut(role=each.role, unit=each.unit, unit_name=each.unit_name) for each in seen.grants],
        disabled=account.disabled_ms is not None,
        must_change_password=account.must_change_password,
        last_login_ms=account.last_login_ms,
        second_factor=seen.second_factor,
        login="password" if account.password_hash else "provider",
    )
