"""Accounts, grants and tokens; never commits."""

import hashlib
import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.passwords import hash_password, needs_new_hash, password_matches
from hub.accounts.rules import ROLES, WALL_ROLE
from hub.accounts.tables import AccessToken, Account, Grant
from hub.errors import Conflict, Invalid

TokenKind: TypeAlias = Literal["session", "api", "wall"]

SESSION_MS = 12 * 3_600_000
SESSION_LONGEST_MS = 7 * 24 * 3_600_000
MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo, as it is printed at start."""

    username: str
    password: str
    role: str
    unit_code: str
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a valid token stands for."""

    token: AccessToken
    account: Account | None
    grants: tuple[tuple[str, str], ...]


async def create_account(
    session: AsyncSession,
    username: str,
    name: str,
    password: str,
    grants: Iterable[tuple[str, str]],
    language: str = "vi",
) -> int:
    """Creates an account with (role, unit code) grants and gives its id; `Conflict` if the name is taken."""
    grants = list(grants)
    for role, _ in grants:
        check_role(role)
    check_password(password)
    username = username.strip().lower()
    if await _account(session, username) is not None:
        raise Conflict("the username is taken", field="username", value=username, fix="choose another")
    account = Account(
        username=username, name=name, password_hash=await hash_password(password), language=language
    )
    session.add(account)
    await session.flush()
    session.add_all(Grant(account_id=account.id, role=role, unit_code=unit) for role, unit in grants)
    await _flush_of_unit(session, ", ".join(unit for _, unit in grants))
    return account.id


async def set_password(session: AsyncSession, username: str, password: str) -> bool:
    """Sets a password and ends the account's sessions; false if there is no such account."""
    check_password(password)
    account = await _account(session, username)
    if account is None:
        return False
    account.password_hash = await hash_password(password)
    await session.execute(
        delete(AccessToken).where(AccessToken.account_id == account.id, AccessToken.kind == "session")
    )
    return True


async def find_account(session: AsyncSession, username: str) -> Account | None:
    """Finds an account by its name, in any case of letters."""
    return await _account(session, username)


async def log_in(session: AsyncSession, account: Account, now_ms: int) -> str:
    """Opens a login session and gives its secret."""
    return await create_token(
        session, "session", account.username, now_ms, account_id=account.id, expires_ms=now_ms + SESSION_MS
    )


async def renew_hash(session: AsyncSession, account: Account, password: str) -> None:
    """Hashes a right password again if the costs have changed since."""
    if needs_new_hash(account.password_hash):
        new = await hash_password(password)
        await session.execute(update(Account).where(Account.id == account.id).values(password_hash=new))


async def create_token(
    session: AsyncSession,
    kind: TokenKind,
    name: str,
    now_ms: int,
    *,
    role: str | None = None,
    unit_code: str | None = None,
    account_id: int | None = None,
    expires_ms: int | None = None,
) -> str:
    """Creates a token and gives its secret, which is stored nowhere.

    It has `role` in `unit_code`, or without a role the grants of its account.
    """
    if (role is None) != (unit_code is None) or (role is None and account_id is None):
        raise ValueError("a token has a role and a unit, or else an account")
    if role is not None and kind != "wall":
        check_role(role)
    secret = f"hub_{kind}_{secrets.token_urlsafe(32)}"
    session.add(
        AccessToken(
            hash=token_hash(secret),
            kind=kind,
            name=name,
            account_id=account_id,
            role=role,
            unit_code=unit_code,
            created_ms=now_ms,
            expires_ms=expires_ms,
        )
    )
    await _flush_of_unit(session, unit_code)
    return secret


async def create_wall_token(
    session: AsyncSession, name: str, unit_code: str, now_ms: int, expires_ms: int | None = None
) -> str:
    """Creates a view-only token of a wall screen and gives its secret."""
    return await create_token(
        session, "wall", name, now_ms, role=WALL_ROLE, unit_code=unit_code, expires_ms=expires_ms
    )


