"""Equipment as a spreadsheet: what makes a row the same asset is its tag."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets import bulk
from hub.assets.entering import Entry, enter, entry
from hub.assets.rules import TAG, derived_tag
from hub.assets.tables import Asset
from hub.assets.words import CONDITION_WORDS, STATUS_WORDS, TYPE_WORDS
from hub.organisation.tables import Room, Unit
from hub.sheets import By, Change, Column, Sheet, Tell, Trouble, Values, merged, outside
from hub.web.principal import Schools

_BATCH = 2_000
_PLACES = {"school": "school_code", "room": "room_code"}
_ASSETS = Asset.__table__


@dataclass(frozen=True, slots=True)
class _Facts:
    schools: frozenset[str]
    rooms: Mapping[tuple[str, str], str]
    """The codes of rooms by school and code: as written, and in small letters."""
    foreign: frozenset[str]
    """Tags of other people's assets, in small letters."""
    serials: dict[tuple[str, str], str]
    """Whose serial number it is: tags by school and number; those of the file join them as they are read."""
    today: date

    def room(self, school: str, code: str) -> str | None:
        """Gives a room's code as it was first written."""
        return self.rooms.get((school, code)) or self.rooms.get((school, code.lower()))


class EquipmentSheet(Sheet):
    """The register of equipment; a row without a tag gets one made of its words, the same every time."""

    id, vi, en = "equipment", "Thiết bị", "Equipment"
    permission = "assets.write"
    key = ("tag",)
    any_case = frozenset(key)
    columns = (
        Column("tag", "Mã tài sản", "Tag", "code", example="TS-000123", also=("Mã thiết bị", "Số thẻ")),
        Column("type", "Loại thiết bị", "Type", "choice", example="Máy chiếu", also=("Loại",),
               choices=TYPE_WORDS),
        Column("name", "Tên thiết bị", "Name", required=True, example="Máy chiếu Epson EB-992F",
               also=("Tên", "Tên tài sản"), max_characters=200),
        Column("serial", "Số sê-ri", "Serial number", example="X4KP1234", also=("Serial", "S/N", "Số serial"),
               max_characters=128),
        Column("maker", "Hãng sản xuất", "Maker", example="Epson", also=("Hãng",), max_characters=200),
        Column("model", "Kiểu máy", "Model", example="EB-992F", also=("Mẫu mã",), max_characters=200),
        Column("school", "Mã trường", "School", "code", required=True, example="24052101", also=("Trường",)),
        Column("room", "Mã phòng", "Room", "code", example="C-101", also=("Phòng",)),
        Column("acquired", "Ngày nhận", "Acquired", "date", example="2025-08-20", also=("Ngày mua",)),
        Column("fund_source", "Nguồn kinh phí", "Funding source", example="Ngân sách tỉnh",
               also=("Nguồn vốn",), max_characters=200),
        Column("supplier", "Nhà cung cấp", "Supplier", max_characters=200),
        Column("price_vnd", "Giá (đồng)", "Price (VND)", "integer", example="18500000",
               also=("Giá trị", "Nguyên giá", "Đơn giá"), most=10**15),
        Column("warranty_until", "Bảo hành đến", "Warranty until", "date", example="2027-08-20"),
        Column("status", "Trạng thái", "Status", "choice", example="Đang dùng", choices=STATUS_WORDS,
               also=("Tình trạng sử dụng",)),
        Column("condition", "Tình trạng", "Condition", "choice", example="Tốt", choices=CONDITION_WORDS,
               also=("Chất lượng",)),
        Column("note", "Ghi chú", "Note", max_characters=2_000),
    )  # fmt: skip

    def complete(self, values: Values, facts: _Facts) -> None:
        """Writes a room's code as the room has it."""
        school, room = values.get("school"), values.get("room")
        if school and room:
            values["room"] = facts.room(school, room) or room

    def prepare(self, values: Values, seen: dict[Any, Any]) -> None:
        """A row without a tag gets that of its school, type, name, serial, and number among its likes."""
        if values.get("tag") is None:
            words = tuple(values.get(name) or "" for name in ("school", "type", "name", "serial"))
            seen[words] = seen.get(words, 0) + 1
            values["tag"] = derived_tag(*words, str(seen[words]))

    async def facts(self, session: AsyncSession, by: By) -> _Facts:
        """Gives the importer's schools and rooms, and the tags that others have."""
        units, rooms = select(Unit.code), select(Room.school_code, Room.code).order_by(Room.twin.desc())
        foreign: frozenset[str] = frozenset()
        if by.scope is not None:
            units, rooms = units.where(Unit.code.in_(by.scope)), rooms.where(Room.school_code.in_(by.scope))
            others = select(Asset.tag).where(Asset.school_code.not_in(by.scope))
            foreign = frozenset(tag.lower() for tag in (await session.execute(others)).scalars())
        found = [(school, code) for school, code in await session.execute(rooms)]
        known = {(school, code.lower()): code for school, code in found}
        known |= {(school, code): code for school, code in found}
        numbers = select(Asset.school_code, Asset.serial, Asset.tag).where(
            Asset.serial != "", Asset.status != "disposed"
        )
        if by.scope is not None:
            numbers = numbers.where(Asset.school_code.in_(by.scope))
        serials = {(row.school_code, row.serial): row.tag for row in await session.execute(numbers)}
        mine = frozenset((await session.execute(units)).scalars())
        return _Facts(mine, known, foreign, serials, by.today)

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives assets by tag; `_id` and `_twin` beside the columns are the asset's own."""
        names = [column.name for column in self.columns]
        columns = [_ASSETS.c[_PLACES.get(name, name)] for name in names]
        query = select(*columns, _ASSETS.c.id, _ASSETS.c.twin).order_by(_ASSETS.c.tag)
        if scope is not None:
            query = query.where(_ASSETS.c.school_code.in_(scope))
        names += ("_id", "_twin")
        async for row in await session.stream(query, execution_options={"yield_per": _BATCH}):
            yield {name: None if value == "" else value for name, value in zip(names, row, strict=True)}

    def check(self, values: Values, before: Values | None, facts: _Facts) -> Iterable[Trouble]:
        """Equipment stands in a school of the importer's, in a room that is there."""
        tag, school, room = values["tag"], values["school"], values.get("room")
        if school not in facts.schools:
            yield outside("school", school)
        elif room is not None and facts.room(school, room) is None:
            yield Trouble("room", room, f"{school} has no such room", "import the room first, or correct it",
                          "unknown_room")  # fmt: skip
        if tag.lower() in facts.foreign:
            yield Trouble("tag", tag, "this tag cannot be used", "choose another tag", "taken")
        elif before is None and not TAG.fullmatch(tag):
            yield Trouble("tag", tag, "a tag has letters without marks, digits, dots and dashes only",
                          "write such as TS-000123, or leave it empty", "bad_code")  # fmt: skip
        serial = values.get("serial")
        if serial and (other := facts.serials.setdefault((school, serial), tag)) != tag:
            yield Trouble("serial", serial, f"{other} has the same serial number",
                          "check both, or leave it as it is", "double_serial", warning=True)  # fmt: skip
        acquired, until = values.get("acquired"), values.get("warranty_until")
        if acquired is not None and acquired > facts.today:
            yield Trouble("acquired", acquired, "this day is still to come", "check the day",
                          "in_the_future", warning=True)  # fmt: skip
        if acquired is not None and until is not None and until < acquired:
            yield Trouble("warranty_until", until, "the warranty ends before the equipment came",
                          "check both days", "before_acquired", warning=True)  # fmt: skip

    def ready(self, changes: Sequence[Change], engine: str, by: By) -> Sequence[bulk.Difference | Entry]:
        """Gives what differs, neighbours in the register first: they are neighbours in its indices too."""
        changes = sorted(changes, key=_place)
        if engine != "sqlite":
            return [self._difference(each) for each in changes]
        return [
            entry(each.values, by.name, by.now_ms, by.today)
            if each.before is None
            else self._difference(each)
            for each in changes
        ]

    async def apply(
        self, session: AsyncSession, changes: Sequence[bulk.Difference | Entry], by: By, tell: Tell
    ) -> None:
        """Enters and changes assets in batches, each with its history."""
        for start in range(0, len(changes), _BATCH):
            batch = changes[start : start + _BATCH]
            if new := [each for each in batch if isinstance(each, Entry)]:
                await enter(session, new)
            differences = [each for each in batch if isinstance(each, bulk.Difference)]
            await bulk.upsert(session, differences, by.name, by.now_ms, by.today)
            tell(start + len(batch))

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """Assets are about equipment."""
        return ((values["school"], "equipment"),)

    def _difference(self, change: Change) -> bulk.Difference:
        values = merged(change, self.columns)
        row = bulk.AssetRow(**{name: _stored(name, values[name]) for name in values})
        if change.before is None:
            after = {name: value for name in values if (value := getattr(row, name)) not in (None, "")}
            return bulk.Difference(row, "new", {}, after)
        before = {name: _stored(name, change.before[name]) for name in values}
        after = {name: getattr(row, name) for name in values if getattr(row, name) != before[name]}
        old = {name: before[name] for name in after}
        return bulk.Difference(row, "change", old, after, change.before["_id"], change.before["school"])


_NULLABLE = frozenset(("acquired", "price_vnd", "warranty_until"))


def _stored(name: str, value: Any) -> Any:
    return "" if value is None and name not in _NULLABLE else value


def _place(change: Change) -> tuple[str, str]:
    return change.values["school"], change.values.get("room") or ""
