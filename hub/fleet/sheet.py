"""Devices of agents as a spreadsheet: a school is prepared before its box is plugged in."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from devices.kind import kinds
from devices.sections import SECRETS, DeviceSection, Wrong, wrong_options
from devices.wire.topics import TopicError, check_id
from hub.fleet import service
from hub.fleet.rules import KEPT, unhidden
from hub.organisation.tables import Room, Unit
from hub.registry.tables import Device
from hub.sheets import By, Change, Column, Key, Sheet, Tell, Trouble, Values, merged, outside
from hub.web.principal import Schools

DEVICES_MOST = 500
"""Devices that one agent may have."""


@dataclass(frozen=True, slots=True)
class _Facts:
    units: frozenset[str]
    rooms: Mapping[tuple[str, str], tuple[str, str]]
    """Code and type of each room by its school and its code in small letters."""
    placed: Mapping[tuple[str, str], str]
    """The node of each device by its school and its id in small letters."""
    sizes: Mapping[service.Key, int]
    own: frozenset[service.Key]
    """Agents whose devices only their own file knows."""


class DeviceSheet(Sheet):
    """Devices that agents should have; an agent gets them at once, or when it comes for the first time."""

    id, vi, en = "devices", "Thiết bị của tác nhân", "Agents' devices"
    permission = "agents.write"
    key = ("school", "node", "device")
    any_case = frozenset(("device",))
    columns = (
        Column("school", "Mã trường", "School", "code", required=True, example="24052101", also=("Trường",)),
        Column("node", "Mã tác nhân", "Agent", "code", required=True, example="24052101-a1",
               also=("Node", "Tác nhân")),
        Column("device", "Mã thiết bị", "Device", "code", required=True, example="p101-projector",
               also=("Device id", "Thiết bị")),
        Column("kind", "Loại", "Kind", "choice", required=True, example="projector",
               choices={each.id: (each.label_vi, each.label_en) for each in kinds().values()}),
        Column("room", "Mã phòng", "Room", "code", example="C-101", also=("Phòng",)),
        Column("name", "Tên", "Name", example="Máy chiếu phòng C-101", max_characters=200),
        Column("address", "Địa chỉ", "Address", example="10.12.3.20", also=("Host", "IP"),
               max_characters=255),
        Column("options", "Tùy chọn", "Options", example="password=…; port=4352", max_characters=2000),
    )  # fmt: skip

    async def facts(self, session: AsyncSession, by: By) -> _Facts:
        """Gives units, rooms and what agents should have."""
        units = frozenset((await session.execute(select(Unit.code))).scalars())
        rooms = await session.execute(select(Room.school_code, Room.code, Room.type))
        wanted = {
            key: json.loads(each.content)
            for key, each in (await service.wanted_configurations(session)).items()
        }
        placed = {
            (key[0], device["id"].lower()): key[1]
            for key, content in wanted.items()
            for device in content.get("devices") or []
        }
        heard = await session.execute(select(Device.group_code, Device.node).distinct())
        known = frozenset(key for key, content in wanted.items() if content.get("devices") is not None)
        return _Facts(
            units if by.scope is None else units & frozenset(by.scope),
            {(school, code.lower()): (code, type_) for school, code, type_ in rooms},
            placed,
            {key: len(content.get("devices") or []) for key, content in wanted.items()},
            frozenset((row[0], row[1]) for row in heard) - known,
        )

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives the devices that agents should have, without their secrets."""
        for (school, node), wanted in sorted((await service.wanted_configurations(session)).items()):
            if scope is not None and school not in scope:
                continue
            for device in sorted(json.loads(wanted.content).get("devices") or [], key=lambda one: one["id"]):
                options = dict(device.get("options", {}))
                host = options.pop("host", None)
                yield {
                    "school": school, "node": node, "device": device["id"], "kind": device["kind"],
                    "room": None if device["room"] == "-" else device["room"],
                    "name": device.get("name") or None, "address": host,
                    "options": options_text(options) or None,
                }  # fmt: skip

    def complete(self, values: Values, facts: _Facts) -> None:
        """A room is written as it is called."""
        room = values.get("room")
        if room and (known := facts.rooms.get((values["school"], room.lower()))):
            values["room"] = known[0]

    def check(self, values: Values, before: Values | None, facts: _Facts) -> Iterable[Trouble]:
        """A device is in a school of the importer's, and its driver can do with what it is told."""
        school, node, device = values["school"], values["node"], values["device"]
        if school not in facts.units:
            yield outside("school", school)
            return
        for name in ("node", "device"):
            try:
                check_id(values[name])
            except TopicError as error:
                yield Trouble(name, values[name], str(error), "use letters, digits, - and _", "bad_code")
                return
        if (school, node) in facts.own:
            yield Trouble("node", node, "only this agent's own file knows its devices",
                          "give it a whole configuration first, on its page", "own_file")  # fmt: skip
        other = facts.placed.get((school, device.lower()), node)
        if other != node:
            yield Trouble("device", device, f"{other} of this school has a device of this id",
                          "choose another id", "taken")  # fmt: skip
        room = values.get("room")
        if room and (school, room.lower()) not in facts.rooms:
            yield Trouble("room", room, "this school has no such room", "enter the room first",
                          "no_room", warning=True)  # fmt: skip
        if options_of(values.get("options") or "") is None:
            yield Trouble("options", values["options"], "these options are not understood",
                          "write name=value; name=value", "bad_options")  # fmt: skip
            return
        for wrong in _wrong(_device({**(before or {}), **values})):
            column = "address" if wrong.field.endswith(".host") else "options"
            text = f"{wrong.field.rpartition('options.')[2]}: {wrong.why}"
            yield Trouble(column, values.get(column), text, wrong.fix or "correct it", "bad_option")

    def check_together(self, changes: Sequence[Change], facts: _Facts) -> Iterator[tuple[Key, Trouble]]:
        """An agent has so many devices at the most, and a school each id once."""
        sizes, nodes = Counter(facts.sizes), dict[tuple[str, str], str]()
        for change in changes:
            school, node, device = (change.values[name] for name in self.key)
            sizes[school, node] += change.before is None
            first = nodes.setdefault((school, device.lower()), node)
            if first != node:
                yield change.key, Trouble("device", device, f"{first} has a device of this id in this file",
                                          "choose another id", "taken")  # fmt: skip
            if change.before is None and sizes[school, node] > DEVICES_MOST:
                yield change.key, Trouble("node", node, f"an agent has at most {DEVICES_MOST} devices",
                                          "use a second agent", "too_many")  # fmt: skip

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Wants a new version of the configuration of each agent that is named."""
        types = await session.execute(select(Room.school_code, Room.code, Room.type))
        room_types = {(school, code): type_ for school, code, type_ in types if type_}
        wanted = await service.wanted_configurations(session)
        agents: defaultdict[service.Key, list[Change]] = defaultdict(list)
        for change in changes:
            agents[change.values["school"], change.values["node"]].append(change)
        done = 0
        for key, own in sorted(agents.items()):
            before = json.loads(wanted[key].content) if key in wanted else {}
            devices = {device["id"].lower(): device for device in before.get("devices") or []}
            for change in own:
                device = _device(merged(change, self.columns))
                if room_type := room_types.get((key[0], device["room"])):
                    device["room_type"] = room_type
                known = devices.get(device["id"].lower(), {})
                devices[device["id"].lower()] = known | device | ({"id": known["id"]} if known else {})
            content = unhidden({**before, "devices": list(devices.values())}, before)
            note = f"{len(own)} devices from a spreadsheet"
            await service.add_configuration(session, key, content, by.name, by.now_ms, note)
            done += len(own)
            tell(done)


def _device(values: Values) -> dict[str, Any]:
    options = options_of(values.get("options") or "") or {}
    if values.get("address"):
        options = {"host": values["address"], **options}
    return {
        "id": values["device"], "kind": values["kind"], "room": values.get("room") or "-",
        "name": values.get("name") or "", "options": options,
    }  # fmt: skip


def _wrong(device: dict[str, Any]) -> list[Wrong]:
    options = {name: "x" if value == KEPT else value for name, value in device["options"].items()}
    return wrong_options([DeviceSection.model_validate(device | {"options": options})])


def options_of(text: str) -> dict[str, Any] | None:
    """Reads `name=value; name=value`; a value may be JSON, otherwise it is text. None if it is neither."""
    found: dict[str, Any] = {}
    for part in _parts(text):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            return None
        found[name.strip()] = _value(name.strip(), value.strip())
    return found


def options_text(options: Mapping[str, Any]) -> str:
    """Writes options as `name=value; name=value`, without secrets."""
    return "; ".join(f"{name}={_text(name, options[name])}" for name in sorted(options))


def _parts(text: str) -> Iterator[str]:
    """Cuts at semicolons that are in no JSON string."""
    part, quoted, escaped = "", False, False
    for character in text:
        if character == ";" and not quoted:
            if part.strip():
                yield part
            part = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        part += character
    if part.strip():
        yield part


def _value(name: str, text: str) -> Any:
    if name.startswith(SECRETS) and not text.startswith('"'):
        return text  # a password of digits is no number
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(name: str, value: Any) -> str:
    if name.startswith(SECRETS):
        return KEPT
    if (
        isinstance(value, str)
        and _value(name, value) == value == value.strip()
        and not set(value) & set(';"=')
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
