"""Whom a verified identity stands for, and what may become of one nobody knows yet; never commits."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.oidc_rules import (
    MAX_SUBJECT_CHARACTERS,
    is_id_number,
    mapped_roles,
    shown_name,
    wished_username,
)
from hub.accounts.oidc_tables import ExternalIdentity
from hub.accounts.rules import ROLES
from hub.accounts.tables import Account, Grant
from hub.errors import Conflict, Invalid
from hub.folding import folded
from hub.login_providers import ProviderSettings
from hub.organisation.tables import Unit

Refusal: TypeAlias = Literal["no_account", "no_role", "disabled", "id_number"]


@dataclass(frozen=True, slots=True)
class Met:
    """Who logged in by a provider, or why that is not possible; commit it in either case.

    `before` and `after` are the account's grants, if this login changed them.
    """

    account: Account | None = None
    refused: Refusal | None = None
    created: bool = False
    roles: frozenset[str] = frozenset()
    before: frozenset[tuple[str, str]] | None = None
    after: frozenset[tuple[str, str]] | None = None


async def meet(
    session: AsyncSession, provider: str, settings: ProviderSettings, claims: Mapping[str, Any], now_ms: int
) -> Met:
    """Finds or makes the account of an identity that the provider has just vouched for."""
    subject: str = claims["sub"]
    if is_id_number(subject) or len(subject) > MAX_SUBJECT_CHARACTERS:
        return Met(refused="id_number")
    identity = await _identity(session, settings.issuer, subject)
    if identity is None:
        return await _first_time(session, provider, settings, claims, now_ms)
    account = await session.get_one(Account, identity.account_id)
    if account.disabled_ms is not None:
        return Met(account, "disabled")
    before = after = await _grants(session, account.id)
    if identity.managed:
        after = await _known(session, mapped_roles(claims.get(settings.role_claim), settings.roles))
        if after != before:
            await _grant(session, account.id, after)
    changed = (before, after) if after != before else (None, None)
    if not after:
        return Met(account, "no_role", before=changed[0], after=changed[1])
    identity.verified, identity.last_login_ms = True, now_ms
    return Met(account, roles=_roles(after), before=changed[0], after=changed[1])


async def link(
    session: AsyncSession,
    account_id: int,
    provider: str,
    issuer: str,
    subject: str,
    now_ms: int,
    *,
    verified: bool,
) -> ExternalIdentity:
    """Notes that an identity is an account's; `Conflict` if it is another's."""
    if is_id_number(subject) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
        raise Invalid("this is no opaque subject but a number of a person, or too long", field="subject",
                      value="(hidden)", fix="let the provider give pairwise subjects")  # fmt: skip
    identity = await _identity(session, issuer, subject)
    if identity is None:
        identity = ExternalIdentity(
            account_id=account_id, provider=provider, issuer=issuer, subject=subject, linked_ms=now_ms
        )
        session.add(identity)
    elif identity.account_id != account_id:
        raise Conflict("the identity belongs to another account", field="subject", value="(hidden)",
                       fix="take it away from that account first")  # fmt: skip
    identity.verified = identity.verified or verified
    await session.flush()
    return identity


async def identities_of(session: AsyncSession, account_id: int) -> list[ExternalIdentity]:
    """Lists an account's identities, the oldest first."""
    query = select(ExternalIdentity).where(ExternalIdentity.account_id == account_id)
    return list((await session.scalars(query.order_by(ExternalIdentity.id))).all())


async def unlink(session: AsyncSession, account_id: int, identity_id: int) -> ExternalIdentity | None:
    """Forgets an identity of an account; None if it has no such one."""
    identity = await session.get(ExternalIdentity, identity_id)
    if identity is None or identity.account_id != account_id:
        return None
    await session.delete(identity)
    return identity


async def _first_time(
    session: AsyncSession, provider: str, settings: ProviderSettings, claims: Mapping[str, Any], now_ms: int
) -> Met:
    if settings.provision == "linked":
        return Met(refused="no_account")
    grants = await _known(session, mapped_roles(claims.get(settings.role_claim), settings.roles))
    if not grants:
        return Met(refused="no_role")
    username = await _free_username(session, provider, wished_username(claims))
    name = shown_name(claims) or username
    account = Account(
        username=username,
        name=name,
        password_hash="",  # none: only the provider lets this person in
        language="en" if str(claims.get("locale", "")).startswith("en") else "vi",
        search=folded(f"{username} {name}"),
        created_ms=now_ms,
    )
    session.add(account)
    await session.flush()
    await _grant(session, account.id, grants)
    identity = await link(
        session, account.id, provider, settings.issuer, claims["sub"], now_ms, verified=True
    )
    identity.managed, identity.last_login_ms = True, now_ms
    return Met(account, created=True, roles=_roles(grants), after=grants)


def _roles(grants: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(role for role, _ in grants)


async def _identity(session: AsyncSession, issuer: str, subject: str) -> ExternalIdentity | None:
    query = select(ExternalIdentity).where(
        ExternalIdentity.issuer == issuer, ExternalIdentity.subject == subject
    )
    return (await session.scalars(query)).one_or_none()


async def _grants(session: AsyncSession, account_id: int) -> frozenset[tuple[str, str]]:
    rows = await session.execute(select(Grant.role, Grant.unit_code).where(Grant.account_id == account_id))
    return frozenset((role, unit) for role, unit in rows)


async def _grant(session: AsyncSession, account_id: int, grants: Iterable[tuple[str, str]]) -> None:
    await session.execute(delete(Grant).where(Grant.account_id == account_id))
    session.add_all(Grant(account_id=account_id, role=role, unit_code=unit) for role, unit in sorted(grants))
    await session.flush()


async def _known(session: AsyncSession, grants: set[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Gives those of the pairs whose role and unit exist."""
    units = {unit for _, unit in grants}
    there = set((await session.scalars(select(Unit.code).where(Unit.code.in_(units)))).all())
    return frozenset((role, unit) for role, unit in grants if role in ROLES and unit in there)


async def _free_username(session: AsyncSession, provider: str, wished: str) -> str:
    """Gives a free name that begins with the provider's, so that nobody passes for a local account."""
    for _ in range(20):
        username = f"{provider}.{wished or secrets.token_hex(4)}"[:64]
        if await session.scalar(select(Account.id).where(Account.username == username)) is None:
            return username
        wished = f"{wished[:24]}-{secrets.token_hex(2)}" if wished else ""
    raise Conflict("no free user name was found", fix="try again")
