"""Keeps the equipment register; what happened to an asset is only ever added to. Never commits."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.bulk import compare, upsert, with_tags
from hub.assets.rules import gaps_of, search_text, tag_of
from hub.assets.schemas import DeviceKey
from hub.assets.tables import Asset, AssetEvent
from hub.assets.types import TYPES
from hub.errors import Conflict, Invalid, NotFound
from hub.organisation.tables import Room, Unit
from hub.registry.tables import Device, Node
from hub.wording import said

__all__ = [
    "Act", "change", "compare", "create", "dispose", "find", "history", "link", "move", "repair", "return_",
    "upsert", "with_tags",
]  # fmt: skip

FACTS = (
    "name", "type", "serial", "maker", "model", "acquired", "fund_source", "supplier", "price_vnd",
    "warranty_until", "status", "condition", "note",
)  # fmt: skip
_NULLABLE = frozenset({"acquired", "price_vnd", "warranty_until"})


class Act:
    """Who does something to the register, when, and what day it is."""

    def __init__(self, by: str, now_ms: int, today: date) -> None:
        self.by, self.now_ms, self.today = by, now_ms, today


async def find(
    session: AsyncSession, schools: Collection[str] | None, *, asset_id: int | None = None, tag: str = "",
    for_change: bool = False,
) -> Asset:  # fmt: skip
    """Gives an asset of these schools (None is all) by its id or its tag; raises `NotFound`."""
    query = select(Asset).where(Asset.tagged(tag) if asset_id is None else Asset.id == asset_id)
    query = query.order_by(Asset.tag != tag).limit(1)  # a twin's own letters come first
    if schools is not None:
        query = query.where(Asset.school_code.in_(schools))
    asset = (await session.execute(query.with_for_update() if for_change else query)).scalar_one_or_none()
    if asset is None:
        field, value = ("tag", tag) if asset_id is None else ("asset", str(asset_id))
        raise NotFound("there is no such asset", field=field, value=value, fix="list the assets to see them")
    return asset


async def create(
    session: AsyncSession, school: str, room: str, facts: Mapping[str, Any], tag: str | None, act: Act
) -> Asset:
    """Enters a new asset; raises `Invalid` for an unknown room or type, `Conflict` for a taken tag."""
    room = await check_room(session, school, room, act.today)
    asset = Asset(
        tag=tag or tag_of(secrets.randbits(45)), school_code=school, room_code=room, created_ms=act.now_ms
    )
    for name in FACTS:
        setattr(asset, name, None if name in _NULLABLE else "")
    _describe(asset, facts, act)
    session.add(asset)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict("this tag is taken", field="tag", value=tag,
                       fix="use another, or leave it out and get one") from None  # fmt: skip
    _note(session, asset, "created", act, after=_known(asset))
    return asset


async def change(session: AsyncSession, asset: Asset, facts: Mapping[str, Any], act: Act) -> dict[str, Any]:
    """Changes the facts given and gives what they were; a change that changes nothing leaves no trace."""
    _there(asset)
    before = _describe(asset, facts, act)
    if before:
        after = {name: plain(getattr(asset, name)) for name in before}
        _note(session, asset, "changed", act, before=before, after=after)
    return before


async def move(
    session: AsyncSession,
    asset: Asset,
    school: str,
    room: str,
    act: Act,
    on: date | None = None,
    text: str = "",
) -> bool:
    """Moves an asset to a room (empty: none) since a day; false if it is there already.

    Raises `Invalid` for a day to come, or one before what is already in its history.
    """
    _there(asset)
    if (asset.school_code, asset.room_code) == (school, room):
        return False
    room = await check_room(session, school, room, act.today)
    if (asset.school_code, asset.room_code) == (school, room):
        return False
    day = await _day(session, asset, on, act)
    before = place(asset)
    if school != asset.school_code:
        _unlink(session, asset, act)
    asset.school_code, asset.room_code = school, room
    _settle(asset, act)
    _note(session, asset, "moved", act, on=day, before=before, after=place(asset), text=text)
    return True


async def repair(session: AsyncSession, asset: Asset, text: str, act: Act) -> None:
    """Sends an asset to repair; raises `Conflict` if it is there, or gone."""
    _there(asset)
    if asset.status == "repair":
        raise Conflict("the asset is in repair already", field="status", value=asset.status,
                       fix="return it first")  # fmt: skip
    _become(session, asset, "repair", "repair", act, text=text)


async def return_(session: AsyncSession, asset: Asset, text: str, act: Act) -> None:
    """Brings an asset back into use, from repair, loss, spare, or a disposal that was not one."""
    if asset.status == "in_use":
        raise Conflict("the asset is in use already", field="status", value=asset.status,
                       fix="there is nothing to return")  # fmt: skip
    _become(session, asset, "in_use", "returned", act, text=text)


async def dispose(session: AsyncSession, asset: Asset, reason: str, act: Act, on: date | None = None) -> None:
    """Takes an asset out of the register's counts for good; its record and its history stay."""
    _there(asset)
    day = await _day(session, asset, on, act)
    _unlink(session, asset, act)
    _become(session, asset, "disposed", "disposed", act, on=day, text=reason)


