"""`hub user` and `hub token`: accounts and tokens, for whoever has the machine's shell."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hub import clock
from hub.command_line.configured import in_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from hub.accounts.tables import Account

T = TypeVar("T")

users = typer.Typer(no_args_is_help=True, help="Accounts of people.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens of programs and wall screens.")

Username = Annotated[str, typer.Argument(help="The name the person logs in with.")]
Role = Annotated[str, typer.Option(help="What is permitted, as a role, for example technician.")]
Unit = Annotated[str, typer.Option(help="Code of the school, office or department it is for.")]


@users.command("add")
def add_user(
    username: Username,
    role: Role,
    unit: Unit,
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    language: Annotated[str, typer.Option(help="vi or en")] = "vi",
) -> None:
    """Add an account; the password is asked for, or read from standard input."""
    from hub.accounts.service import check_password, create_account

    if language not in {"vi", "en"}:
        raise wrong("--language", language, "write vi or en")

    async def add(session: AsyncSession) -> None:
        await _check_role_and_unit(session, role, unit)
        account_id = await create_account(
            session, username, name or username, password, [(role, unit)], language, now_ms=clock.now_ms()
        )
        await _note(session, "account.create", account_id, unit, f"{username}: {role}@{unit}")

    password = _ask_password()
    in_database(_checked(lambda: check_password(password, username), add))
    print(f"{username} is {role} of {unit}.")


@users.command("list")
def list_users(
    role: Annotated[str, typer.Option(help="Only holders of this role.")] = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="Only accounts that are disabled.")] = False,
) -> None:
    """List accounts: name, roles, second factor, last login."""
    from hub.accounts.directory import Seen, Wanted, list_accounts

    wanted = Wanted(role=role or None, disabled=True if disabled else None)

    async def all_of(session: AsyncSession) -> list[Seen]:
        if role:
            _check_role(role)
        return await list_accounts(session, None, wanted, after=None, limit=100_000)

    for seen in in_database(all_of):
        account = seen.account
        roles = ", ".join(f"{held.role}@{held.unit}" for held in seen.grants) or "no role"
        marks = ["disabled"] if account.disabled_ms is not None else []
        marks += ["second factor"] if seen.second_factor else []
        print(f"{account.username}\t{account.name}\t{roles}" + (f"\t({', '.join(marks)})" if marks else ""))


@users.command("grant")
def grant(
    username: Username,
    role: Role,
    unit: Unit,
    take: Annotated[bool, typer.Option("--take", help="Take the role away instead.")] = False,
) -> None:
    """Give an account a role in a unit and everything below it, or take it away."""
    from hub.accounts.directory import get_account, replace_grants
    from hub.web.principal import PERMISSIONS, Schools

    async def change(session: AsyncSession, account: Account) -> None:
        await _check_role_and_unit(session, role, unit)

        async def reach(code: str) -> Schools:
            return None

        seen = await get_account(session, account.id, None)
        before = [(held.role, held.unit) for held in seen.grants]
        if take and (role, unit) not in before:
            held = ", ".join(f"{each}@{where}" for each, where in before) or "none"
            raise wrong("--role", role, f"{username} does not have it in {unit}; there is {held}")
        after = [each for each in before if each != (role, unit)] + ([] if take else [(role, unit)])
        await replace_grants(session, seen, after, dict.fromkeys(PERMISSIONS), reach)
        done = f"{role}@{unit} {'taken' if take else 'given'}"
        await _note(session, "account.grants", account.id, unit, done)

    _with_account(username, change)
    print(f"{username} is {'no longer ' if take else ''}{role} of {unit}.")


@users.command("disable")
def disable(username: Username) -> None:
    """Disable an account: its sessions and tokens end at once."""
    _switch(username, disabled=True)
    print(f"{username} is disabled.")


@users.command("enable")
def enable(username: Username) -> None:
    """Let a disabled account in again."""
    _switch(username, disabled=False)
    print(f"{username} may log in again.")


@users.command("password")
def set_user_password(username: Username) -> None:
    """Set an account's password (asked for, or from standard input) and end its sessions."""
    from hub.accounts.passwords import hash_password
    from hub.accounts.service import check_password, set_password

    password = _ask_password()

    async def change(session: AsyncSession, account: Account) -> None:
        await set_password(session, account.id, await hash_password(password), temporary=False)
        await _note(session, "account.password", account.id, None)

    _with_account(username, change, lambda: check_password(password, username))


@users.command("reset-password")
def reset_password(username: Username) -> None:
    """Give a temporary password, printed once; it must be changed at the next login."""
    from hub.accounts.passwords import hash_password
    from hub.accounts.service import set_password, temporary_password

    password = temporary_password()

    async def change(session: AsyncSession, account: Account) -> None:
        await set_password(session, account.id, await hash_password(password), temporary=True)
        await _note(session, "account.reset-password", account.id, None)

    _with_account(username, change)
    print(password)


@users.command("reset-second-factor")
def reset_second_factor(username: Username) -> None:
    """Take the second factor away and end the sessions, for somebody who lost the telephone."""
    from hub.accounts import second_factor
    from hub.accounts.service import end_sessions

    async def change(session: AsyncSession, account: Account) -> bool:
        was_on = await second_factor.remove(session, account.id)
        await end_sessions(session, account.id)
        await _note(session, "second-factor.reset", account.id, None)
        return was_on

    was_on = _with_account(username, change)
    print(f"{username} logs in with the password alone." if was_on else f"{username} had no second factor.")


