"""What the dispatcher reads and writes: commands that are not ended, many in one statement; never commits."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from devices.kind import Command, DeviceKind, kinds
from hub.commands.rules import ACTIVE, FAILURES, Life, State, Wish
from hub.commands.tables import CommandGroup, CommandRow, Wanted
from hub.database import insert_into

Key: TypeAlias = tuple[str, str, str]
"""(group, node, device)."""

_ROWS = cast(Table, CommandRow.__table__)
_WISHES = cast(Table, Wanted.__table__)
_OF_KIND = {"deadband", "values"}
_STORED = [field.name for field in fields(Life) if field.name not in _OF_KIND]
_MOVING = [name for name in _STORED if name not in {"id", "value", "created_ms", "patience_ms"}]
_SAVE = (
    update(_ROWS)
    .where(_ROWS.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}") for name in _MOVING})
)
_ACTIVE = sorted(state.value for state in ACTIVE)
_AT_ONCE = 500


@dataclass(slots=True)
class Pending:
    """A command that is not ended, with its place; `life` is replaced as it goes on."""

    life: Life
    key: Key
    school: str
    room: str
    kind: str
    command: str
    metric: str
    datatype: int
    batch_id: str | None


@dataclass(slots=True)
class Running:
    """A group that is not ended."""

    id: str
    unit: str
    total: int
    rate_per_s: int
    abort_percent: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a group is."""

    waiting: int
    succeeded: int
    failed: int
    cancelled: int


@lru_cache(maxsize=1)
def known_kinds() -> dict[str, DeviceKind]:
    """Gives the kinds there are by id; they do not change while a process runs."""
    return dict(kinds())


def command_of(kind_id: str, name: str) -> Command | None:
    """Gives a command of a kind."""
    kind = known_kinds().get(kind_id)
    return next((each for each in kind.commands if each.name == name), None) if kind else None


def deadband_of(kind_id: str, metric: str) -> float:
    """Gives by how much a value may differ and still be the same."""
    kind = known_kinds().get(kind_id)
    known = kind.metric(metric) if kind else None
    return known.deadband if known else 0.0


async def active(session: AsyncSession) -> list[Pending]:
    """Reads all commands that are not ended, the oldest first."""
    return await _read(session, CommandRow.state.in_(_ACTIVE))


async def of_batch(session: AsyncSession, batch_id: str) -> list[Pending]:
    """Reads the commands of a group that are not ended, in their order."""
    return await _read(session, CommandRow.batch_id == batch_id, CommandRow.state.in_(_ACTIVE))


async def by_ids(session: AsyncSession, ids: Collection[str]) -> list[Pending]:
    """Reads commands, whatever their state."""
    found: list[Pending] = []
    for some in _portions(ids):
        found += await _read(session, CommandRow.id.in_(some))
    return found


async def active_ids(session: AsyncSession) -> set[str]:
    """Gives the ids of all commands that are not ended."""
    return set(await session.scalars(select(CommandRow.id).where(CommandRow.state.in_(_ACTIVE))))


async def running(session: AsyncSession) -> list[Running]:
    """Reads the groups that are not ended."""
    rows = await session.scalars(select(CommandGroup).where(CommandGroup.state == "running"))
    return [Running(row.id, row.unit, row.total, row.rate_per_s, row.abort_percent) for row in rows]


async def still_queued(session: AsyncSession, ids: Collection[str]) -> set[str]:
    """Gives which of these nobody has taken back, and keeps it so until the commit."""
    found: set[str] = set()
    for some in _portions(ids):
        query = select(CommandRow.id).where(CommandRow.id.in_(some), CommandRow.state == State.QUEUED.value)
        found |= set(await session.scalars(query.with_for_update()))
    return found


async def save(session: AsyncSession, lives: Sequence[Life]) -> None:
    """Writes lives as they are now."""
    if lives:
        rows = [
            {
                "row_id": life.id,
                **{f"new_{name}": getattr(life, name) for name in _MOVING},
                "new_state": life.state.value,
            }
            for life in lives
        ]
        await (await session.connection()).execute(_SAVE, rows)


async def counts(session: AsyncSession, batch_id: str) -> Counts:
    """Counts a group's commands by what became of them."""
    query = select(CommandRow.state, func.count()).where(CommandRow.batch_id == batch_id)
    found = {row[0]: row[1] for row in await session.execute(query.group_by(CommandRow.state))}

    def total(states: Iterable[State]) -> int:
        return sum(found.get(state.value, 0) for state in states)

    return Counts(
        total(ACTIVE), found.get("succeeded", 0), total(FAILURES), found.get(State.CANCELLED.value, 0)
    )


