"""What the routes of commands share: who asks, which device, and how things are shown."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hub.commands import service
from hub.commands.dispatching import CHANGED
from hub.commands.rules import Plain, Refusal, refusal
from hub.commands.scenes import fault_of
from hub.commands.schemas import Batch, Command, WantedOut
from hub.commands.service import Target
from hub.commands.sight import Interlocks, asked_of
from hub.commands.storing import Key, command_of
from hub.commands.tables import CommandGroup, CommandRow, Wanted
from hub.errors import Invalid, NotFound
from hub.events import Events
from hub.live.documents import Mirrored
from hub.live.picture import Picture
from hub.web.access import permission
from hub.web.principal import Principal, Schools

Commander = Annotated[Principal, Depends(permission("devices.command"))]
Reader = Annotated[Principal, Depends(permission("devices.read"))]
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Path(max_length=255, pattern=r"^[^\x00]*$")]


def picture_of(request: Request) -> Picture:
    """Gives the web role's picture."""
    picture: Picture = request.app.state.picture
    return picture


def interlocks_of(request: Request) -> Interlocks:
    """Gives which rooms are closed now."""
    interlocks: Interlocks = request.app.state.interlocks
    return interlocks


Live = Annotated[Picture, Depends(picture_of)]
Closed = Annotated[Interlocks, Depends(interlocks_of)]


def device_of(picture: Picture, key: Key, schools: Schools) -> Mirrored:
    """Gives a device that the asker may know of; raises `NotFound`."""
    document = picture.get(key) if key[2] else None
    if document is None or not (schools is None or (document.claimed and document.school in schools)):
        raise NotFound("there is no such device", field="device", value="/".join(key),
                       fix="list the devices to see what there is")  # fmt: skip
    return document


def target_of(key: Key, document: Mirrored) -> Target:
    """Gives a device as what is to be told something."""
    return Target(key, document.school, document.room, document.name or key[2], document.kind or "")


def check_value(kind: str, command: str, value: Plain, field: str = "value") -> None:
    """Raises `Invalid` for what the kind does not know as a command, or not with this value."""
    detail, fix = fault_of(kind, command, value)
    if detail:
        is_value = command_of(kind, command) is not None
        raise Invalid(detail, field=field if is_value else field.replace("value", "command"),
                      value=value if is_value else command, fix=fix)  # fmt: skip


def refusal_of(
    target: Target, command: str, value: Plain, interlocks: Interlocks, now_ms: int
) -> Refusal | None:
    """Gives why the hub does not accept this now."""
    place = target.school, target.room, target.key
    return refusal(asked_of(*place, target.kind, command, value, interlocks), now_ms)


def tell(request: Request, session: AsyncSession, **changed: Any) -> None:
    """Wakes the dispatcher once this is committed."""
    events: Events = request.app.state.events
    events.publish_after_commit(session, CHANGED, {"ids": [], **changed})


def shown(row: CommandRow) -> Command:
    """Gives a command as the API tells it."""
    told = command_of(row.kind, row.command)
    return Command(
        id=row.id, group=row.group_code, node=row.node, device=row.device, school=row.school, room=row.room,
        name=row.name, kind=row.kind, command=row.command, metric=row.metric, value=row.value,
        label_vi=told.label_vi if told else row.command, label_en=told.label_en if told else row.command,
        source=row.source, by=row.by, state=row.state, detail=row.detail, created_ms=row.created_ms,
        expires_ms=row.expires_ms, sent_ms=row.sent_ms, delivered_ms=row.delivered_ms,
        ended_ms=row.ended_ms, tries=row.tries, observed_value=row.observed, batch_id=row.batch_id,
    )  # fmt: skip


async def batch_shown(session: AsyncSession, row: CommandGroup) -> Batch:
    """Gives a group with how far it is."""
    return Batch(**about(row), **await service.figures(session, row))


def about(row: CommandGroup) -> dict[str, Any]:
    """Gives what a group is, without how far."""
    return {
        "id": row.id, "title": row.title, "source": row.source, "unit": row.unit, "school": row.school,
        "room": row.room, "room_type": row.room_type, "kind": row.kind, "command": row.command,
        "value": row.value, "scene": row.scene, "rate_per_s": row.rate_per_s,
        "abort_percent": row.abort_percent, "by": row.by, "created_ms": row.created_ms,
        "ended_ms": row.ended_ms, "state": row.state, "detail": row.detail, "total": row.total,
    }  # fmt: skip


def wanted_shown(rows: Iterable[Wanted], document: Mirrored | None) -> list[WantedOut]:
    """Gives what is wanted beside what is observed."""
    found = []
    for row in rows:
        reading = document.metrics.get(row.metric) if document else None
        found.append(
            WantedOut(
                metric=row.metric,
                wanted=row.value,
                observed=reading.value if reading else None,
                since_ms=row.since_ms,
                until_ms=row.until_ms,
                drift_since_ms=row.drift_since_ms,
                command_id=row.command_id,
            )
        )
    return found