@tokens.command("api")
def api_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Role,
    unit: Unit,
    days: Annotated[int, typer.Option(min=1, max=1095, help="Days until it ends.")] = 365,
) -> None:
    """Create a token for a program; it is shown once."""
    from hub.accounts.service import create_token

    now_ms = clock.now_ms()

    async def create(session: AsyncSession) -> str:
        await _check_role_and_unit(session, role, unit)
        end_ms = now_ms + days * 86_400_000
        secret = await create_token(
            session, "api", name, now_ms, role=role, unit_code=unit, expires_ms=end_ms
        )
        await _note(session, "token.create", None, unit, f"{name}: {role}@{unit}, {days} days")
        return secret

    print(in_database(create))


@tokens.command("wall")
def wall_token(
    name: Annotated[str, typer.Argument(help="Where the screen hangs.")],
    unit: Annotated[str, typer.Option(help="Code of the unit it shows.")],
    wall: Annotated[str, typer.Option(help="The wall it opens.")] = "main",
) -> None:
    """Create a view-only token for a wall screen; it is shown once."""
    from hub.accounts.service import create_wall_token

    async def create(session: AsyncSession) -> str:
        await _check_unit(session, unit)
        secret = await create_wall_token(session, name, unit, clock.now_ms(), wall=wall)
        await _note(session, "token.create", None, unit, f"{name}: wall {wall}")
        return secret

    print(in_database(create))


@tokens.command("list")
def list_tokens() -> None:
    """List tokens of programs and walls by number; their secrets are nowhere."""
    from hub.accounts import service

    for token, _, owner in in_database(
        lambda session: service.list_tokens(session, None, None, None, after=None, limit=100_000)
    ):
        end = (
            "no end"
            if token.expires_ms is None
            else f"until {datetime.fromtimestamp(token.expires_ms / 1000, UTC):%Y-%m-%d}"
        )
        print(f"{token.id}\t{token.kind}\t{token.name}\t{token.role}@{token.unit_code}\t{end}\t{owner or ''}")


@tokens.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(help="As `hub token list` shows it.")]) -> None:
    """End a token: the next request that carries it is refused."""
    from hub.accounts import service

    async def revoke(session: AsyncSession) -> None:
        token = await service.find_token(session, number, None)
        if token is None:
            raise wrong("NUMBER", str(number), "there is no such token; `hub token list` shows them")
        unit, name = token.unit_code, token.name
        await service.revoke_token(session, number)
        await _note(session, "token.revoke", None, unit, name)

    in_database(revoke)


def wrong(option: str, value: str, fix: str) -> typer.BadParameter:
    """Makes the error of a wrong argument, which names it, what was found, and what to write."""
    return typer.BadParameter(f"{value!r}: {fix}", param_hint=option)


def _check_role(role: str) -> None:
    from hub.accounts.rules import ROLES

    if role not in ROLES:
        raise wrong("--role", role, f"there is no such role; write one of {', '.join(ROLES)}")


async def _check_role_and_unit(session: AsyncSession, role: str, unit: str) -> None:
    _check_role(role)
    await _check_unit(session, unit)


async def _check_unit(session: AsyncSession, unit: str) -> None:
    import difflib

    from sqlalchemy import select

    from hub.organisation.tables import Unit as UnitRow

    codes = set((await session.execute(select(UnitRow.code))).scalars())
    if unit in codes:
        return
    near = difflib.get_close_matches(unit.upper(), codes, n=1)
    advice = f"did you mean {near[0]}?" if near else "`hub import` fills in the province's units"
    raise wrong("--unit", unit, f"there is no such unit; {advice}")


def _with_account(
    username: str,
    change: Callable[[AsyncSession, Account], Awaitable[T]],
    check: Callable[[], None] | None = None,
) -> T:
    from hub.accounts.service import find_account

    async def run(session: AsyncSession) -> T:
        account = await find_account(session, username)
        if account is None:
            raise wrong("USERNAME", username, "there is no such account; `hub user list` shows them")
        return await change(session, account)

    return in_database(_checked(check, run) if check else run)


def _checked(
    check: Callable[[], None], change: Callable[[AsyncSession], Awaitable[T]]
) -> Callable[[AsyncSession], Awaitable[T]]:
    async def run(session: AsyncSession) -> T:
        check()
        return await change(session)

    return run


def _switch(username: str, *, disabled: bool) -> None:
    from hub.accounts.directory import switch

    async def change(session: AsyncSession, account: Account) -> None:
        await switch(session, account, disabled=disabled, now_ms=clock.now_ms())
        await _note(session, "account.change", account.id, None, "disabled" if disabled else "enabled")

    _with_account(username, change)


async def _note(
    session: AsyncSession, action: str, account_id: int | None, unit: str | None, text: str = ""
) -> None:
    from hub.audit.trail import by_command, record

    object_ = f"account:{account_id}" if account_id is not None else "token"
    await record(session, by_command(action, object_, unit=unit, text=text))


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
