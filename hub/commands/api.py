"""Commands to one device: give, follow, take back; and what is wanted of it beside what it is."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from hub.audit.trail import Trailing
from hub.commands import service
from hub.commands.asking import (
    Closed,
    Commander,
    Id,
    Live,
    Name,
    Reader,
    check_value,
    device_of,
    refusal_of,
    shown,
    target_of,
    tell,
    wanted_shown,
)
from hub.commands.progress import HEADERS, frames
from hub.commands.schemas import Command, CommandIn, WantedOut
from hub.commands.service import Asking, Order
from hub.errors import Conflict
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1", tags=["commands"])


@router.post("/devices/{group}/{node}/{device}/commands", status_code=202)
async def give_command(
    group: Name,
    node: Name,
    device: Name,
    wanted: CommandIn,
    who: Commander,
    picture: Live,
    interlocks: Closed,
    request: Request,
    session: Transaction,
    trail: Trailing,
) -> Command:
    """Queues a command; with a `client_id`, asking twice is asking once.

    Nothing is believed because it was asked for: follow the command until `succeeded` says that the device
    is observed to be as wanted.
    """
    key = (group, node, device)
    target = target_of(key, device_of(picture, key, who.schools("devices.command")))
    check_value(target.kind, wanted.command, wanted.value)
    now_ms: int = request.app.state.now_ms()
    no = refusal_of(target, wanted.command, wanted.value, interlocks, now_ms)
    if no is not None:
        raise Conflict(
            no.why, field="command", value=wanted.command, fix="end what forbids it, then ask again"
        )
    asking = Asking("person", who.name, now_ms, wanted.expires_s, wanted.client_id)
    row, is_new = await service.give(session, Order(target, wanted.command, wanted.value), asking)
    if is_new:
        after = {"id": row.id, "command": row.command, "value": row.value}
        await trail.note("command.give", _device(key), unit=target.school, after=after)
        tell(request, session, ids=[row.id])
    return shown(row)


@router.get("/devices/{group}/{node}/{device}/commands")
async def list_commands(
    group: Name, node: Name, device: Name, who: Reader, picture: Live, session: Reading, paging: PageQuery
) -> Page[Command]:
    """Lists the commands of a device, the newest first."""
    key = (group, node, device)
    device_of(picture, key, who.schools("devices.read"))
    after = paging.after(str)
    rows = await service.of_device(session, key, str(after[0]) if after else None, paging.limit + 1)
    return paging.page(rows, lambda row: (row.id,), shown)


@router.get("/commands/stream", response_class=StreamingResponse)
async def command_stream(request: Request, who: Reader) -> StreamingResponse:
    """Streams `commands` and `batches` with what changed of them; `reload` says that some of it is lost."""
    return StreamingResponse(frames(request, who), media_type="text/event-stream", headers=HEADERS)


@router.get("/commands/{command_id}")
async def get_command(command_id: Id, who: Reader, session: Reading) -> Command:
    """Gives a command with its life."""
    return shown(await service.find(session, command_id, who.schools("devices.read")))


@router.post("/commands/{command_id}/cancel")
async def cancel_command(
    command_id: Id, who: Commander, request: Request, session: Transaction, trail: Trailing
) -> Command:
    """Takes a command back that is still queued."""
    row = await service.find(session, command_id, who.schools("devices.command"))
    row = await service.cancel(session, row, request.app.state.now_ms())
    place = _device((row.group_code, row.node, row.device))
    await trail.note("command.cancel", place, unit=row.school, after={"id": row.id, "command": row.command})
    tell(request, session, ids=[row.id])
    return shown(row)


@router.get("/devices/{group}/{node}/{device}/wanted")
async def list_wanted(
    group: Name, node: Name, device: Name, who: Reader, picture: Live, session: Reading, request: Request
) -> Page[WantedOut]:
    """Lists what is wanted of a device today, beside what is observed."""
    key = (group, node, device)
    document = device_of(picture, key, who.schools("devices.read"))
    rows = await service.wanted_of(session, key, request.app.state.now_ms())
    return Page(items=wanted_shown(rows, document))


@router.delete("/devices/{group}/{node}/{device}/wanted/{metric}", status_code=204)
async def accept_what_is(
    group: Name,
    node: Name,
    device: Name,
    metric: Name,
    who: Commander,
    picture: Live,
    request: Request,
    session: Transaction,
    trail: Trailing,
) -> None:
    """Accepts what the device is: nothing else is wanted of this metric any more, and its drift is over."""
    key = (group, node, device)
    document = device_of(picture, key, who.schools("devices.command"))
    row = await service.let_go(session, key, metric)
    before = {"metric": metric, "wanted": row.value}
    await trail.note("wanted.accept", _device(key), unit=document.school, before=before)
    tell(request, session, wanted=True)


def _device(key: tuple[str, str, str]) -> str:
    return f"device:{'/'.join(key)}"
