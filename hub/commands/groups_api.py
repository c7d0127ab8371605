"""Commands to many devices, and scenes of rooms."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Trailing
from hub.clock import today
from hub.commands import service, storing
from hub.commands.asking import (
    Closed,
    Commander,
    Id,
    Live,
    Name,
    Reader,
    about,
    batch_shown,
    check_value,
    refusal_of,
    shown,
    target_of,
    tell,
)
from hub.commands.rules import Plain
from hub.commands.scenes import BUILT_IN, built_in
from hub.commands.schemas import (
    Batch,
    BatchDetail,
    Command,
    GroupIn,
    GroupScope,
    SceneChange,
    SceneIn,
    SceneOut,
    SceneRun,
    SceneStep,
)
from hub.commands.service import Asking, Order, Target
from hub.commands.sight import Interlocks
from hub.commands.storing import known_kinds
from hub.commands.tables import Scene
from hub.errors import Conflict, Invalid, NotFound
from hub.live.documents import key_of
from hub.live.picture import Picture
from hub.organisation.asking import Kept, must_see
from hub.organisation.tables import Room
from hub.organisation.tree import ROOT_KIND, Tree
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["commands"])

Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]
SCENE_RATE_PER_S = 50
NEVER_ABORTS = 100


@router.post("/commands/groups", status_code=202)
async def give_group(
    wanted: GroupIn,
    who: Commander,
    picture: Live,
    interlocks: Closed,
    kept: Kept,
    request: Request,
    session: Transaction,
    trail: Trailing,
) -> Batch:
    """Queues a command for all devices of a kind in a scope, sent at a steady rate.

    It stops by itself when more than `abort_percent` of those that ended failed, ten at least.
    """
    check_value(wanted.kind, wanted.command, wanted.value)
    scope = wanted.scope
    unit, where = await _where(request, session, await kept.current(session), who, scope)
    rooms = await _rooms_of_type(session, scope.room_type, where) if scope.room_type else None
    targets = [
        each
        for each in _targets(picture, where, wanted.kind)
        if (scope.room is None or each.room == scope.room)
        and (rooms is None or (each.school, each.room) in rooms)
    ]
    now_ms: int = request.app.state.now_ms()
    asking = Asking("group", who.name, now_ms, wanted.expires_s, wanted.client_id)
    kind = known_kinds()[wanted.kind]
    group = service.new_group(
        asking, len(targets), title=f"{kind.label_vi}: {wanted.command} = {wanted.value}", unit=unit,
        school=scope.school, room=scope.room, room_type=scope.room_type, kind=wanted.kind,
        command=wanted.command, value=wanted.value, scene=None, rate_per_s=wanted.rate_per_s,
        abort_percent=wanted.abort_percent,
    )  # fmt: skip
    if wanted.dry_run:
        figures = {"done": 0, "succeeded": 0, "failed": 0, "waiting": len(targets)}
        return Batch(**{**about(group), "id": ""}, **figures)
    orders = _orders(targets, [(wanted.kind, wanted.command, wanted.value)], interlocks, now_ms)
    group, is_new = await service.give_many(session, group, orders, asking)
    if is_new:
        after = {**wanted.model_dump(exclude={"client_id", "dry_run"}), "id": group.id, "total": group.total}
        await trail.note("command.group", f"command_group:{group.id}", unit=unit, after=after)
        tell(request, session, batch=group.id)
    return await batch_shown(session, group)


@router.get("/commands/groups")
async def list_groups(who: Reader, session: Reading, paging: PageQuery) -> Page[Batch]:
    """Lists groups of commands, the newest first."""
    after = paging.after(str)
    before = str(after[0]) if after else None
    rows = await service.list_groups(session, who.schools("devices.read"), before, paging.limit + 1)
    page = paging.page(rows, lambda row: (row.id,), lambda row: row)
    return Page(items=[await batch_shown(session, row) for row in page.items], next_cursor=page.next_cursor)


@router.get("/commands/groups/{batch_id}")
async def get_group(batch_id: Id, who: Reader, session: Reading) -> BatchDetail:
    """Gives a group with how far it is and what failed."""
    row = await service.find_group(session, batch_id, who.schools("devices.read"))
    failed = await service.failures(session, batch_id)
    batch = await batch_shown(session, row)
    return BatchDetail(**batch.model_dump(), failures=[shown(each) for each in failed])


@router.get("/commands/groups/{batch_id}/commands")
async def list_group(batch_id: Id, who: Reader, session: Reading, paging: PageQuery) -> Page[Command]:
    """Lists the commands of a group, in the order of sending."""
    await service.find_group(session, batch_id, who.schools("devices.read"))
    after = paging.after(str)
    rows = await service.of_group(session, batch_id, str(after[0]) if after else None, paging.limit + 1)
    return paging.page(rows, lambda row: (row.id,), shown)


@router.post("/commands/groups/{batch_id}/cancel")
async def cancel_group(
    batch_id: Id, who: Commander, request: Request, session: Transaction, trail: Trailing
) -> Batch:
    """Takes back what is still queued of a group; what is sent goes on."""
    row = await service.find_group(session, batch_id, who.schools("devices.command"))
    if row.state != "running":
        raise Conflict(
            said("the group is {state}", state=row.state),
            field="batch_id",
            value=batch_id,
            fix="reload the group",
        )
    await storing.end_batch(session, batch_id, "cancelled", "", request.app.state.now_ms())
    await trail.note("command.group.cancel", f"command_group:{batch_id}", unit=row.unit)
    tell(request, session, batch=batch_id)
    await session.refresh(row)
    return await batch_shown(session, row)


# ---------------------------------------------------------------- scenes


@router.get("/scenes")
async def list_scenes(
    who: Reader, session: Reading, school: Text = None, room: Text = None
) -> Page[SceneOut]:
    """Lists the scenes that every room has, and those of schools; `room` changes nothing yet."""
    own = await service.scenes(session, who.schools("devices.read"), school)
    every = [
        SceneOut(
            id=each.id, name_vi=each.name_vi, name_en=each.name_en, steps=_steps(each.steps), school=None
        )
        for each in BUILT_IN
    ]
    return Page(items=[*every, *map(_scene, own)])


@router.post("/scenes", status_code=201)
async def add_scene(
    wanted: SceneIn, who: Commander, kept: Kept, request: Request, session: Transaction, trail: Trailing
) -> SceneOut:
    """Adds a scene to a school."""
    must_see(who, "devices.command", await kept.current(session), wanted.school, field="school")
    _check(wanted.steps)
    now_ms: int = request.app.state.now_ms()
    steps = [step.model_dump() for step in wanted.steps]
    row = Scene(
        id=service.new_id(now_ms), school=wanted.school, name_vi=wanted.name_vi, name_en=wanted.name_en,
        steps=steps, by=who.name, created_ms=now_ms,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    after = {"name": row.name_vi, "steps": steps}
    await trail.note("scene.create", f"scene:{row.id}", unit=row.school, after=after)
    return _scene(row)


@router.patch("/scenes/{scene}")
async def change_scene(
    scene: Id, wanted: SceneChange, who: Commander, session: Transaction, trail: Trailing
) -> SceneOut:
    """Changes a school's own scene."""
    row = await service.find_scene(session, scene, who.schools("devices.command"))
    before = {"name": row.name_vi, "steps": row.steps}
    if wanted.steps is not None:
        _check(wanted.steps)
    for name, value in wanted.model_dump(exclude_none=True).items():
        setattr(row, name, value)
    await session.flush()
    after = {"name": row.name_vi, "steps": row.steps}
    await trail.note("scene.change", f"scene:{scene}", unit=row.school, before=before, after=after)
    return _scene(row)