async def link(
    session: AsyncSession, asset: Asset, device: DeviceKey | None, act: Act, *, is_planned: bool = False
) -> None:
    """Links an asset to a device of its own school, or to none; raises `Invalid` or `Conflict`.

    A planned device is one of the school's that the hub has not heard of yet.
    """
    _there(asset)
    wanted = None if device is None else (device.group, device.node, device.device)
    if wanted == (None if asset.node is None else (asset.group_code, asset.node, asset.device)):
        return
    _unlink(session, asset, act)
    if wanted is not None:
        same = (Device.group_code == Node.group_code) & (Device.node == Node.node)
        known = select(Device.device).join(Node, same).where(
            Device.group_code == wanted[0], Device.node == wanted[1], Device.device == wanted[2],
            Node.claimed_school == asset.school_code,
        )  # fmt: skip
        named = "/".join(wanted)
        if not is_planned and (await session.execute(known)).first() is None:
            raise Invalid("this school has no such device", field="device", value=named,
                          fix="use group, node and device of GET /api/v1/devices")  # fmt: skip
        asset.group_code, asset.node, asset.device = wanted
        try:
            await session.flush()
        except IntegrityError:
            raise Conflict("another asset is linked to this device", field="device", value=named,
                           fix="unlink that one first") from None  # fmt: skip
        _note(session, asset, "linked", act, after={"device": list(wanted)})
    _settle(asset, act)


async def history(session: AsyncSession, asset: Asset, before_id: int | None, limit: int) -> list[AssetEvent]:
    """Gives what happened to an asset, the latest first."""
    query = select(AssetEvent).where(AssetEvent.asset_id == asset.id)
    if before_id is not None:
        query = query.where(AssetEvent.id < before_id)
    return list((await session.execute(query.order_by(AssetEvent.id.desc()).limit(limit))).scalars())


async def of_serial(session: AsyncSession, asset: Asset) -> list[str]:
    """Gives tags of other equipment of the school with the same serial number, few if there are many."""
    if not asset.serial:
        return []
    query = select(Asset.tag).where(
        Asset.school_code == asset.school_code, Asset.serial == asset.serial, Asset.id != asset.id,
        Asset.status != "disposed",
    )  # fmt: skip
    return list((await session.execute(query.order_by(Asset.id).limit(3))).scalars())


def note_document(session: AsyncSession, asset: Asset, name: str, act: Act) -> None:
    """Notes in the history that a document was added."""
    _note(session, asset, "document", act, text=name)


def counted(session: AsyncSession, asset: Asset, condition: str, act: Act, seen_ms: int, text: str) -> None:
    """Notes that a stock-taking has seen an asset, and a condition that it found changed."""
    asset.seen_ms = seen_ms
    if condition and condition != asset.condition:
        before = {"condition": asset.condition}
        asset.condition, asset.changed_ms = condition, act.now_ms
        _note(session, asset, "counted", act, before=before, after={"condition": condition}, text=text)


def place(asset: Asset) -> dict[str, Any]:
    """Tells where an asset is."""
    return {"school": asset.school_code, "room": asset.room_code}


def plain(value: object) -> object:
    """Gives a value as JSON has it."""
    return value.isoformat() if isinstance(value, date) else value


