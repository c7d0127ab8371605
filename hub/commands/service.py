"""Commands, groups, scenes and wishes as the API asks for them; never commits."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.commands.rules import FAILURES, Plain, Refusal, State
from hub.commands.storing import Key, command_of, counts
from hub.commands.tables import CommandGroup, CommandRow, Scene, Wanted
from hub.database import insert_into
from hub.errors import Conflict, NotFound
from hub.wording import said

FORGOTTEN_AT_ONCE = 5_000
MAX_FAILURES_SHOWN = 100
_INSERTED_AT_ONCE = 1_000
_SAME = ("group_code", "node", "device", "command", "value")


@dataclass(frozen=True, slots=True)
class Target:
    """A device that is to be told something."""

    key: Key
    school: str
    room: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Order:
    """One command to one device; with `refusal` it is noted and never sent."""

    target: Target
    command: str
    value: Plain
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, how, and for how long it counts."""

    source: str
    by: str
    now_ms: int
    expires_s: int = 30
    client_id: str | None = None


def new_id(now_ms: int) -> str:
    """Gives an id of 32 characters; ids rise with time."""
    return f"{now_ms:012x}{secrets.token_hex(10)}"


async def give(session: AsyncSession, order: Order, asking: Asking) -> tuple[CommandRow, bool]:
    """Queues a command; tells whether it is new: the same client id of the same asker gives the same again.

    Raises `Conflict` if that one was another command.
    """
    row = _row(order, asking, new_id(asking.now_ms))
    if asking.client_id is None:
        await session.execute(insert_into(session, CommandRow).values(row))
        return await _reread(session, row["id"]), True
    insert = insert_into(session, CommandRow).values(row)
    unique = [CommandRow.by, CommandRow.client_id]
    made = await session.execute(
        insert.on_conflict_do_nothing(index_elements=unique).returning(CommandRow.id)
    )
    if made.scalar_one_or_none() is not None:
        return await _reread(session, row["id"]), True
    query = select(CommandRow).where(CommandRow.by == asking.by, CommandRow.client_id == asking.client_id)
    found = (await session.execute(query)).scalar_one()
    if any(getattr(found, name) != row[name] for name in _SAME):
        raise Conflict("this client_id was used for another command", field="client_id",
                       value=asking.client_id, fix="make a new client_id for each command")  # fmt: skip
    return found, False


async def give_many(
    session: AsyncSession, group: CommandGroup, orders: Sequence[Order], asking: Asking
) -> tuple[CommandGroup, bool]:
    """Queues the commands of a group in their order; tells whether it is new, as `give` does."""
    if asking.client_id is not None:
        query = select(CommandGroup).where(
            CommandGroup.by == asking.by, CommandGroup.client_id == asking.client_id
        )
        if (found := (await session.execute(query)).scalar_one_or_none()) is not None:
            return found, False
    session.add(group)
    await session.flush()
    # ids in the order of sending: the last digits count, what is before them cannot be guessed
    stem = new_id(asking.now_ms)[:26]
    insert = insert_into(session, CommandRow)
    bound_s = asking.expires_s + len(orders) // group.rate_per_s + 1
    for start in range(0, len(orders), _INSERTED_AT_ONCE):
        rows = [
            {
                **_row(order, asking, f"{stem}{start + number:06x}"),
                "batch_id": group.id,
                "client_id": None,
                "expires_ms": asking.now_ms + bound_s * 1000,
            }
            for number, order in enumerate(orders[start : start + _INSERTED_AT_ONCE])
        ]
        await session.execute(insert, rows)
    return group, True


def new_group(asking: Asking, total: int, **about: Any) -> CommandGroup:
    """Makes the row of a group; one of no devices is done."""
    return CommandGroup(
        id=new_id(asking.now_ms), client_id=asking.client_id, source=asking.source, by=asking.by,
        created_ms=asking.now_ms, total=total, state="running" if total else "done", detail="",
        ended_ms=None if total else asking.now_ms, **about,
    )  # fmt: skip


