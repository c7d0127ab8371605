"""Accounts as administrators see and change them, each within what they may themselves; never commits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.rules import WALL_ROLE, covers, may_grant
from hub.accounts.service import check_role
from hub.accounts.tables import AccessToken, Account, Grant, SecondFactor
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.folding import folded
from hub.organisation.tables import Unit
from hub.web.principal import PermissionName, Schools
from hub.wording import said

Reach: TypeAlias = Callable[[str], Awaitable[Schools]]
"""Gives the units below a unit: nothing for one that does not exist, None for everything."""
Own: TypeAlias = Mapping[PermissionName, Schools]
"""What the asker may where."""


@dataclass(frozen=True, slots=True)
class Held:
    """A role in a unit, with the unit's name."""

    role: str
    unit: str
    unit_name: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An account with those of its grants that the asker may see."""

    account: Account
    grants: tuple[Held, ...]
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What accounts are looked for."""

    q: str = ""
    role: str | None = None
    units: Schools = None
    disabled: bool | None = None


async def list_accounts(
    session: AsyncSession, where: Schools, wanted: Wanted, *, after: str | None, limit: int
) -> list[Seen]:
    """Lists accounts with a grant inside `where` (None: all accounts) by user name."""
    query = _visible(where)
    if wanted.q:
        query = query.where(Account.search.contains(folded(wanted.q.strip()), autoescape=True))
    if wanted.role is not None or wanted.units is not None:
        granted = [_inside(where), _inside(wanted.units)]
        granted += [Grant.role == wanted.role] if wanted.role is not None else []
        query = query.where(exists().where(Grant.account_id == Account.id, *granted))
    if wanted.disabled is not None:
        query = query.where(Account.disabled_ms.is_not(None) == wanted.disabled)
    if after is not None:
        query = query.where(Account.username > after)
    found = (await session.execute(query.order_by(Account.username).limit(limit))).scalars().all()
    return await see(session, found, where)


async def get_account(session: AsyncSession, account_id: int, where: Schools) -> Seen:
    """Gives an account; one without a grant inside `where` looks like one that does not exist."""
    found = (await session.execute(_visible(where).where(Account.id == account_id))).scalars().all()
    if not found:
        raise NotFound(
            said("there is no account {account_id}", account_id=account_id),
            field="id",
            value=account_id,
            fix="use an id of GET /api/v1/accounts",
        )
    return (await see(session, found, where))[0]


async def require_power(session: AsyncSession, account_id: int, own: Own, reach: Reach) -> None:
    """Raises `Forbidden` if an account may anything that the asker may not: taking it over would give it."""
    query = select(Grant.role, Grant.unit_code).where(Grant.account_id == account_id)
    for role, unit in (await session.execute(query)).all():
        if not may_grant(own, role, await reach(unit)):
            raise Forbidden("the account may do something that you may not",
                            fix="ask an administrator of the department")  # fmt: skip


async def check_grants(
    wanted: Sequence[tuple[str, str]], own: Own, reach: Reach, field: str = "grants"
) -> None:
    """Raises `Invalid` for a role or a unit that is not there for the asker, `Forbidden` for too much."""
    for role, unit in wanted:
        check_role(role)
        await _check(role, unit, own, reach, "accounts.write", field)


async def check_token(role: str, unit: str, own: Own, reach: Reach) -> None:
    """Raises the same for the role that a token is to have in a unit."""
    if role != WALL_ROLE:
        check_role(role)
    await _check(role, unit, own, reach, "tokens.write", "unit")