@router.delete("/scenes/{scene}", status_code=204)
async def delete_scene(scene: Id, who: Commander, session: Transaction, trail: Trailing) -> None:
    """Deletes a school's own scene; what it did stays in the lists of commands."""
    row = await service.find_scene(session, scene, who.schools("devices.command"))
    before = {"name": row.name_vi, "steps": row.steps}
    await trail.note("scene.delete", f"scene:{scene}", unit=row.school, before=before)
    await session.delete(row)


@router.post("/rooms/{school}/{room}/scenes/{scene}", status_code=202)
async def run_scene(
    school: Name,
    room: Name,
    scene: Id,
    who: Commander,
    picture: Live,
    interlocks: Closed,
    kept: Kept,
    request: Request,
    session: Transaction,
    trail: Trailing,
    wanted: SceneRun | None = None,
) -> Batch:
    """Does a scene in a room: its steps in their order, each told to all devices of its kind there."""
    must_see(who, "devices.command", await kept.current(session), school, field="school")
    found = [each for each in _targets(picture, frozenset({school}), None) if each.room == room]
    if not found and await session.get(Room, (school, room)) is None:
        raise NotFound("there is no such room", field="room", value=room, fix="list the rooms of the school")
    known = built_in(scene)
    if known is not None:
        name, steps = known.name_vi, list(known.steps)
    else:
        row = await service.find_scene(session, scene, frozenset({school}))
        name = row.name_vi
        steps = [(step["kind"], step["command"], step["value"]) for step in row.steps]
    now_ms: int = request.app.state.now_ms()
    asking = Asking("scene", who.name, now_ms, client_id=wanted.client_id if wanted else None)
    orders = _orders(found, steps, interlocks, now_ms)
    group = service.new_group(
        asking, len(orders), title=name, unit=school, school=school, room=room, room_type=None, kind=None,
        command=None, value=None, scene=scene, rate_per_s=SCENE_RATE_PER_S, abort_percent=NEVER_ABORTS,
    )  # fmt: skip
    group, is_new = await service.give_many(session, group, orders, asking)
    if is_new:
        after = {"id": group.id, "scene": name, "total": group.total}
        await trail.note("scene.run", f"room:{school}/{room}", unit=school, after=after)
        tell(request, session, batch=group.id)
    return await batch_shown(session, group)


