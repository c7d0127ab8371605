"""Records what ingest saw, and answers what is known; never commits.

What does not fit (names over `MAX_NAME` characters) is left out instead of failing the whole batch; ingest
should have put it into quarantine before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import ColumnElement, and_, case, delete, func, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, undefer

from hub.database import insert_into
from hub.registry.rules import MAX_NAME, Claim, DeviceSeen, NodeSeen, PresenceChange, Quarantined, fits
from hub.registry.tables import Device, Node, PresenceEvent, Quarantine

# PostgreSQL refuses NUL in text, and hostile topics contain what they like
_NUL = "\x00"

STORED = "stored"
"""The outcome of a quarantined payload that could be used after all."""


async def record_nodes(session: AsyncSession, nodes: Iterable[NodeSeen]) -> None:
    """Stores nodes, once each: the first sight stays the earliest, a claim is never taken away."""
    rows = [
        {
            "group_code": seen.group,
            "node": seen.node,
            "claimed_school": seen.claimed_school,
            "first_seen_ms": seen.first_seen_ms,
            "simulated": seen.simulated,
            "software": _text(seen.software),
        }
        for seen in sorted(nodes, key=attrgetter("group", "node"))
        if fits(seen.group, seen.node)
    ]
    insert = insert_into(session, Node)
    new = insert.excluded
    earliest = case((new.first_seen_ms < Node.first_seen_ms, new.first_seen_ms), else_=Node.first_seen_ms)
    statement = insert.on_conflict_do_update(
        index_elements=[Node.group_code, Node.node],
        set_={
            "claimed_school": func.coalesce(Node.claimed_school, new.claimed_school),
            "first_seen_ms": earliest,
            "simulated": new.simulated,
            "software": new.software,
        },
    )
    await _run(session, statement, rows)


async def record_devices(session: AsyncSession, devices: Iterable[DeviceSeen]) -> None:
    """Stores devices of stored nodes, once each: the newest birth wins, but for the room a person chose."""
    rows = [
        {
            "group_code": seen.group,
            "node": seen.node,
            "device": seen.device,
            "kind": _text(seen.kind)[:MAX_NAME],
            "room_code": _text(seen.room)[:MAX_NAME],
            "name": _text(seen.name),
            "claimed": seen.claimed,
        }
        for seen in sorted(devices, key=attrgetter("group", "node", "device"))
        if fits(seen.group, seen.node, seen.device)
    ]
    insert = insert_into(session, Device)
    new = insert.excluded
    # named by hand: as a column, the new row would become one more table of the subquery
    of_new_row = (Node.group_code == literal_column("excluded.group_code")) & (
        Node.node == literal_column("excluded.node")
    )
    chosen_room = select(Node.claimed_room).where(of_new_row).scalar_subquery()
    statement = insert.on_conflict_do_update(
        index_elements=[Device.group_code, Device.node, Device.device],
        set_={
            "kind": new.kind,
            "room_code": func.coalesce(chosen_room, new.room_code),
            "name": new.name,
            "claimed": or_(Device.claimed, new.claimed),
        },
    )
    await _run(session, statement, rows)


async def record_presence(session: AsyncSession, changes: Iterable[PresenceChange]) -> None:
    """Stores changes of presence; the same change twice is stored once."""
    rows = [
        {
            "group_code": change.group,
            "node": change.node,
            "device": change.device,
            "state": change.state,
            "reason": _text(change.reason)[:64],
            "since_ms": change.since_ms,
        }
        for change in changes
        if fits(change.group, change.node, change.device)
    ]
    await _run(session, insert_into(session, PresenceEvent).on_conflict_do_nothing(), rows)


async def record_quarantine(session: AsyncSession, payloads: Iterable[Quarantined]) -> None:
    """Stores payloads that could not be used, with their bytes; the same journal key is stored once."""
    rows = [
        {
            "received_ms": payload.received_ms,
            "group_code": _text(payload.group)[:MAX_NAME],
            "node": _text(payload.node)[:MAX_NAME],
            "device": _text(payload.device)[:MAX_NAME],
            "topic": _text(payload.topic),
            "reason": payload.reason[:64],
            "detail": _text(payload.detail),
            "size": len(payload.payload),
            "payload": payload.payload,
            "journal_key": payload.journal_key,
        }
        for payload in payloads
    ]
    await _run(session, insert_into(session, Quarantine).on_conflict_do_nothing(), rows)


async def claims(session: AsyncSession) -> dict[tuple[str, str], Claim]:
    """Gives every claimed node's claim by (group, node)."""
    query = select(Node.group_code, Node.node, Node.claimed_school, Node.claimed_room)
    found = await session.execute(query.where(Node.claimed_school.is_not(None)))
    return {(group, node): Claim(school or "", room) for group, node, school, room in found}