async def _check(role: str, unit: str, own: Own, reach: Reach, by: PermissionName, field: str) -> None:
    where = await reach(unit)
    if where == frozenset() or not covers(own.get(by, frozenset()), where):
        raise Invalid("there is no such unit", field=field, value=unit,
                      fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    if not may_grant(own, role, where):
        raise Forbidden(
            said("the role {role} permits more in {unit} than you may yourself", role=role, unit=unit),
            fix="give a role that permits no more than your own",
        )


async def replace_grants(
    session: AsyncSession, seen: Seen, wanted: Sequence[tuple[str, str]], own: Own, reach: Reach
) -> None:
    """Gives an account other roles, of those that the asker sees; the rest stays as it is."""
    before = {(held.role, held.unit) for held in seen.grants}
    after = set(wanted)
    await check_grants(sorted(after - before), own, reach)
    was_last = await administrators(session) == {seen.account.id}
    for role, unit in sorted(before - after):
        if not may_grant(own, role, await reach(unit)):
            raise Forbidden(
                said("the role {role} in {unit} is not yours to take", role=role, unit=unit),
                fix="leave it as it is",
            )
        await session.execute(
            delete(Grant).where(
                Grant.account_id == seen.account.id, Grant.role == role, Grant.unit_code == unit
            )
        )
    account_id = seen.account.id
    session.add_all(Grant(account_id=account_id, role=role, unit_code=unit) for role, unit in after - before)
    await session.flush()
    if was_last and not await administrators(session):
        raise _is_last()


async def change(session: AsyncSession, account: Account, *, name: str | None, language: str | None) -> None:
    """Changes an account's name or language."""
    account.name = account.name if name is None else name
    account.language = account.language if language is None else language
    account.search = folded(f"{account.username} {account.name}")
    await session.flush()


async def switch(session: AsyncSession, account: Account, *, disabled: bool, now_ms: int) -> None:
    """Disables an account, which ends its sessions and tokens at once, or lets it in again."""
    if disabled and await administrators(session) == {account.id}:
        raise _is_last()
    account.disabled_ms = now_ms if disabled else None
    if disabled:
        await session.execute(delete(AccessToken).where(AccessToken.account_id == account.id))
    await session.flush()


async def administrators(session: AsyncSession) -> set[int]:
    """Gives the accounts that may do everything, held until the transaction ends.

    Of two administrators who leave at once, the second so sees that the first has gone.
    """
    query = (
        select(Account.id, Account.disabled_ms)
        .join(Grant, Grant.account_id == Account.id)
        .join(Unit, Unit.code == Grant.unit_code)
        .where(Grant.role == "administrator", Unit.kind == "department")
        .order_by(Account.id)
        .with_for_update(of=Account)
    )
    return {row.id for row in await session.execute(query) if row.disabled_ms is None}


def _is_last() -> Conflict:
    return Conflict("this is the last administrator of the department",
                    fix="make somebody else an administrator first")  # fmt: skip


def _inside(where: Schools) -> ColumnElement[bool]:
    return Grant.id.is_not(None) if where is None else Grant.unit_code.in_(where)


def _visible(where: Schools) -> Select[Any]:
    query = select(Account)
    if where is None:
        return query
    return query.where(exists().where(Grant.account_id == Account.id, _inside(where)))


async def see(session: AsyncSession, accounts: Sequence[Account], where: Schools) -> list[Seen]:
    """Gives accounts with those of their grants that are inside `where`."""
    ids = [account.id for account in accounts]
    query = (
        select(Grant.account_id, Grant.role, Grant.unit_code, Unit.name)
        .join(Unit, Unit.code == Grant.unit_code)
        .where(Grant.account_id.in_(ids), _inside(where))
        .order_by(Grant.id)
    )
    held: dict[int, list[Held]] = {each: [] for each in ids}
    for account_id, role, unit, name in await session.execute(query):
        held[account_id].append(Held(role, unit, name))
    confirmed = select(SecondFactor.account_id).where(
        SecondFactor.account_id.in_(ids), SecondFactor.confirmed_ms.is_not(None)
    )
    factors = set((await session.execute(confirmed)).scalars())
    return [Seen(each, tuple(held[each.id]), each.id in factors) for each in accounts]