async def find(session: AsyncSession, command_id: str, schools: Collection[str] | None) -> CommandRow:
    """Gives a command of these schools; raises `NotFound`."""
    row = await session.get(CommandRow, command_id)
    if row is None or (schools is not None and row.school not in schools):
        raise NotFound("there is no such command", field="command_id", value=command_id,
                       fix="list the commands of the device to see their ids")  # fmt: skip
    return row


async def of_device(session: AsyncSession, key: Key, before: str | None, limit: int) -> list[CommandRow]:
    """Lists the commands of a device, the newest first."""
    query = select(CommandRow).where(
        CommandRow.group_code == key[0], CommandRow.node == key[1], CommandRow.device == key[2]
    )
    if before is not None:
        query = query.where(CommandRow.id < before)
    return list(await session.scalars(query.order_by(CommandRow.id.desc()).limit(limit)))


async def cancel(session: AsyncSession, row: CommandRow, now_ms: int) -> CommandRow:
    """Takes a command back; raises `Conflict` unless it is queued."""
    taken_back = await session.execute(
        update(CommandRow)
        .where(CommandRow.id == row.id, CommandRow.state == State.QUEUED.value)
        .values(state=State.CANCELLED.value, ended_ms=now_ms)
        .returning(CommandRow.id)
    )
    if taken_back.scalar_one_or_none() is None:
        await session.refresh(row)
        raise Conflict(
            said("the command is {state}: only a queued one can be taken back", state=row.state),
            field="command_id",
            value=row.id,
            fix="send the opposite command",
        )
    return await _reread(session, row.id)


# ---------------------------------------------------------------- groups


async def find_group(session: AsyncSession, batch_id: str, schools: Collection[str] | None) -> CommandGroup:
    """Gives a group of a unit in the asker's reach; raises `NotFound`."""
    row = await session.get(CommandGroup, batch_id)
    if row is None or (schools is not None and row.unit not in schools):
        raise NotFound("there is no such group of commands", field="batch_id", value=batch_id,
                       fix="list GET /api/v1/commands/groups to see their ids")  # fmt: skip
    return row


async def list_groups(
    session: AsyncSession, schools: Collection[str] | None, before: str | None, limit: int
) -> list[CommandGroup]:
    """Lists the groups of units in the asker's reach, the newest first."""
    query = select(CommandGroup)
    if schools is not None:
        query = query.where(CommandGroup.unit.in_(schools))
    if before is not None:
        query = query.where(CommandGroup.id < before)
    return list(await session.scalars(query.order_by(CommandGroup.id.desc()).limit(limit)))


async def of_group(session: AsyncSession, batch_id: str, after: str | None, limit: int) -> list[CommandRow]:
    """Lists the commands of a group in their order."""
    query = select(CommandRow).where(CommandRow.batch_id == batch_id)
    if after is not None:
        query = query.where(CommandRow.id > after)
    return list(await session.scalars(query.order_by(CommandRow.id).limit(limit)))


async def failures(session: AsyncSession, batch_id: str) -> list[CommandRow]:
    """Lists the commands of a group that ended otherwise than wished, the newest first."""
    states = sorted(state.value for state in FAILURES)
    query = select(CommandRow).where(CommandRow.batch_id == batch_id, CommandRow.state.in_(states))
    return list(await session.scalars(query.order_by(CommandRow.ended_ms.desc()).limit(MAX_FAILURES_SHOWN)))


async def figures(session: AsyncSession, group: CommandGroup) -> dict[str, int]:
    """Counts how far a group is."""
    found = await counts(session, group.id)
    return {
        "done": group.total - found.waiting,
        "succeeded": found.succeeded,
        "failed": found.failed,
        "waiting": found.waiting,
    }


# ---------------------------------------------------------------- scenes


