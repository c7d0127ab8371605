"""Reads the log and proves that it is whole; never commits, and cannot write."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hub.audit.rules import START, Break, Head, Proof, Sealed
from hub.audit.tables import AuditEntry
from hub.folding import folded

ROWS_AT_ONCE = 2000
PROVEN_ACTION = "audit.proven"
BROKEN_ACTION = "audit.broken"
STALE_PROOF_MS = 3 * 86_400_000
MAX_BREAKS = 100

_COLUMNS = tuple(getattr(AuditEntry, name) for name in Sealed._fields)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; `units` None is everywhere, also what belongs to no unit.

    `action` and `object` are meant whole or up to a dot or colon: `asset` finds `asset.move` and `asset:17`.
    """

    units: frozenset[str] | None = None
    who: str | None = None
    action: str | None = None
    object: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class LastProof:
    """What was found when the hub proved the log by itself, and when (ms)."""

    action: str
    text: str
    at_ms: int


LAST_PROOF = (
    select(AuditEntry.action, AuditEntry.text, AuditEntry.at_ms)
    .where(AuditEntry.action.in_([PROVEN_ACTION, BROKEN_ACTION]))
    .order_by(AuditEntry.id.desc())
    .limit(1)
)
"""Asks for it; also of doctors that have a connection alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What proving the log came to: how many entries were read, the last of them, and what is wrong."""

    entries: int
    head: Head
    breaks: tuple[Break, ...]


async def head(session: AsyncSession) -> tuple[Head, int] | None:
    """Gives the newest entry's number and hash, and its time (ms); None while nothing is noted."""
    query = select(AuditEntry.id, AuditEntry.hash, AuditEntry.at_ms).order_by(AuditEntry.id.desc()).limit(1)
    row = (await session.execute(query)).first()
    return (Head(row.id, row.hash), row.at_ms) if row else None


async def list_entries(
    session: AsyncSession, wanted: AuditFilter, *, before_id: int | None, limit: int
) -> list[Sealed]:
    """Gives entries, the newest first."""
    query = _filtered(wanted).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return [Sealed._make(row) for row in await session.execute(query)]


async def read_on(
    session: AsyncSession, wanted: AuditFilter, *, after_id: int, until_id: int, limit: int = ROWS_AT_ONCE
) -> list[Sealed]:
    """Gives entries with numbers in (after, until], the oldest first: one part of an export."""
    query = _filtered(wanted).where(AuditEntry.id > after_id, AuditEntry.id <= until_id)
    return [Sealed._make(row) for row in await session.execute(query.order_by(AuditEntry.id).limit(limit))]


async def verify(session: AsyncSession, start: Head = START, noted: Sequence[Head] = ()) -> Verdict:
    """Reads all entries behind `start` and tells where the chain does not hold, stopping at 100 places.

    `noted` are heads kept outside of the log, which must still be there.
    """
    proof = Proof(start, noted)
    async for entry in _from(session, start.id):
        proof.read(entry)
        if len(proof.breaks) >= MAX_BREAKS:
            break
    else:
        proof.end()
    return Verdict(proof.count, proof.last, tuple(proof.breaks))


async def holds(session: AsyncSession, noted: Head) -> Break | None:
    """Tells whether an entry noted as the head is still there as it was."""
    if noted == START:
        return None
    found = (await session.execute(select(AuditEntry.hash).where(AuditEntry.id == noted.id))).scalar()
    if found == noted.hash:
        return None
    how = "gone" if found is None else "another"
    return Break(noted.id, f"entry {noted.id}, which was noted as the head, is {how}")


async def last_proof(session: AsyncSession) -> LastProof | None:
    """Gives what the hub last found when it proved the log by itself; None before the first time."""
    row = (await session.execute(LAST_PROOF)).first()
    return LastProof(*row) if row else None


def proof_problem(last: LastProof | None, now_ms: int) -> str:
    """Says what is wrong with the log by the last proof, "" if nothing is."""
    if last is None:
        return ""
    if last.action == BROKEN_ACTION:
        return f"the log of changes does not hold: {last.text}; `hub audit verify` proves it again"
    days = (now_ms - last.at_ms) // 86_400_000
    return (
        f"the log of changes was not proven for {days} days; is the role control running?"
        if (now_ms - last.at_ms > STALE_PROOF_MS)
        else ""
    )


async def has_hash(session: AsyncSession, noted: str) -> bool:
    """Tells whether an entry has this hash; the start of the chain always does."""
    query = select(AuditEntry.id).where(AuditEntry.hash == noted).limit(1)
    return noted == START.hash or (await session.execute(query)).first() is not None


def facts(text: str | None) -> dict[str, object] | None:
    """Reads `before` or `after` of an entry."""
    return None if text is None else dict(json.loads(text))


async def _from(session: AsyncSession, after_id: int) -> AsyncIterator[Sealed]:
    query = select(*_COLUMNS).where(AuditEntry.id > after_id).order_by(AuditEntry.id)
    stream = await session.stream(query.execution_options(yield_per=ROWS_AT_ONCE))
    async for part in stream.partitions():
        for row in part:
            yield Sealed._make(row)


def _filtered(wanted: AuditFilter) -> Select[tuple[object, ...]]:
    query = select(*_COLUMNS)
    if wanted.units is not None:
        query = query.where(AuditEntry.unit.in_(wanted.units))
    if wanted.who is not None:
        query = query.where(AuditEntry.actor == wanted.who)
    if wanted.action is not None:
        query = query.where(_whole_or_begin(AuditEntry.action, wanted.action, "."))
    if wanted.object is not None:
        query = query.where(_whole_or_begin(AuditEntry.object, wanted.object, ":"))
    if wanted.since_ms is not None:
        query = query.where(AuditEntry.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(AuditEntry.at_ms < wanted.until_ms)
    for word in folded(wanted.q or "").split():
        query = query.where(AuditEntry.search.contains(word, autoescape=True))
    return query


def _whole_or_begin(column: InstrumentedAttribute[str], text: str, separator: str) -> ColumnElement[bool]:
    if separator in text.removesuffix(separator):
        return column == text  # an index finds it
    beginning = text.removesuffix(separator) + separator
    return or_(column == text, column.startswith(beginning, autoescape=True))