async def claim_node(session: AsyncSession, group: str, node: str, claim: Claim) -> bool:
    """Puts a node and its devices into a school and room; false if the node is unknown."""
    change = update(Node).where(Node.group_code == group, Node.node == node)
    change = change.values(claimed_school=claim.school, claimed_room=claim.room).returning(Node.node)
    if (await session.execute(change)).scalar_one_or_none() is None:
        return False
    devices = update(Device).where(Device.group_code == group, Device.node == node).values(claimed=True)
    await session.execute(devices if claim.room is None else devices.values(room_code=claim.room))
    return True


async def node_claim(session: AsyncSession, group: str, node: str) -> Claim | None:
    """Gives one node's claim, or nothing if it is unknown or unclaimed."""
    found = await session.get(Node, (group, node))
    return Claim(found.claimed_school, found.claimed_room) if found and found.claimed_school else None


async def quarantined_payloads(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[str, bytes]]:
    """Gives topic and raw bytes of quarantined payloads, for replay."""
    query = select(Quarantine.id, Quarantine.topic, Quarantine.payload).where(Quarantine.id.in_(ids))
    return {row_id: (topic, payload) for row_id, topic, payload in await session.execute(query)}


async def mark_replayed(session: AsyncSession, ids: Sequence[int], now_ms: int) -> None:
    """Notes that quarantined payloads were read again with success."""
    changed = {"replayed_ms": now_ms, "tried_ms": now_ms, "outcome": STORED, "outcome_detail": ""}
    await session.execute(update(Quarantine).where(Quarantine.id.in_(ids)).values(changed))


async def mark_refused(session: AsyncSession, ids: Mapping[int, tuple[str, str]], now_ms: int) -> None:
    """Notes that quarantined payloads were read again in vain: by id, the reason and its detail."""
    for number, (reason, detail) in ids.items():
        changed = {"tried_ms": now_ms, "outcome": reason[:64], "outcome_detail": _text(detail)}
        await session.execute(update(Quarantine).where(Quarantine.id == number).values(changed))


async def forget_old(session: AsyncSession, *, presence_before_ms: int, quarantine_before_ms: int) -> None:
    """Deletes presence and quarantine older than the given moments."""
    await session.execute(delete(PresenceEvent).where(PresenceEvent.since_ms < presence_before_ms))
    await session.execute(delete(Quarantine).where(Quarantine.received_ms < quarantine_before_ms))