async def credential(session: AsyncSession, secret: str, now_ms: int) -> Credential | None:
    """Gives what a secret stands for, if it is a token that has not ended."""
    query = (
        select(AccessToken, Account)
        .outerjoin(Account, Account.id == AccessToken.account_id)
        .where(AccessToken.hash == token_hash(secret))
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or (found[0].expires_ms is not None and found[0].expires_ms <= now_ms):
        return None
    token, account = found
    if token.role is not None and token.unit_code is not None:
        return Credential(token, account, ((token.role, token.unit_code),))
    grants = await session.execute(
        select(Grant.role, Grant.unit_code).where(Grant.account_id == token.account_id)
    )
    return Credential(token, account, tuple((role, unit) for role, unit in grants))


def extended_ms(token: AccessToken, now_ms: int) -> int | None:
    """Gives the later end of a session in use, at most once an hour; None if it stays as it is."""
    if token.kind != "session" or token.expires_ms is None:
        return None
    end_ms = min(now_ms + SESSION_MS, token.created_ms + SESSION_LONGEST_MS)
    return end_ms if end_ms - token.expires_ms >= 3_600_000 else None


async def extend(session: AsyncSession, token_id: int, expires_ms: int) -> None:
    """Moves the end of a session."""
    await session.execute(update(AccessToken).where(AccessToken.id == token_id).values(expires_ms=expires_ms))


async def revoke_token(session: AsyncSession, token_id: int) -> None:
    """Ends a token at once."""
    await session.execute(delete(AccessToken).where(AccessToken.id == token_id))


async def forget_ended(session: AsyncSession, now_ms: int) -> None:
    """Deletes tokens that have ended."""
    await session.execute(delete(AccessToken).where(AccessToken.expires_ms <= now_ms))


async def create_demo_accounts(
    session: AsyncSession, seed: int | None, *, root_code: str, school_code: str
) -> list[DemoAccount]:
    """Creates one account per role with passwords of the seed, or random without one.

    Accounts that exist get the password again, so that what is printed is true. School admins and
    contributors are of one school, the others of the whole province.
    """
    chance: random.Random = random.SystemRandom() if seed is None else random.Random(f"demo accounts {seed}")
    made = []
    for role in ROLES:
        unit = school_code if role in {"school_admin", "contributor"} else root_code
        words = "-".join("".join(chance.choices("abcdefghkmnpqrstuvwxyz23456789", k=4)) for _ in range(3))
        demo = DemoAccount(role.replace("_", "-"), words, role, unit, _DEMO_NAMES[role])
        account = await _account(session, demo.username)
        if account is None:
            await create_account(session, demo.username, demo.name, demo.password, [(role, unit)])
        elif not await password_matches(words, account.password_hash):
            account.password_hash = await hash_password(words)
        made.append(demo)
    return made


_DEMO_NAMES = {
    "administrator": "Quản trị hệ thống",
    "operations": "Trực ca vận hành",
    "technician": "Kỹ thuật viên",
    "school_admin": "Quản trị trường",
    "contributor": "Cộng tác viên",
    "budget_viewer": "Kế hoạch – tài chính",
    "inspector": "Thanh tra",
}


def token_hash(secret: str) -> str:
    """Hashes a secret for storing; it is long and random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_role(role: str) -> None:
    """Raises `Invalid` for a role that does not exist."""
    if role not in ROLES:
        raise Invalid("there is no such role", field="role", value=role, fix=f"use one of {', '.join(ROLES)}")


def check_password(password: str) -> None:
    """Raises `Invalid` for a password that is too short or too long."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        limits = f"{MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters"
        raise Invalid(
            "the password is too short or too long", field="password", value=password, fix=f"use {limits}"
        )


async def _flush_of_unit(session: AsyncSession, unit_code: str | None) -> None:
    try:
        await session.flush()
    except IntegrityError:
        fix = "use a code of GET /api/v1/organisation/units; `hub import` brings them in"
        raise Invalid("there is no such unit", field="unit", value=unit_code, fix=fix) from None


async def _account(session: AsyncSession, username: str) -> Account | None:
    query = select(Account).where(Account.username == username.strip().lower())
    return (await session.execute(query)).scalar_one_or_none()