async def end_batch(session: AsyncSession, batch_id: str, state: str, detail: str, now_ms: int) -> None:
    """Ends a group that runs, and takes back what is still queued of it."""
    ended = (
        update(CommandGroup)
        .where(CommandGroup.id == batch_id, CommandGroup.state == "running")
        .values(state=state, detail=detail, ended_ms=now_ms)
    )
    await session.execute(ended)
    queued = (CommandRow.batch_id == batch_id, CommandRow.state == State.QUEUED.value)
    taken_back = update(CommandRow).where(*queued)
    await session.execute(
        taken_back.values(state=State.CANCELLED.value, detail=state, ended_ms=now_ms),
        execution_options={"synchronize_session": False},
    )


# ---------------------------------------------------------------- what is wanted


async def wishes(session: AsyncSession) -> dict[tuple[Key, str], Wish]:
    """Reads everything that is wanted."""
    found = {}
    for row in await session.scalars(select(Wanted)):
        wish = Wish(row.value, row.until_ms, deadband_of(row.kind, row.metric), None, row.drift_since_ms)
        found[(row.group_code, row.node, row.device), row.metric] = wish
    return found


async def want(session: AsyncSession, ended: Sequence[Pending], until_ms: int) -> None:
    """Notes what commands that reached their devices wanted; the newest of a metric counts."""
    if not ended:
        return
    rows = {(pending.key, pending.metric): pending for pending in ended}
    insert = insert_into(session, Wanted)
    moving = ("kind", "value", "command_id", "since_ms", "until_ms", "drift_since_ms")
    statement = insert.on_conflict_do_update(
        index_elements=[Wanted.group_code, Wanted.node, Wanted.device, Wanted.metric],
        set_={name: insert.excluded[name] for name in moving},
    )
    await session.execute(statement, [_wanted(pending, until_ms) for pending in rows.values()])


async def note_drift(session: AsyncSession, changed: dict[tuple[Key, str], Wish]) -> None:
    """Notes since when metrics drift, or that they no longer do."""
    for (key, metric), wish in changed.items():
        where = _wish_of(key, metric)
        statement = update(_WISHES).where(*where).values(drift_since_ms=wish.drift_ms)
        await session.execute(statement)


async def forget_wishes(session: AsyncSession, before_ms: int) -> None:
    """Ends wishes whose day is over."""
    await session.execute(delete(Wanted).where(Wanted.until_ms <= before_ms))


def _wish_of(key: Key, metric: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _WISHES.c.group_code == key[0],
        _WISHES.c.node == key[1],
        _WISHES.c.device == key[2],
        _WISHES.c.metric == metric,
    )


def _wanted(pending: Pending, until_ms: int) -> dict[str, Any]:
    group, node, device = pending.key
    return {
        "group_code": group,
        "node": node,
        "device": device,
        "metric": pending.metric,
        "kind": pending.kind,
        "value": pending.life.value,
        "command_id": pending.life.id,
        "since_ms": pending.life.ended_ms,
        "until_ms": until_ms,
        "drift_since_ms": None,
    }


# ---------------------------------------------------------------- rows


async def _read(session: AsyncSession, *where: ColumnElement[bool]) -> list[Pending]:
    query = select(_ROWS).where(*where).order_by(_ROWS.c.id)
    rows = (await session.connection()).execute(query)
    return [_pending(row) for row in (await rows).mappings()]


def _pending(row: Any) -> Pending:
    life = Life(**{name: row[name] for name in _STORED})
    told = command_of(row["kind"], row["command"])
    life = replace(
        life,
        state=State(life.state),
        deadband=deadband_of(row["kind"], row["metric"]),
        values=(told.values or ()) if told else (),
    )
    key = row["group_code"], row["node"], row["device"]
    return Pending(
        life, key, row["school"], row["room"], row["kind"], row["command"], row["metric"], row["datatype"],
        row["batch_id"],
    )  # fmt: skip


def _portions(ids: Collection[str]) -> Iterable[list[str]]:
    waiting = iter(sorted(ids))
    while some := list(islice(waiting, _AT_ONCE)):
        yield some
