"""Keeps codes and certificates of nodes; never commits. Signing is the caller's."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.enrolment.tables import EnrolmentCode, NodeCertificate
from hub.errors import Conflict


def hash_of(secret: str) -> str:
    """Gives what is kept of a code's secret; takes 50 ms, so that a stolen table is of no use."""
    salt = b"smart-classroom enrolment code"
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, maxmem=2**26, dklen=32).hex()


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was signed just now."""

    serial: str
    fingerprint: str
    group: str
    node: str
    issued_ms: int
    not_after_ms: int
    renewal_of: str | None = None


async def add_code(
    session: AsyncSession, group: str, node: str, hash_: str, by: str, now_ms: int, expires_ms: int
) -> EnrolmentCode:
    """Keeps a new code; an open one of the same node ends with it.

    Raises `Conflict` for a node that is of another group: its id would stand for two boxes.
    """
    other = await group_of(session, node, now_ms)
    if other not in {None, group}:
        raise Conflict("another school has a node of this id", field="node", value=node,
                       fix="choose another id, such as the school's code with -a1")  # fmt: skip
    earlier = update(EnrolmentCode).where(
        EnrolmentCode.node == node, EnrolmentCode.used_ms.is_(None), EnrolmentCode.revoked_ms.is_(None)
    )
    await session.execute(earlier.values(revoked_ms=now_ms))
    code = EnrolmentCode(
        group_code=group, node=node, hash=hash_, created_by=by, created_ms=now_ms, expires_ms=expires_ms
    )
    session.add(code)
    await session.flush()
    return code


async def group_of(session: AsyncSession, node: str, now_ms: int) -> str | None:
    """Gives the group that a node id belongs to by a certificate that holds or a code that is open."""
    held = select(NodeCertificate.group_code).where(
        NodeCertificate.node == node,
        NodeCertificate.revoked_ms.is_(None),
        NodeCertificate.not_after_ms > now_ms,
    )
    found = (await session.execute(held.limit(1))).scalar()
    if found is not None:
        return found
    promised = select(EnrolmentCode.group_code).where(
        EnrolmentCode.node == node,
        EnrolmentCode.used_ms.is_(None),
        EnrolmentCode.revoked_ms.is_(None),
        EnrolmentCode.expires_ms > now_ms,
    )
    return (await session.execute(promised.limit(1))).scalar()


async def use_code(session: AsyncSession, hash_: str, now_ms: int) -> EnrolmentCode | None:
    """Uses a code up and gives it; None if there is none that is still good. Two at once: one gets it."""
    good = (
        EnrolmentCode.hash == hash_,
        EnrolmentCode.used_ms.is_(None),
        EnrolmentCode.revoked_ms.is_(None),
        EnrolmentCode.expires_ms > now_ms,
    )
    used = update(EnrolmentCode).where(*good).values(used_ms=now_ms).returning(EnrolmentCode.id)
    found = (await session.execute(used)).scalar()
    return None if found is None else await session.get(EnrolmentCode, found, populate_existing=True)


async def find_code(
    session: AsyncSession, code_id: int, groups: frozenset[str] | None
) -> EnrolmentCode | None:
    """Gives a code of the given groups (None: of all)."""
    found = await session.get(EnrolmentCode, code_id)
    return found if found is not None and (groups is None or found.group_code in groups) else None


async def list_codes(
    session: AsyncSession,
    groups: frozenset[str] | None,
    *,
    group: str | None,
    node: str | None,
    before_id: int | None,
    limit: int,
) -> Sequence[EnrolmentCode]:
    """Gives codes, the newest first."""
    query = select(EnrolmentCode).order_by(EnrolmentCode.id.desc()).limit(limit)
    if groups is not None:
        query = query.where(EnrolmentCode.group_code.in_(groups))
    if group is not None:
        query = query.where(EnrolmentCode.group_code == group)
    if node is not None:
        query = query.where(EnrolmentCode.node == node)
    if before_id is not None:
        query = query.where(EnrolmentCode.id < before_id)
    return (await session.execute(query)).scalars().all()


async def add_certificate(session: AsyncSession, issued: Issued) -> None:
    """Keeps what was issued."""
    session.add(
        NodeCertificate(
            serial=issued.serial,
            fingerprint=issued.fingerprint,
            group_code=issued.group,
            node=issued.node,
            issued_ms=issued.issued_ms,
            not_after_ms=issued.not_after_ms,
            renewal_of=issued.renewal_of,
        )
    )
    await session.flush()


async def find_certificate(
    session: AsyncSession, serial: str, groups: frozenset[str] | None
) -> NodeCertificate | None:
    """Gives a certificate of the given groups (None: of all)."""
    query = select(NodeCertificate).where(NodeCertificate.serial == serial)
    if groups is not None:
        query = query.where(NodeCertificate.group_code.in_(groups))
    return (await session.execute(query)).scalar_one_or_none()


async def issued_since(session: AsyncSession, node: str, since_ms: int) -> int:
    """Counts the certificates that a node got since then."""
    query = select(func.count()).where(NodeCertificate.node == node, NodeCertificate.issued_ms > since_ms)
    return int((await session.execute(query)).scalar_one())


async def revoke_node(session: AsyncSession, node: str, reason: str, now_ms: int) -> list[str]:
    """Revokes all certificates of a node that hold, and gives their serials.

    All, because a box that has renewed its certificate may hold the one before as well.
    """
    held = (
        NodeCertificate.node == node,
        NodeCertificate.revoked_ms.is_(None),
        NodeCertificate.not_after_ms > now_ms,
    )
    change = update(NodeCertificate).where(*held).values(revoked_ms=now_ms, reason=reason)
    return list((await session.execute(change.returning(NodeCertificate.serial))).scalars())


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates are wanted; None does not matter. `groups` is what the asker may see."""

    groups: frozenset[str] | None = None
    group: str | None = None
    node: str | None = None
    state: str | None = None