# ---------------------------------------------------------------- what they share


async def _where(
    request: Request, session: AsyncSession, tree: Tree, who: Principal, scope: GroupScope
) -> tuple[str, Schools]:
    """Gives the unit that answers for a scope, and the units in it; None is all."""
    allowed = who.schools("devices.command")
    if scope.room is not None and scope.school is None:
        raise Invalid(
            "a room is named by its school too", field="scope.school", value=None, fix="add the school"
        )
    for field, code in (("scope.unit", scope.unit), ("scope.school", scope.school)):
        if code is not None:
            must_see(who, "devices.command", tree, code, field=field)
    code = scope.school or scope.unit
    if code is None:
        if allowed is not None:
            raise Invalid("say where: everything is not yours to command", field="scope", value=None,
                          fix="name a unit or a school")  # fmt: skip
        return next(each.code for each in tree.units.values() if each.kind == ROOT_KIND), None
    below: Schools = frozenset({code}) if scope.school else await request.app.state.subtree(session, code)
    if allowed is not None:
        below = allowed if below is None else below & allowed
    return code, below


async def _rooms_of_type(session: AsyncSession, room_type: str, where: Schools) -> set[tuple[str, str]]:
    query = select(Room.school_code, Room.code).where(Room.type == room_type)
    query = query.where(Room.valid_to.is_(None) | (Room.valid_to > today()))
    return {
        (school, code) for school, code in await session.execute(query) if where is None or school in where
    }


def _targets(picture: Picture, where: Schools, kind: str | None) -> list[Target]:
    """The claimed devices of units and of a kind, in the order of their places."""
    found = [
        target_of(key_of(document), document)
        for document in picture.documents()
        if document.device
        and document.claimed
        and (kind is None or document.kind == kind)
        and (where is None or document.school in where)
    ]
    return sorted(found, key=lambda each: (each.school, each.room, each.key))


def _orders(
    targets: Sequence[Target],
    steps: Sequence[tuple[str, str, Plain]],
    interlocks: Interlocks,
    now_ms: int,
) -> list[Order]:
    return [
        Order(target, command, value, refusal_of(target, command, value, interlocks, now_ms))
        for kind, command, value in steps
        for target in targets
        if target.kind == kind
    ]


def _check(steps: Sequence[SceneStep]) -> None:
    for number, step in enumerate(steps):
        check_value(step.kind, step.command, step.value, f"steps.{number}.value")


def _steps(steps: Sequence[tuple[str, str, Plain]]) -> list[SceneStep]:
    return [SceneStep(kind=kind, command=command, value=value) for kind, command, value in steps]


def _scene(row: Scene) -> SceneOut:
    return SceneOut(id=row.id, name_vi=row.name_vi, name_en=row.name_en,
                    steps=[SceneStep(**step) for step in row.steps], school=row.school)  # fmt: skip