async def scenes(session: AsyncSession, schools: Collection[str] | None, school: str | None) -> list[Scene]:
    """Lists the scenes that schools made, by name."""
    query = select(Scene)
    for wanted in (schools, None if school is None else [school]):
        if wanted is not None:
            query = query.where(Scene.school.in_(wanted))
    return list(await session.scalars(query.order_by(Scene.school, Scene.name_vi, Scene.id)))


async def find_scene(session: AsyncSession, scene_id: str, schools: Collection[str] | None) -> Scene:
    """Gives a school's own scene; raises `NotFound`."""
    row = await session.get(Scene, scene_id)
    if row is None or (schools is not None and row.school not in schools):
        raise NotFound("there is no such scene", field="scene", value=scene_id,
                       fix="use an id of GET /api/v1/scenes")  # fmt: skip
    return row


# ---------------------------------------------------------------- what is wanted


async def wanted_of(session: AsyncSession, key: Key, now_ms: int) -> list[Wanted]:
    """Lists what is wanted of a device, by metric."""
    query = select(Wanted).where(
        Wanted.group_code == key[0], Wanted.node == key[1], Wanted.device == key[2], Wanted.until_ms > now_ms
    )
    return list(await session.scalars(query.order_by(Wanted.metric)))


async def wanted_values(session: AsyncSession, key: Key, now_ms: int) -> dict[str, Plain]:
    """Gives what is wanted of a device by metric."""
    return {row.metric: row.value for row in await wanted_of(session, key, now_ms)}


async def let_go(session: AsyncSession, key: Key, metric: str) -> Wanted:
    """Accepts what is: the wish ends; raises `NotFound` if there is none."""
    row = await session.get(Wanted, (*key, metric))
    if row is None:
        raise NotFound("nothing is wanted of this metric", field="metric", value=metric,
                       fix="list what is wanted of the device")  # fmt: skip
    await session.delete(row)
    await session.flush()
    return row


async def forget_old(session: AsyncSession, before_ms: int) -> None:
    """Deletes commands and groups that ended long ago, a limited number at once."""
    old = select(CommandGroup.id).where(CommandGroup.ended_ms < before_ms).limit(100)
    await session.execute(delete(CommandGroup).where(CommandGroup.id.in_(list(await session.scalars(old)))))
    single = (CommandRow.batch_id.is_(None), CommandRow.ended_ms < before_ms)
    ids = list(
        await session.scalars(
            select(CommandRow.id)
            .where(*single, CommandRow.id < f"{before_ms:012x}")
            .order_by(CommandRow.id)
            .limit(FORGOTTEN_AT_ONCE)
        )
    )
    for start in range(0, len(ids), 500):
        await session.execute(delete(CommandRow).where(CommandRow.id.in_(ids[start : start + 500])))


# ---------------------------------------------------------------- rows


def _row(order: Order, asking: Asking, command_id: str) -> dict[str, Any]:
    told = command_of(order.target.kind, order.command)
    assert told is not None, "the caller has looked the command up"
    group, node, device = order.target.key
    refused = order.refusal
    return {
        "id": command_id,
        "client_id": asking.client_id,
        "group_code": group,
        "node": node,
        "device": device,
        "school": order.target.school,
        "room": order.target.room,
        "name": order.target.name,
        "kind": order.target.kind,
        "command": order.command,
        "metric": told.metric,
        "datatype": int(told.datatype),
        "value": order.value,
        "source": asking.source,
        "by": asking.by,
        "state": (State.REFUSED if refused else State.QUEUED).value,
        "detail": refused.code if refused else "",
        "created_ms": asking.now_ms,
        "expires_ms": asking.now_ms + asking.expires_s * 1000,
        "patience_ms": asking.expires_s * 1000,
        "ended_ms": asking.now_ms if refused else None,
    }


async def _reread(session: AsyncSession, command_id: str) -> CommandRow:
    row = await session.get(CommandRow, command_id, populate_existing=True)
    assert row is not None
    return row