async def _run(session: AsyncSession, statement: Insert, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        await (await session.connection()).execute(statement, rows)


def _text(value: str) -> str:
    return value.replace(_NUL, "\ufffd")


async def list_presence(
    session: AsyncSession,
    *,
    group: str | None,
    node: str | None,
    devices: Collection[str] | None,
    schools: frozenset[str] | None,
    after: tuple[int, int] | None,
    limit: int,
) -> list[tuple[PresenceEvent, int | None]]:
    """Gives changes of presence, the newest first, each with when the next one of the same came.

    `devices` None is all, "" among them the nodes themselves; `schools` None is all.
    """
    later = aliased(PresenceEvent)
    same = and_(
        later.group_code == PresenceEvent.group_code,
        later.node == PresenceEvent.node,
        later.device == PresenceEvent.device,
        later.since_ms > PresenceEvent.since_ms,
    )
    until_ms = select(func.min(later.since_ms)).where(same).correlate(PresenceEvent).scalar_subquery()
    query = select(PresenceEvent, until_ms)
    for column, wanted in ((PresenceEvent.group_code, group), (PresenceEvent.node, node)):
        if wanted is not None:
            query = query.where(column == wanted)
    if devices is not None:
        query = query.where(PresenceEvent.device.in_(devices))
    if schools is not None:
        of_node = and_(Node.group_code == PresenceEvent.group_code, Node.node == PresenceEvent.node)
        query = query.join(Node, of_node).where(Node.claimed_school.in_(schools))
    if after is not None:
        query = query.where(tuple_(PresenceEvent.since_ms, PresenceEvent.id) < after)
    query = query.order_by(PresenceEvent.since_ms.desc(), PresenceEvent.id.desc()).limit(limit)
    return [(event, until) for event, until in await session.execute(query)]


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Which quarantined payloads are wanted; None does not matter. `schools` is what the asker may see.

    `q` is looked for in topic and detail; `since_ms` is included, `until_ms` is not.
    """

    schools: frozenset[str] | None = None
    group: str | None = None
    school: str | None = None
    node: str | None = None
    reason: str | None = None
    q: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


def _school_of_payload() -> ColumnElement[str]:
    """Whose node sent it: the school it is claimed for, else its group."""
    of_node = and_(Node.group_code == Quarantine.group_code, Node.node == Quarantine.node)
    claimed = select(Node.claimed_school).where(of_node).correlate(Quarantine).scalar_subquery()
    return func.coalesce(claimed, Quarantine.group_code)


async def list_quarantine(
    session: AsyncSession, wanted: QuarantineFilter, *, before_id: int | None, limit: int
) -> list[Quarantine]:
    """Gives quarantined payloads, the newest first, without their bytes."""
    query = select(Quarantine)
    for column, value in (
        (Quarantine.group_code, wanted.group),
        (Quarantine.node, wanted.node),
        (Quarantine.reason, wanted.reason),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.school is not None:
        query = query.where(_school_of_payload() == wanted.school)
    if wanted.schools is not None:
        query = query.where(_school_of_payload().in_(wanted.schools))
    for word in (wanted.q or "").split():
        query = query.where(
            or_(
                Quarantine.topic.icontains(word, autoescape=True),
                Quarantine.detail.icontains(word, autoescape=True),
            )
        )
    if wanted.since_ms is not None:
        query = query.where(Quarantine.received_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(Quarantine.received_ms < wanted.until_ms)
    if before_id is not None:
        query = query.where(Quarantine.id < before_id)
    return list((await session.execute(query.order_by(Quarantine.id.desc()).limit(limit))).scalars())


async def quarantine_schools(session: AsyncSession, ids: Collection[int]) -> dict[int, str]:
    """Gives whose quarantined payloads of these numbers are, for those that are there."""
    query = select(Quarantine.id, _school_of_payload()).where(Quarantine.id.in_(ids))
    return {row[0]: row[1] for row in await session.execute(query)}


async def quarantined_payload(session: AsyncSession, quarantine_id: int) -> tuple[Quarantine, str] | None:
    """Gives one quarantined payload with its bytes and whose it is, or None."""
    query = select(Quarantine, _school_of_payload()).where(Quarantine.id == quarantine_id)
    found = (await session.execute(query.options(undefer(Quarantine.payload)))).one_or_none()
    return None if found is None else (found[0], found[1])


async def rooms_in_use(session: AsyncSession) -> list[tuple[str, str]]:
    """Gives (school, room) of all claimed devices that are in a room."""
    of_node = and_(Node.group_code == Device.group_code, Node.node == Device.node)
    query = select(Node.claimed_school, Device.room_code).join(Node, of_node).distinct()
    query = query.where(Node.claimed_school.is_not(None), Device.room_code.not_in(("", "-")))
    return [(school or "", room) for school, room in await session.execute(query)]
