"""Finds alarms: by state, place, time and words, in a stable order, and counts them by the same filters."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from devices.kind import Severity
from hub.alarms.alarm import Alarm, AlarmState
from hub.alarms.counting import STANDING, AlarmCounts, counted
from hub.alarms.service import alarm_of
from hub.alarms.tables import AlarmEvent, AlarmRow
from hub.folding import folded
from hub.organisation.tables import Unit
from hub.registry.tables import Node

MAX_WORDS = 8
_OVER = {AlarmState.RETURNED_UNACKNOWLEDGED, AlarmState.NORMAL}

Ts = TypeVarTuple("Ts")


class AlarmSort(StrEnum):
    """The order of a list; by severity, what stands comes before what is over; then the newest first."""

    NEWEST = "newest"
    SEVERITY = "severity"

    def key(self, alarm: Alarm) -> tuple[int | str, ...]:
        """The alarm's place in the order."""
        if self is AlarmSort.NEWEST:
            return alarm.raised_ms, alarm.id
        return int(alarm.returned_ms is None), alarm.severity.rank, alarm.raised_ms, alarm.id

    @property
    def key_types(self) -> tuple[type, ...]:
        """What a key is made of."""
        return (int, str) if self is AlarmSort.NEWEST else (int, int, int, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmQuery:
    """Which alarms are meant; None is any. `since_ms` (included) and `until_ms` (not) are of being raised."""

    schools: Collection[str] | None = None
    states: Collection[AlarmState] | None = None
    severity: Severity | None = None
    district: str | None = None
    group: str | None = None
    node: str | None = None
    device: str | None = None
    kind: str | None = None
    q: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    flapping: bool | None = None


async def list_alarms(
    session: AsyncSession,
    wanted: AlarmQuery,
    *,
    sort: AlarmSort,
    after: tuple[int | str, ...] | None,
    count: int,
) -> list[Alarm]:
    """Up to `count` alarms after the key of `sort`."""
    newest = (AlarmRow.raised_ms, AlarmRow.id)
    order: tuple[Any, ...] = newest if sort is AlarmSort.NEWEST else (AlarmRow.rank, *newest)
    if sort is AlarmSort.SEVERITY and not _all_alike(wanted.states):
        order = (case((AlarmRow.returned_ms.is_(None), 1), else_=0), *order)
    query = (await _where(session, select(AlarmRow), wanted)).order_by(*(column.desc() for column in order))
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(*after[-len(order) :]))
    return [alarm_of(row) for row in (await session.execute(query.limit(count))).scalars()]


def _all_alike(states: Collection[AlarmState] | None) -> bool:
    """Whether alarms of these states all stand, or are all over: an index then gives the order."""
    return states is not None and (set(states) <= STANDING or set(states) <= _OVER)


async def count_alarms(session: AsyncSession, wanted: AlarmQuery) -> AlarmCounts:
    """How many alarms of each sort there are, whatever states are asked for.

    Closed ones are counted only if they are asked for: there are a hundred times as many.
    """
    closed = wanted.states is None or AlarmState.NORMAL in wanted.states
    wanted = replace(wanted, states=None if closed else frozenset(AlarmState) - {AlarmState.NORMAL})
    flapping = AlarmRow.flapping_since_ms.is_not(None)
    columns = (AlarmRow.state, AlarmRow.severity, flapping)
    query = await _where(session, select(*columns, func.count()), wanted)
    rows = await session.execute(query.group_by(*columns))
    return counted(((state, severity, bool(flaps)), number) for state, severity, flaps, number in rows)


async def history(session: AsyncSession, alarm_id: str) -> list[tuple[AlarmEvent, AlarmRow | None]]:
    """Everything that happened to an alarm, oldest first, with the alarm that caused it."""
    query = (
        select(AlarmEvent, AlarmRow)
        .outerjoin(AlarmRow, AlarmRow.id == AlarmEvent.cause)
        .where(AlarmEvent.alarm_id == alarm_id)
        .order_by(AlarmEvent.ts_ms, AlarmEvent.id)
    )
    return [(event, cause) for event, cause in await session.execute(query)]


async def _where(session: AsyncSession, query: Select[*Ts], wanted: AlarmQuery) -> Select[*Ts]:
    equal = {
        AlarmRow.severity: wanted.severity and wanted.severity.value,
        AlarmRow.node: wanted.node,
        AlarmRow.device: wanted.device,
        AlarmRow.kind: wanted.kind,
    }
    query = query.where(*(column == value for column, value in equal.items() if value is not None))
    if wanted.states is not None:
        states = [state.value for state in wanted.states]
        # one state alone lets the index give the order
        query = query.where(AlarmRow.state == states[0] if len(states) == 1 else AlarmRow.state.in_(states))
    if wanted.schools is not None:
        query = query.where(AlarmRow.school.in_(wanted.schools))
    if wanted.since_ms is not None:
        query = query.where(AlarmRow.raised_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(AlarmRow.raised_ms < wanted.until_ms)
    if wanted.flapping is not None:
        query = query.where(AlarmRow.flapping_since_ms.is_not(None) == wanted.flapping)
    if wanted.district is not None:
        inside = select(Unit.code).where(Unit.district_code == wanted.district)
        query = query.where(AlarmRow.school.in_(inside))
    if wanted.group is not None:
        query = query.where(_of_group(wanted.group))
    for condition in await _words(session, wanted.q or ""):
        query = query.where(condition)
    return query


def _of_group(group: str) -> ColumnElement[bool]:
    """Alarms name the school a node counts for, which for a claimed node is not its group."""
    counts_for = func.coalesce(Node.claimed_school, Node.group_code)
    same = and_(Node.group_code == group, Node.node == AlarmRow.node, counts_for == AlarmRow.school)
    return select(Node.node).where(same).exists()


async def _words(session: AsyncSession, q: str) -> list[ColumnElement[bool]]:
    """Each word must be somewhere: in what the alarm says of itself, or in the name of its school."""
    words = folded(q).split()[:MAX_WORDS]
    if not words:
        return []
    units = (await session.execute(select(Unit.code, Unit.name))).all()
    names = {code: folded(name) for code, name in units}
    found = []
    for word in words:
        schools = [code for code, name in names.items() if word in name]
        here = AlarmRow.search.contains(word, autoescape=True)
        found.append(or_(here, AlarmRow.school.in_(schools)) if schools else here)
    return found
