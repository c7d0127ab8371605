"""Stores alarms and their history, answers what is open, acknowledges; never commits."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from devices.kind import Severity
from hub.alarms.alarm import Alarm, AlarmChange, AlarmState, ChangeKind
from hub.alarms.ledger import acknowledged_state
from hub.alarms.tables import AlarmEvent, AlarmRow
from hub.database import insert_into
from hub.errors import Conflict, NotFound

_COLUMNS = [field.name for field in fields(Alarm)]
_TEXTS = ("room", "detail_vi", "detail_en", "comment", "value")


async def record_changes(session: AsyncSession, changes: Sequence[AlarmChange]) -> None:
    """Stores what `AlarmBook.due` gave, in its order; storing it twice changes nothing.

    An acknowledgement that people gave meanwhile is kept: ingest may not have heard of it yet.
    """
    if not changes:
        return
    last = {change.alarm.id: change.alarm for change in changes}
    insert = insert_into(session, AlarmRow)
    new = insert.excluded
    acknowledged = AlarmRow.acknowledged_ms.is_not(None)
    state = case(
        (and_(acknowledged, new.state == AlarmState.UNACKNOWLEDGED), AlarmState.ACKNOWLEDGED.value),
        (and_(acknowledged, new.state == AlarmState.RETURNED_UNACKNOWLEDGED), AlarmState.NORMAL.value),
        else_=new.state,
    )
    kept = {name: func.coalesce(getattr(AlarmRow, name), new[name])
            for name in ("acknowledged_ms", "acknowledged_by", "comment")}  # fmt: skip
    moving = ("room", "severity", "title_vi", "title_en", "detail_vi", "detail_en", "value", "limit", "unit",
              "returned_ms", "suppressed_by")  # fmt: skip
    statement = insert.on_conflict_do_update(
        index_elements=[AlarmRow.id], set_={**{name: new[name] for name in moving}, **kept, "state": state}
    )
    await session.execute(statement, [_row(last[name]) for name in sorted(last)])
    events = [_event(change) for change in changes]
    happened = insert_into(session, AlarmEvent).on_conflict_do_nothing(
        index_elements=[AlarmEvent.alarm_id, AlarmEvent.ts_ms, AlarmEvent.kind]
    )
    await session.execute(happened, events)


async def load_open(session: AsyncSession, schools: Collection[str] | None = None) -> list[Alarm]:
    """All alarms that are not closed, for `AlarmBook.load`; of these schools only, if given."""
    query = select(AlarmRow).where(AlarmRow.state != AlarmState.NORMAL.value).order_by(AlarmRow.raised_ms)
    if schools is not None:
        query = query.where(AlarmRow.school.in_(schools))
    return [alarm_of(row) for row in (await session.execute(query)).scalars()]


async def get_alarm(session: AsyncSession, alarm_id: str) -> Alarm | None:
    """One alarm, open or closed."""
    row = await session.get(AlarmRow, alarm_id)
    return None if row is None else alarm_of(row)


async def history(session: AsyncSession, alarm_id: str) -> list[AlarmEvent]:
    """Everything that happened to an alarm, oldest first."""
    query = select(AlarmEvent).where(AlarmEvent.alarm_id == alarm_id)
    return list((await session.execute(query.order_by(AlarmEvent.ts_ms, AlarmEvent.id))).scalars())


async def list_alarms(
    session: AsyncSession,
    *,
    states: Collection[AlarmState],
    schools: Collection[str] | None,
    severity: Severity | None,
    after: tuple[int, str] | None,
    count: int,
) -> list[Alarm]:
    """Up to `count` alarms after the key (raised_ms, id), newest first; `schools=None` is everywhere."""
    query = select(AlarmRow).order_by(AlarmRow.raised_ms.desc(), AlarmRow.id.desc()).limit(count)
    query = query.where(AlarmRow.state.in_([state.value for state in states]))
    if schools is not None:
        query = query.where(AlarmRow.school.in_(schools))
    if severity is not None:
        query = query.where(AlarmRow.severity == severity.value)
    if after is not None:
        raised_ms, name = after
        older = or_(AlarmRow.raised_ms < raised_ms, and_(AlarmRow.raised_ms == raised_ms, AlarmRow.id < name))
        query = query.where(older)
    return [alarm_of(row) for row in (await session.execute(query)).scalars()]


async def acknowledge(
    session: AsyncSession, alarm_id: str, by: str, comment: str | None, now_ms: int
) -> Alarm:
    """Notes who took an alarm on, once.

    Raises `NotFound` for an id that never was, `Conflict` for an alarm that is closed, suppressed or
    already acknowledged.
    """
    row = await session.get(AlarmRow, alarm_id, with_for_update=True)
    if row is None:
        raise missing(alarm_id)
    if row.acknowledged_ms is not None:
        raise Conflict(f"{row.acknowledged_by} acknowledged this alarm already", field="id", value=alarm_id,
                       fix="reload the alarm")  # fmt: skip
    state = AlarmState(row.state)
    if state not in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED):
        raise Conflict(f"there is nothing to acknowledge, the alarm is {state.value}", field="id",
                       value=alarm_id, fix="reload the alarm")  # fmt: skip
    changed = {"state": acknowledged_state(state).value, "acknowledged_ms": now_ms, "acknowledged_by": by,
               "comment": comment or None}  # fmt: skip
    await session.execute(update(AlarmRow).where(AlarmRow.id == alarm_id).values(changed))
    await session.refresh(row)
    alarm = alarm_of(row)
    happened = insert_into(session, AlarmEvent).on_conflict_do_nothing()
    await session.execute(happened, [_event(AlarmChange(ChangeKind.ACKNOWLEDGED, now_ms, alarm))])
    return alarm


def missing(alarm_id: str) -> NotFound:
    """The problem of an id that no alarm has."""
    fix = "list the alarms to see their ids"
    return NotFound("there is no such alarm", field="id", value=alarm_id, fix=fix)


def alarm_of(row: AlarmRow) -> Alarm:
    """The alarm a row stands for."""
    values: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    values["severity"], values["state"] = Severity(row.severity), AlarmState(row.state)
    return Alarm(**values)


def _row(alarm: Alarm) -> dict[str, Any]:
    values = asdict(alarm)
    values["severity"], values["state"] = alarm.severity.value, alarm.state.value
    for name in _TEXTS:
        if isinstance(values[name], str):
            values[name] = values[name].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return values


def _event(change: AlarmChange) -> dict[str, Any]:
    alarm, said = change.alarm, change.kind is ChangeKind.ACKNOWLEDGED
    return {
        "alarm_id": alarm.id,
        "ts_ms": change.ts_ms,
        "kind": change.kind.value,
        "state": alarm.state.value,
        "severity": alarm.severity.value,
        "by": alarm.acknowledged_by if said else None,
        "comment": alarm.comment if said else None,
    }