async def list_certificates(
    session: AsyncSession, wanted: CertificateFilter, now_ms: int, *, before_id: int | None, limit: int
) -> Sequence[NodeCertificate]:
    """Gives certificates, the newest first."""
    query = select(NodeCertificate).order_by(NodeCertificate.id.desc()).limit(limit)
    if wanted.groups is not None:
        query = query.where(NodeCertificate.group_code.in_(wanted.groups))
    if wanted.group is not None:
        query = query.where(NodeCertificate.group_code == wanted.group)
    if wanted.node is not None:
        query = query.where(NodeCertificate.node == wanted.node)
    if wanted.state == "revoked":
        query = query.where(NodeCertificate.revoked_ms.is_not(None))
    elif wanted.state == "valid":
        query = query.where(NodeCertificate.revoked_ms.is_(None), NodeCertificate.not_after_ms > now_ms)
    elif wanted.state == "expired":
        query = query.where(NodeCertificate.revoked_ms.is_(None), NodeCertificate.not_after_ms <= now_ms)
    if before_id is not None:
        query = query.where(NodeCertificate.id < before_id)
    return (await session.execute(query)).scalars().all()


@dataclass(frozen=True, slots=True)
class Known:
    """What the broker has to know: who may come, what is revoked, and whose sessions are to be ended."""

    nodes: frozenset[tuple[str, str]]
    revoked: dict[str, int]
    """When each serial was revoked, while its certificate has not ended by itself."""
    to_end: dict[str, str]
    """The node of each serial whose revocation the broker does not know of yet."""


async def known(session: AsyncSession, now_ms: int) -> Known:
    """Gives what the broker has to know now."""
    query = select(NodeCertificate).where(
        or_(NodeCertificate.not_after_ms > now_ms, NodeCertificate.revoked_ms.is_not(None)),
        or_(NodeCertificate.not_after_ms > now_ms, NodeCertificate.ended_ms.is_(None)),
    )
    nodes, revoked, to_end = set(), {}, {}
    for each in (await session.execute(query)).scalars():
        if each.revoked_ms is None:
            nodes.add((each.group_code, each.node))
            continue
        if each.not_after_ms > now_ms:
            revoked[each.serial] = each.revoked_ms
        if each.ended_ms is None:
            to_end[each.serial] = each.node
            nodes.add((each.group_code, each.node))  # its will still has to go out when its session ends
    return Known(frozenset(nodes), revoked, to_end)


async def mark_ended(session: AsyncSession, serials: Sequence[str], now_ms: int) -> None:
    """Notes that the broker knows of these revocations and holds no session of theirs any more."""
    change = update(NodeCertificate).where(NodeCertificate.serial.in_(serials))
    await session.execute(change.values(ended_ms=now_ms))
