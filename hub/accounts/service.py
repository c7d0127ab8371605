"""Accounts, their sessions, and tokens; never commits."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.passwords import hash_password, needs_new_hash
from hub.accounts.rules import ROLES, SESSION_ENDS, WALL_ROLE, SessionEnds, password_fault
from hub.accounts.tables import AccessToken, Account, Grant
from hub.errors import Conflict, Invalid, WeakPassword
from hub.folding import folded
from hub.organisation.tables import Unit
from hub.web.principal import Schools
from hub.wording import said

TokenKind: TypeAlias = Literal["session", "api", "wall"]

SESSION_LONGEST_MS = SESSION_ENDS.longest_ms
MAX_SESSIONS = 50
_AGENT_CHARACTERS = 200
EASY_TO_READ = "abcdefghkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a valid token stands for: the grants of its account, and the one of its own if it has one."""

    token: AccessToken
    account: Account | None
    grants: tuple[tuple[str, str], ...]
    own: tuple[str, str] | None = None


async def create_account(
    session: AsyncSession,
    username: str,
    name: str,
    password: str,
    grants: Iterable[tuple[str, str]],
    language: str = "vi",
    *,
    now_ms: int = 0,
    temporary: bool = False,
) -> int:
    """Creates an account with (role, unit code) grants and gives its id; `Conflict` if the name is taken.

    A temporary password must be changed after the first login. Without a password (an empty text) the
    account can only log in through a provider.
    """
    grants = list(dict.fromkeys(grants))
    for role, _ in grants:
        check_role(role)
    username = username.strip().lower()
    if password:
        check_password(password, username)
    # before the first statement: a database of one file has one writer at a time
    password_hash = await hash_password(password) if password else ""
    if await find_account(session, username) is not None:
        raise Conflict("the username is taken", field="username", value=username, fix="choose another")
    account = Account(
        username=username,
        name=name,
        password_hash=password_hash,
        language=language,
        search=folded(f"{username} {name}"),
        created_ms=now_ms,
        must_change_password=temporary,
    )
    session.add(account)
    await _flush_of_name(session, username)
    session.add_all(Grant(account_id=account.id, role=role, unit_code=unit) for role, unit in grants)
    await _flush_of_unit(session, ", ".join(unit for _, unit in grants))
    return account.id


async def set_password(
    session: AsyncSession, account_id: int, password_hash: str, *, temporary: bool, keep: int | None = None
) -> None:
    """Sets a password by its hash and ends the account's sessions, but for the one to keep."""
    values = {"password_hash": password_hash, "must_change_password": temporary}
    await session.execute(update(Account).where(Account.id == account_id).values(values))
    await end_sessions(session, account_id, keep=keep)


async def find_account(session: AsyncSession, username: str) -> Account | None:
    """Finds an account by its name, in any case of letters."""
    query = select(Account).where(Account.username == username.strip().lower())
    return (await session.execute(query)).scalar_one_or_none()


async def log_in(
    session: AsyncSession,
    account: Account,
    now_ms: int,
    *,
    ends: SessionEnds = SESSION_ENDS,
    address: str = "",
    agent: str = "",
) -> str:
    """Opens a login session and gives its secret; of too many sessions the oldest end."""
    secret = await create_token(
        session,
        "session",
        account.username,
        now_ms,
        account_id=account.id,
        expires_ms=ends.of(now_ms, now_ms),
        address=address,
        agent=agent[:_AGENT_CHARACTERS],
    )
    await session.execute(update(Account).where(Account.id == account.id).values(last_login_ms=now_ms))
    newest = _sessions(account.id).order_by(AccessToken.id.desc()).limit(MAX_SESSIONS)
    await session.execute(
        delete(AccessToken).where(
            AccessToken.account_id == account.id, AccessToken.kind == "session", AccessToken.id.not_in(newest)
        )
    )
    return secret


async def list_sessions(
    session: AsyncSession, account_id: int, now_ms: int, *, after: int | None, limit: int
) -> list[AccessToken]:
    """Lists an account's login sessions that have not ended, the newest first."""
    query = select(AccessToken).where(
        AccessToken.account_id == account_id, AccessToken.kind == "session", AccessToken.expires_ms > now_ms
    )
    if after is not None:
        query = query.where(AccessToken.id < after)
    return list((await session.execute(query.order_by(AccessToken.id.desc()).limit(limit))).scalars())


async def end_sessions(
    session: AsyncSession, account_id: int, *, only: int | None = None, keep: int | None = None
) -> int:
    """Ends an account's login sessions (or one of them), but for one to keep; gives how many."""
    query = _sessions(account_id)
    if only is not None:
        query = query.where(AccessToken.id == only)
    if keep is not None:
        query = query.where(AccessToken.id != keep)
    ended = list((await session.execute(query)).scalars())
    await session.execute(delete(AccessToken).where(AccessToken.id.in_(ended)))
    return len(ended)


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
    address: str = "",
    agent: str = "",
    wall: str | None = None,
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
            last_used_ms=now_ms if kind == "session" else None,
            address=address,
            agent=agent,
            wall=wall,
        )
    )
    await _flush_of_unit(session, unit_code)
    return secret