def _describe(asset: Asset, facts: Mapping[str, Any], act: Act) -> dict[str, Any]:
    """Sets the facts, settles what follows from them, and gives what was there before where it differs."""
    if (kind := facts.get("type")) and kind not in TYPES:
        raise Invalid("there is no such type of equipment", field="type", value=kind,
                      fix="use one of GET /api/v1/assets/types")  # fmt: skip
    before = {}
    for name, value in facts.items():
        new = value if name in _NULLABLE else value or ""
        old = getattr(asset, name)
        if new != old:
            before[name] = plain(old)
            setattr(asset, name, new)
    if before:
        _settle(asset, act)
    return before


def _settle(asset: Asset, act: Act) -> None:
    values = {**{name: getattr(asset, name) for name in FACTS}, "tag": asset.tag, "room": asset.room_code}
    asset.gaps, asset.search, asset.changed_ms = gaps_of(values), search_text(values), act.now_ms


def _become(
    session: AsyncSession,
    asset: Asset,
    status: str,
    kind: str,
    act: Act,
    *,
    on: date | None = None,
    text: str,
) -> None:
    before = {"status": asset.status}
    asset.status = status
    _settle(asset, act)
    _note(session, asset, kind, act, on=on, before=before, after={"status": status}, text=text)


def _unlink(session: AsyncSession, asset: Asset, act: Act) -> None:
    if asset.node is not None:
        before = {"device": [asset.group_code, asset.node, asset.device]}
        asset.group_code = asset.node = asset.device = None
        _note(session, asset, "unlinked", act, before=before)


def _note(
    session: AsyncSession,
    asset: Asset,
    kind: str,
    act: Act,
    *,
    on: date | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    text: str = "",
) -> None:
    event = AssetEvent(asset_id=asset.id, kind=kind, on=on or act.today, at_ms=act.now_ms, by=act.by,
                       school_code=asset.school_code, room_code=asset.room_code,
                       before=before, after=after, text=text)  # fmt: skip
    session.add(event)


def _known(asset: Asset) -> dict[str, Any]:
    facts = {name: plain(getattr(asset, name)) for name in FACTS}
    return {"tag": asset.tag, **{name: value for name, value in facts.items() if value not in (None, "")}}


def _there(asset: Asset) -> None:
    if asset.status == "disposed":
        raise Conflict("the asset has been disposed of", field="asset", value=asset.tag,
                       fix="if that was a mistake, return it first")  # fmt: skip


async def _day(session: AsyncSession, asset: Asset, on: date | None, act: Act) -> date:
    day = on or act.today
    if day > act.today:
        raise Invalid(
            "this day is still to come", field="on", value=str(day), fix="use today, or a day before"
        )
    moved = select(func.max(AssetEvent.on)).where(
        AssetEvent.asset_id == asset.id, AssetEvent.kind.in_(("moved", "disposed"))
    )
    last: date | None = (await session.execute(moved)).scalar_one()
    first = max((each for each in (last, asset.acquired) if each is not None), default=day)
    if day < first and day != act.today:
        raise Invalid(said('its history already goes to {first}', first=first), field="on", value=str(day),
                      fix=said('use a day from {first} on', first=first))  # fmt: skip
    return day


async def check_room(session: AsyncSession, school: str, room: str, today: date) -> str:
    """Gives a room's code (empty: none) as it was first written, in whatever case it is asked for.

    Raises `NotFound` for a school that is none, `Invalid` for a room it does not have today.
    """
    if await session.get(Unit, school) is None:
        raise no_school(school)
    if not room:
        return ""
    query = select(Room.code).where(
        Room.school_code == school, Room.called(room), or_(Room.valid_to.is_(None), Room.valid_to > today)
    )
    found = await session.scalar(query.order_by(Room.code != room).limit(1))
    if found is None:
        raise Invalid("the school has no such room", field="room", value=room,
                      fix="use a code of GET /api/v1/organisation/rooms, or enter it first")  # fmt: skip
    return found


def no_school(code: str) -> NotFound:
    """Makes the answer for a school that does not exist, or lies outside what the asker may reach."""
    return NotFound("there is no such school", field="school", value=code,
                    fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
