"""Stores alarms with their history and what people decide about them; never commits."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from devices.kind import Severity, kinds
from hub.alarms.alarm import OPEN, Alarm, AlarmChange, AlarmState, ChangeKind
from hub.alarms.ledger import acknowledged_state, unshelved_state
from hub.alarms.tables import AlarmEvent, AlarmRow
from hub.database import insert_into
from hub.errors import Conflict, NotFound
from hub.folding import folded
from hub.wording import said

_COLUMNS = [field.name for field in fields(Alarm)]
_PEOPLES = ("acknowledged_ms", "acknowledged_by", "comment")
_SHELF = ("shelved_ms", "shelved_until_ms", "shelved_by", "shelved_why")
_FIXED = {"id", "school", "node", "device", "kind", "metric", "condition", "raised_ms", "state", "search"}
_TEXTS = ("room", "detail_vi", "detail_en", "comment", "value")
_SEARCHED = ("school", "room", "node", "device", "kind", "metric", "title_vi", "title_en")
FORGOTTEN_AT_ONCE = 5_000


async def record_changes(session: AsyncSession, changes: Sequence[AlarmChange]) -> None:
    """Stores what `AlarmBook.due` gave, in its order; storing it twice changes nothing.

    What people decided meanwhile is kept: ingest may not have heard of it yet.
    """
    if not changes:
        return
    last = {change.alarm.id: change.alarm for change in changes}
    at_ms: dict[str, int] = {}
    for change in changes:
        at_ms[change.alarm.id] = max(change.ts_ms, at_ms.get(change.alarm.id, 0))
    insert = insert_into(session, AlarmRow)
    new = insert.excluded
    changed_ms = case((new.changed_ms > AlarmRow.changed_ms, new.changed_ms), else_=AlarmRow.changed_ms)
    acknowledged = AlarmRow.acknowledged_ms.is_not(None)
    state = case(
        (new.state == AlarmState.NORMAL, AlarmState.NORMAL.value),
        (new.suppressed_by.is_not(None), AlarmState.SUPPRESSED.value),
        (AlarmRow.shelved_until_ms > changed_ms, AlarmState.SHELVED.value),
        (and_(acknowledged, new.state == AlarmState.UNACKNOWLEDGED), AlarmState.ACKNOWLEDGED.value),
        (and_(acknowledged, new.state == AlarmState.RETURNED_UNACKNOWLEDGED), AlarmState.NORMAL.value),
        else_=new.state,
    )
    kept = {name: func.coalesce(getattr(AlarmRow, name), new[name]) for name in (*_PEOPLES, *_SHELF)}
    moving = {name: new[name] for name in (*_COLUMNS, "rank") if name not in {*_FIXED, *kept}}
    statement = insert.on_conflict_do_update(
        index_elements=[AlarmRow.id], set_={**moving, **kept, "changed_ms": changed_ms, "state": state}
    )
    await session.execute(statement, [_row(last[name], at_ms[name]) for name in sorted(last)])
    happened = insert_into(session, AlarmEvent).on_conflict_do_nothing(
        index_elements=[AlarmEvent.alarm_id, AlarmEvent.ts_ms, AlarmEvent.kind]
    )
    await session.execute(happened, [_event(change) for change in changes])


async def load_open(session: AsyncSession, schools: Collection[str] | None = None) -> list[Alarm]:
    """All alarms that are not closed, for `AlarmBook.load`; of these schools only, if given."""
    query = select(AlarmRow).where(AlarmRow.state != AlarmState.NORMAL.value).order_by(AlarmRow.raised_ms)
    if schools is not None:
        query = query.where(AlarmRow.school.in_(schools))
    return [alarm_of(row) for row in (await session.execute(query)).scalars()]


async def get_alarms(session: AsyncSession, ids: Collection[str]) -> list[Alarm]:
    """The alarms of these ids that there are, open or closed."""
    rows = await session.execute(select(AlarmRow).where(AlarmRow.id.in_(ids)))
    return [alarm_of(row) for row in rows.scalars()]


async def get_alarm(session: AsyncSession, alarm_id: str) -> Alarm | None:
    """One alarm, open or closed."""
    row = await session.get(AlarmRow, alarm_id)
    return None if row is None else alarm_of(row)


async def acknowledge(
    session: AsyncSession, alarm_id: str, by: str, comment: str | None, now_ms: int
) -> Alarm:
    """Notes who took an alarm on, once.

    Raises `NotFound` for an id that never was, `Conflict` for an alarm that is closed, suppressed, shelved
    or already acknowledged.
    """
    alarm = alarm_of(await _locked(session, alarm_id))
    if alarm.acknowledged_ms is not None:
        raise _conflict(alarm, said("{who} acknowledged this alarm already", who=alarm.acknowledged_by))
    if alarm.state not in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED):
        raise _conflict(
            alarm, said("there is nothing to acknowledge, the alarm is {state}", state=alarm.state.value)
        )
    return await _decide(session, alarm_id, ChangeKind.ACKNOWLEDGED, now_ms,
                         state=acknowledged_state(alarm.state).value, acknowledged_ms=now_ms,
                         acknowledged_by=by, comment=comment or None)  # fmt: skip


async def shelve(
    session: AsyncSession, alarm_id: str, by: str, why: str, until_ms: int, now_ms: int
) -> Alarm:
    """Puts an alarm aside until then, or moves the end of its shelf; it then shelves itself no longer.

    Raises `NotFound`, or `Conflict` for an alarm that is closed or suppressed.
    """
    alarm = alarm_of(await _locked(session, alarm_id))
    if alarm.state not in OPEN and alarm.state is not AlarmState.SHELVED:
        raise _conflict(
            alarm, said("there is nothing to shelve, the alarm is {state}", state=alarm.state.value)
        )
    return await _decide(session, alarm_id, ChangeKind.SHELVED, now_ms, state=AlarmState.SHELVED.value,
                         shelved_ms=now_ms, shelved_until_ms=until_ms, shelved_by=by,
                         shelved_why=why)  # fmt: skip


async def unshelve(session: AsyncSession, alarm_id: str, by: str, now_ms: int) -> Alarm:
    """Ends the shelf of an alarm before its time. Raises `NotFound`, or `Conflict` if it is not shelved."""
    alarm = alarm_of(await _locked(session, alarm_id))
    if alarm.state is not AlarmState.SHELVED:
        raise _conflict(alarm, said("the alarm is not shelved but {state}", state=alarm.state.value))
    return await _decide(session, alarm_id, ChangeKind.UNSHELVED, now_ms, by=by,
                         state=unshelved_state(alarm).value, shelved_until_ms=now_ms)  # fmt: skip


async def comment_on(session: AsyncSession, alarm_id: str, by: str, text: str, now_ms: int) -> AlarmEvent:
    """Adds what somebody has to say about an alarm to its history. Raises `NotFound`."""
    row = await _locked(session, alarm_id)
    earlier = select(func.max(AlarmEvent.ts_ms)).where(
        AlarmEvent.alarm_id == alarm_id, AlarmEvent.kind == ChangeKind.COMMENTED.value
    )
    ts_ms = max(now_ms, (await session.scalar(earlier) or 0) + 1)
    event = AlarmEvent(
        alarm_id=alarm_id, ts_ms=ts_ms, kind=ChangeKind.COMMENTED.value, state=row.state,
        severity=row.severity, by=by, comment=text,
    )  # fmt: skip
    session.add(event)
    await session.flush()
    return event


async def forget_closed(session: AsyncSession, before_ms: int) -> int:
    """Deletes the longest closed alarms with their history; returns how many, at most `FORGOTTEN_AT_ONCE`.

    An alarm goes by when it changed last: a long one is not forgotten the day it ends.
    """
    old = (
        select(AlarmRow.id)
        .where(AlarmRow.state == AlarmState.NORMAL.value, AlarmRow.raised_ms < before_ms)
        .where(AlarmRow.changed_ms < before_ms)
        .order_by(AlarmRow.raised_ms)
        .limit(FORGOTTEN_AT_ONCE)
    )
    ids = list(await session.scalars(old))
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        await session.execute(delete(AlarmEvent).where(AlarmEvent.alarm_id.in_(some)))
        await session.execute(delete(AlarmRow).where(AlarmRow.id.in_(some)))
    return len(ids)


def missing(alarm_id: str) -> NotFound:
    """The problem of an id that no alarm has."""
    fix = "list the alarms to see their ids"
    return NotFound("there is no such alarm", field="id", value=alarm_id, fix=fix)


def alarm_of(row: AlarmRow) -> Alarm:
    """The alarm a row stands for."""
    values: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    values["severity"], values["state"] = Severity(row.severity), AlarmState(row.state)
    return Alarm(**values)


def _conflict(alarm: Alarm, what: str) -> Conflict:
    return Conflict(what, field="id", value=alarm.id, fix="reload the alarm")


async def _locked(session: AsyncSession, alarm_id: str) -> AlarmRow:
    row = await session.get(AlarmRow, alarm_id, with_for_update=True)
    if row is None:
        raise missing(alarm_id)
    return row


async def _decide(
    session: AsyncSession, alarm_id: str, kind: ChangeKind, now_ms: int, *, by: str | None = None, **new: Any
) -> Alarm:
    """Writes what somebody decided, with its event; ingest gives the same event the same key."""
    newest_ms = case((AlarmRow.changed_ms > now_ms, AlarmRow.changed_ms), else_=now_ms)
    where = AlarmRow.id == alarm_id
    await session.execute(update(AlarmRow).where(where).values(**new, changed_ms=newest_ms))
    row = await session.get(AlarmRow, alarm_id, populate_existing=True)
    assert row is not None
    alarm = alarm_of(row)
    event = _event(AlarmChange(kind, now_ms, alarm))
    happened = insert_into(session, AlarmEvent).on_conflict_do_nothing()
    await session.execute(happened, [event if by is None else {**event, "by": by}])
    return alarm


def _row(alarm: Alarm, changed_ms: int) -> dict[str, Any]:
    values = asdict(alarm)
    values["severity"], values["state"] = alarm.severity.value, alarm.state.value
    for name in _TEXTS:
        if isinstance(values[name], str):
            values[name] = values[name].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    words = (*(values[name] or "" for name in _SEARCHED), _kind_name(alarm.kind))
    return {
        **values,
        "changed_ms": changed_ms,
        "rank": alarm.severity.rank,
        "search": folded(" ".join(words)),
    }


@lru_cache(maxsize=1_000)
def _kind_name(kind_id: str) -> str:
    kind = kinds().get(kind_id)
    return f"{kind.label_vi} {kind.label_en}" if kind else ""


def _event(change: AlarmChange) -> dict[str, Any]:
    alarm = change.alarm
    by, comment = {
        ChangeKind.ACKNOWLEDGED: (alarm.acknowledged_by, alarm.comment),
        ChangeKind.SHELVED: (alarm.shelved_by, alarm.shelved_why),
        ChangeKind.FLAPPING: (None, str(alarm.raised_count)),
        ChangeKind.STEADY: (None, str(alarm.raised_count)),
    }.get(change.kind, (None, None))
    return {
        "alarm_id": alarm.id,
        "ts_ms": change.ts_ms,
        "kind": change.kind.value,
        "state": alarm.state.value,
        "severity": alarm.severity.value,
        "by": by,
        "comment": comment,
        "cause": alarm.suppressed_by if change.kind is not ChangeKind.UNSUPPRESSED else None,
    }