async def create_wall_token(
    session: AsyncSession,
    name: str,
    unit_code: str,
    now_ms: int,
    expires_ms: int | None = None,
    *,
    wall: str = "main",
) -> str:
    """Creates a view-only token of a wall screen and gives its secret."""
    return await create_token(
        session, "wall", name, now_ms, role=WALL_ROLE, unit_code=unit_code, expires_ms=expires_ms, wall=wall
    )


async def credential(session: AsyncSession, secret: str, now_ms: int) -> Credential | None:
    """Gives what a secret stands for, if it is a token that has not ended, of an account that may log in."""
    query = (
        select(AccessToken, Account)
        .outerjoin(Account, Account.id == AccessToken.account_id)
        .where(AccessToken.hash == token_hash(secret))
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or (found[0].expires_ms is not None and found[0].expires_ms <= now_ms):
        return None
    token: AccessToken = found[0]
    account: Account | None = found[1]
    if account is not None and account.disabled_ms is not None:
        return None
    own = (token.role, token.unit_code) if token.role is not None and token.unit_code is not None else None
    grants: tuple[tuple[str, str], ...] = ()
    if account is not None:
        query_grants = select(Grant.role, Grant.unit_code).where(Grant.account_id == account.id)
        grants = tuple((role, unit) for role, unit in await session.execute(query_grants.order_by(Grant.id)))
    return Credential(token, account, grants, own)


async def touch(session: AsyncSession, token_id: int, used_ms: int, expires_ms: int | None) -> None:
    """Notes that a token is in use, and when it ends now."""
    values = {"last_used_ms": used_ms, "expires_ms": expires_ms}
    await session.execute(update(AccessToken).where(AccessToken.id == token_id).values(values))


async def revoke_token(session: AsyncSession, token_id: int) -> None:
    """Ends a token at once."""
    await session.execute(delete(AccessToken).where(AccessToken.id == token_id))


async def list_tokens(
    session: AsyncSession,
    where: Schools,
    kind: TokenKind | None,
    owner: int | None,
    *,
    after: int | None,
    limit: int,
) -> list[tuple[AccessToken, str, str | None]]:
    """Lists tokens of programs and walls for units inside `where`: with the unit's name and the owner's."""
    query = (
        select(AccessToken, Unit.name, Account.username)
        .join(Unit, Unit.code == AccessToken.unit_code)
        .outerjoin(Account, Account.id == AccessToken.account_id)
        .where(AccessToken.kind.in_(("api", "wall")))
    )
    if where is not None:
        query = query.where(AccessToken.unit_code.in_(where))
    if kind is not None:
        query = query.where(AccessToken.kind == kind)
    if owner is not None:
        query = query.where(AccessToken.account_id == owner)
    if after is not None:
        query = query.where(AccessToken.id < after)
    found = await session.execute(query.order_by(AccessToken.id.desc()).limit(limit))
    return [(token, unit, username) for token, unit, username in found]


async def find_token(session: AsyncSession, token_id: int, where: Schools) -> AccessToken | None:
    """Finds a token of a program or a wall for a unit inside `where`."""
    token = await session.get(AccessToken, token_id)
    if token is None or token.kind == "session":
        return None
    return token if where is None or token.unit_code in where else None


async def forget_ended(session: AsyncSession, now_ms: int) -> None:
    """Deletes tokens that have ended."""
    await session.execute(delete(AccessToken).where(AccessToken.expires_ms <= now_ms))


def token_hash(secret: str) -> str:
    """Hashes a secret for storing; it is long and random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_role(role: str) -> None:
    """Raises `Invalid` for a role that does not exist."""
    if role not in ROLES:
        raise Invalid(
            "there is no such role",
            field="role",
            value=role,
            fix=said("use one of {known}", known=", ".join(ROLES)),
        )


def check_password(password: str, username: str = "", field: str = "password") -> None:
    """Raises `WeakPassword` for a password that is too easy to guess."""
    if fault := password_fault(password, username):
        raise WeakPassword(
            said("the password is too weak: {fault}", fault=fault),
            field=field,
            value="(hidden)",
            fix="use 10 to 256 characters; several words are easy to remember",
        )


def temporary_password() -> str:
    """Makes a password to be read out once and changed at the first login."""
    return "-".join("".join(secrets.choice(EASY_TO_READ) for _ in range(4)) for _ in range(4))


def _sessions(account_id: int) -> Select[Any]:
    return select(AccessToken.id).where(AccessToken.account_id == account_id, AccessToken.kind == "session")


async def _flush_of_name(session: AsyncSession, username: str) -> None:
    try:
        await session.flush()
    except IntegrityError:  # somebody else took it a moment ago
        raise Conflict(
            "the username is taken", field="username", value=username, fix="choose another"
        ) from None


async def _flush_of_unit(session: AsyncSession, unit_code: str | None) -> None:
    try:
        await session.flush()
    except IntegrityError:
        fix = "use a code of GET /api/v1/organisation/units; `hub import` brings them in"
        raise Invalid("there is no such unit", field="unit", value=unit_code, fix=fix) from None
