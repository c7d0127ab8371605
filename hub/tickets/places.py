"""Finds where a fault is, and who may be given it; reads other features' tables only."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.tables import Account, Grant
from hub.assets.tables import Asset
from hub.errors import Invalid
from hub.organisation.tables import Placement, Room, Unit
from hub.registry.tables import Device, Node
from hub.tickets.schemas import Assignable, DeviceName, TicketIn
from hub.web.principal import Schools
from hub.wording import said

MAX_PEOPLE = 500
ROOT_KIND = "department"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault is, as exactly as it is known."""

    unit: str
    unit_name: str
    room: str | None
    device: DeviceName | None
    asset_id: int | None


async def locate(session: AsyncSession, wanted: TicketIn, units: Schools, today: date) -> Place:
    """Finds the place that somebody names who may raise tickets in `units` (None: everywhere).

    Raises `Invalid` for what is not there; what is elsewhere gets the very same answer, so that nobody can
    find out what there is. Also for things that are not in one place.
    """
    unit, room, device = wanted.unit, wanted.room, wanted.device
    if wanted.asset_id is not None:
        asset = await session.get(Asset, wanted.asset_id)
        if asset is None or not _within(asset.school_code, units):
            raise _missing("asset_id", wanted.asset_id, "asset", "GET /api/v1/assets")
        unit, room = _agreed(unit, asset.school_code, "asset_id"), room or asset.room_code
        if device is None and asset.group_code and asset.node and asset.device:
            device = DeviceName(group=asset.group_code, node=asset.node, device=asset.device)
    if wanted.device is not None:
        school, place = await _of_device(session, wanted.device)
        if school is None or not _within(school, units):
            raise _missing("device", wanted.device.device, "device", "GET /api/v1/devices")
        unit, room = _agreed(unit, school, "device"), room or place
    if unit is None:
        raise Invalid("it is not said where the fault is", field="unit", value=None,
                      fix="name a unit, a device or an asset")  # fmt: skip
    query = select(Unit.name).where(Unit.code == unit, _until(Unit, today))
    name = (await session.execute(query)).scalar()
    if name is None or not _within(unit, units):
        raise _missing("unit", unit, "unit", "GET /api/v1/organisation/units")
    if wanted.room is not None:
        there = select(Room.code).where(
            Room.school_code == unit, Room.called(wanted.room), _until(Room, today)
        )
        room = await session.scalar(there.order_by(Room.code != wanted.room).limit(1))
        if room is None:
            raise _missing(
                "room",
                wanted.room,
                said("room of {unit}", unit=unit),
                "GET /api/v1/organisation/rooms?school=",
            )
    return Place(unit, name, room or None, device, wanted.asset_id)


async def assignable(
    session: AsyncSession, unit: str, roles: Collection[str], today: date, account_id: int | None = None
) -> list[Assignable]:
    """Gives who has one of the roles in a unit or above it, by name; only this account, if one is given."""
    up = select(Unit.code).where(Unit.code == unit).cte("up", recursive=True)
    above = select(Placement.parent_code).join(up, Placement.unit_code == up.c.code)
    up = up.union(above.where(Placement.valid_from <= today, _until(Placement, today)))
    covers = or_(
        Grant.unit_code.in_(select(up.c.code)),
        Grant.unit_code.in_(select(Unit.code).where(Unit.kind == ROOT_KIND)),
    )
    query = (
        select(Account.id, Account.name, Account.username, Grant.role)
        .join(Grant, Grant.account_id == Account.id)
        .where(Grant.role.in_(roles), covers, Account.disabled_ms.is_(None))
        .order_by(Account.name, Account.id, Grant.role)
    )
    if account_id is not None:
        query = query.where(Account.id == account_id)
    people: dict[tuple[int, str, str], set[str]] = defaultdict(set)
    for number, name, username, role in await session.execute(query):
        people[number, name, username].add(role)
    return [
        Assignable(id=number, name=name, username=username, roles=sorted(held))
        for (number, name, username), held in list(people.items())[:MAX_PEOPLE]
    ]


async def children(session: AsyncSession, unit: str, today: date) -> dict[str, str]:
    """Gives the names of the units directly below a unit on a day, by code."""
    query = (
        select(Unit.code, Unit.name)
        .join(Placement, Placement.unit_code == Unit.code)
        .where(Placement.parent_code == unit, Placement.valid_from <= today)
        .where(_until(Placement, today), _until(Unit, today))
        .order_by(Unit.code)
    )
    return {row.code: row.name for row in await session.execute(query)}


async def name_of(session: AsyncSession, unit: str) -> str | None:
    """Gives a unit's name, or None if there is no such unit."""
    return (await session.execute(select(Unit.name).where(Unit.code == unit))).scalar()


async def _of_device(session: AsyncSession, device: DeviceName) -> tuple[str | None, str | None]:
    """Gives the school that a device's node is claimed for, and the device's room."""
    query = (
        select(Node.claimed_school, Device.room_code)
        .join(Device, (Device.group_code == Node.group_code) & (Device.node == Node.node))
        .where(Device.group_code == device.group, Device.node == device.node, Device.device == device.device)
    )
    row = (await session.execute(query)).first()
    if row is None:
        return None, None
    return row.claimed_school, row.room_code if row.room_code not in ("", "-") else None


def _within(unit: str, units: Schools) -> bool:
    return units is None or unit in units


def _agreed(unit: str | None, found: str, field: str) -> str:
    if unit not in (None, found):
        raise Invalid(
            said("this is not in {unit}", unit=unit), field=field, value=found, fix="leave the unit out"
        )
    return found


def _until(table: type[Unit] | type[Room] | type[Placement], today: date) -> ColumnElement[bool]:
    return or_(table.valid_to.is_(None), table.valid_to > today)


def _missing(field: str, value: object, what: str, listed: str) -> Invalid:
    return Invalid(
        said("there is no such {what}", what=what),
        field=field,
        value=value,
        fix=said("use one of {listed}", listed=listed),
    )
