"""Units, rooms and headcounts as spreadsheets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.organisation.rules import LONG_AGO, TEACHING_KINDS, PlacedFrom, RoomType
from hub.organisation.tables import Building, Headcount, Placement, Room, Site, Unit, search_text
from hub.organisation.tree import ROOT_KIND, Tree, UnitFacts, faults
from hub.organisation.trees import load
from hub.sheets import By, Change, Column, Key, Sheet, Tell, Trouble, Values, emptied, merged, outside
from hub.web.principal import Schools

_BATCH = 1_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOURS = re.compile(r"([1-7](?:,[1-7])*) ([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)")

KINDS: Mapping[str, tuple[str, ...]] = {
    "department": ("Sở", "Sở GDĐT", "Department"),
    "district": ("Địa bàn", "Huyện", "District"),
    "office": ("Phòng", "Phòng GDĐT", "Office"),
    "commune": ("Xã", "Phường", "Xã, phường", "Commune"),
    "school": ("Trường", "School"),
    "cec": ("Trung tâm GDTX", "TTGDTX", "Continuing education centre"),
    "college": ("Cao đẳng", "Trường cao đẳng", "College"),
}
LEVELS: Mapping[str, tuple[str, ...]] = {
    "MN": ("Mầm non", "Mẫu giáo", "Preschool"),
    "TH": ("Tiểu học", "Primary"),
    "THCS": ("Trung học cơ sở", "Lower secondary"),
    "THPT": ("Trung học phổ thông", "Upper secondary"),
}
_ROOM_WORDS = {
    "smart_classroom": ("Phòng học thông minh", "Smart classroom"),
    "simulation_lab": ("Phòng mô phỏng", "Phòng thực hành mô phỏng", "Simulation lab"),
    "computer_lab": ("Phòng máy tính", "Phòng tin học", "Computer lab"),
    "vr_ar_room": ("Phòng VR/AR", "VR/AR room"),
    "subject_room": ("Phòng bộ môn", "Phòng học bộ môn", "Subject room"),
    "conference_room": ("Phòng họp", "Phòng họp trực tuyến", "Conference room"),
    "library": ("Thư viện", "Library"),
    "hall": ("Hội trường", "Hall"),
    "classroom": ("Phòng học", "Classroom"),
    "server_room": ("Phòng máy chủ", "Server room"),
    "operations_centre": ("Trung tâm điều hành", "Operations centre"),
    "other": ("Khác", "Other"),
}
ROOM_TYPES: Mapping[str, tuple[str, ...]] = {name: _ROOM_WORDS.get(name, ()) for name in get_args(RoomType)}


def bad_code(column: str, value: str) -> Trouble | None:
    """Says that a code cannot stand in an address."""
    if _CODE.fullmatch(value):
        return None
    return Trouble(column, value, "a code has letters without marks, digits, dots and dashes only",
                   "write such as C-101", "bad_code")  # fmt: skip


def within(column: Any, scope: Schools) -> list[ColumnElement[bool]]:
    """Makes the condition that a row is of the units of a scope."""
    return [] if scope is None else [column.in_(scope)]


@dataclass(frozen=True, slots=True)
class _Units:
    tree: Tree
    scope: Schools
    today: date

    def mine(self, code: str) -> bool:
        """Tells whether the unit is there for the importer."""
        return code in self.tree.units and (self.scope is None or code in self.scope)

    def teaches(self, code: str) -> bool:
        """Tells whether the unit is there and one of those that have rooms and pupils."""
        return self.mine(code) and self.tree.units[code].kind in TEACHING_KINDS


class UnitSheet(Sheet):
    """Units with the parent that they have today; name, kind, parent and days of a known unit stay."""

    id, vi, en = "units", "Đơn vị", "Units"
    permission = "organisation.write"
    key = ("code",)
    columns = (
        Column("code", "Mã đơn vị", "Code", "code", required=True, example="24052101",
               also=("Mã", "Mã trường")),
        Column("name", "Tên đơn vị", "Name", required=True, example="Trường THCS Tân Châu",
               also=("Tên", "Tên trường"), max_characters=200),
        Column("kind", "Loại đơn vị", "Kind", "choice", required=True, example="school", choices=KINDS,
               also=("Loại",)),
        Column("levels", "Cấp học", "Levels", "choices", example="THCS", choices=LEVELS),
        Column("parent", "Đơn vị cấp trên", "Parent", "code", example="TC",
               also=("Mã cấp trên", "Trực thuộc")),
        Column("district", "Địa bàn", "District", "code", example="TC", also=("Mã địa bàn", "Huyện")),
        Column("valid_from", "Từ ngày", "Valid from", "date", example="2025-07-01",
               also=("Ngày thành lập",)),
        Column("valid_to", "Đến ngày", "Valid to", "date", also=("Ngày kết thúc",)),
        Column("address", "Địa chỉ", "Address", example="Tân Châu, Tây Ninh"),
        Column("phone", "Điện thoại", "Phone", example="0276 3875 100", max_characters=64),
    )  # fmt: skip
    _dated = ("name", "kind", "parent", "district", "valid_from", "valid_to")

    async def facts(self, session: AsyncSession, by: By) -> _Units:
        """Gives the tree of all time."""
        return _Units(await load(session), by.scope, by.today)

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives units by code."""
        tree = await load(session)
        for unit in (await session.execute(select(Unit).where(*within(Unit.code, scope)))).scalars():
            placed = tree.units[unit.code].placed
            yield emptied(
                {"code": unit.code, "name": unit.name, "kind": unit.kind, "district": unit.district_code,
                 "levels": ";".join(each for each in LEVELS if each in unit.levels),
                 "parent": placed[-1].parent if placed else None, "valid_from": unit.valid_from,
                 "valid_to": unit.valid_to, "address": unit.address, "phone": unit.phone}
            )  # fmt: skip

    def check(self, values: Values, before: Values | None, facts: _Units) -> Iterable[Trouble]:
        """A known unit's name, place and time change on a day, by an operation of their own."""
        code = values["code"]
        if before is None and code in facts.tree.units:
            yield outside("code", code)
        if before is None:
            if trouble := bad_code("code", code):
                yield trouble
            if values["kind"] != ROOT_KIND and not values.get("parent"):
                yield Trouble("parent", None, "a unit belongs to another one", "write the code of its parent",
                              "required")  # fmt: skip
            if values["kind"] == ROOT_KIND and any(u.kind == ROOT_KIND for u in facts.tree.units.values()):
                yield Trouble("kind", "department", "there is a department already", "choose another kind",
                              "second_root")  # fmt: skip
            return
        for name in self._dated:
            if values.get(name) != before[name]:
                yield Trouble(name, values.get(name), f"it is {before[name] or '–'} now and changes on a day",
                              "leave it, and enter a change with its date on the organisation's page",
                              "dated_change")  # fmt: skip

    def check_together(self, changes: Sequence[Change], facts: _Units) -> Iterator[tuple[Key, Trouble]]:
        """Parents exist (in the file or before), are the importer's, live long enough, and form no cycle."""
        new = {each.values["code"]: each for each in changes if each.before is None}
        roots = [code for code, each in new.items() if each.values["kind"] == ROOT_KIND]
        for code in roots[1:]:
            yield (code,), Trouble("kind", "department", "there is a department already",
                                   "choose another kind", "second_root")  # fmt: skip
        made = {}
        for code, each in new.items():
            parent = each.values.get("parent")
            if parent and parent not in new and not facts.mine(parent):
                yield (code,), outside("parent", parent)
                continue
            if not parent and facts.scope is not None:
                yield (code,), outside("parent", parent)
            made[code] = _unit_facts(each.values, new, facts.tree)
        tree = facts.tree.changed(made.values())
        for unit in made.values():
            for fault in faults(tree, [unit.code])[:1]:
                column = {"on": "valid_from", "unit": "valid_to"}.get(fault.field, fault.field)
                yield (unit.code,), Trouble(column, fault.value, fault.detail, fault.fix, "does_not_fit")

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Adds units with their placements, and corrects what may be corrected."""
        tree = await load(session)
        new = {each.values["code"]: each for each in changes if each.before is None}
        rows = [_unit_row(merged(each, self.columns)) for each in changes]
        insert = insert_into(session, Unit)
        kept = {name: insert.excluded[name] for name in ("levels", "address", "phone")}
        await _write(session, insert.on_conflict_do_update(index_elements=[Unit.code], set_=kept), rows, tell)
        places = [
            {"unit_code": p.unit, "parent_code": p.parent, "valid_from": p.valid_from, "valid_to": p.valid_to}
            for each in new.values()
            for p in _unit_facts(each.values, new, tree).placed
        ]
        insert = insert_into(session, Placement)
        await _write(session, insert, places, lambda _: None)

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """A school's own row is about schools."""
        return ((values["code"], "schools"),) if values["kind"] in TEACHING_KINDS else ()


def _unit_facts(values: Values, new: Mapping[str, Change], tree: Tree) -> UnitFacts:
    """A unit belongs to its parent from its beginning, or from the parent's if that is later."""
    code, parent = values["code"], values.get("parent")
    begins, ends = values.get("valid_from") or LONG_AGO, values.get("valid_to")
    placed = []
    if parent:
        theirs = new[parent].values.get("valid_from") if parent in new else None
        if parent in tree.units:
            theirs = tree.units[parent].valid_from
        placed = [PlacedFrom(code, parent, max(begins, theirs or LONG_AGO), ends)]
    return UnitFacts(code, values["kind"], values["name"], (), tuple(placed), (), values.get("district"),
                     begins, ends)  # fmt: skip


def _unit_row(values: Values) -> dict[str, Any]:
    return {
        "code": values["code"], "name": values["name"], "kind": values["kind"],
        "levels": (values["levels"] or "").split(";") if values["levels"] else [],
        "district_code": values["district"], "valid_from": values["valid_from"],
        "valid_to": values["valid_to"], "address": values["address"] or "", "phone": values["phone"] or "",
        "search": search_text(values["code"], values["name"]),
    }  # fmt: skip


class RoomSheet(Sheet):
    """Rooms of schools; sites and buildings that are named and not known are made."""

    id, vi, en = "rooms", "Phòng", "Rooms"
    permission = "rooms.write"
    key = ("school", "code")
    any_case = frozenset(("code",))
    columns = (
        Column("school", "Mã trường", "School", "code", required=True, example="24052101", also=("Trường",)),
        Column("code", "Mã phòng", "Room", "code", required=True, example="C-101", also=("Code", "Phòng")),
        Column("name", "Tên phòng", "Name", example="Phòng tin học 1", max_characters=200),
        Column("type", "Loại phòng", "Type", "choice", example="computer_lab", choices=ROOM_TYPES),
        Column("seats", "Số chỗ", "Seats", "integer", example="45", most=10_000),
        Column("site", "Điểm trường", "Site", "code"),
        Column("building", "Tòa nhà", "Building", "code", example="C", also=("Dãy", "Khối nhà")),
        Column("floor", "Tầng", "Floor", example="1", max_characters=16),
        Column("opening", "Giờ mở cửa", "Opening hours", example="1,2,3,4,5 07:00-17:00"),
        Column("valid_to", "Đến ngày", "Valid to", "date"),
    )

    async def facts(self, session: AsyncSession, by: By) -> _Units:
        """Gives the tree."""
        return _Units(await load(session), by.scope, by.today)

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives rooms by school and code."""
        query = select(Room).where(*within(Room.school_code, scope)).order_by(Room.school_code, Room.code)
        for room in (await session.execute(query)).scalars():
            yield emptied(
                {"school": room.school_code, "code": room.code, "name": room.name, "type": room.type,
                 "seats": room.seats, "site": room.site_code, "building": room.building_code,
                 "floor": room.floor, "opening": opening_text(room.opening), "valid_to": room.valid_to,
                 "_twin": room.twin}
            )  # fmt: skip

    def check(self, values: Values, before: Values | None, facts: _Units) -> Iterable[Trouble]:
        """A room is of a school of the importer's."""
        if not facts.teaches(values["school"]):
            yield outside("school", values["school"])
        for name in ("code", "site", "building") if before is None else ():
            if values.get(name) and (trouble := bad_code(name, values[name])):
                yield trouble
        hours = values.get("opening")
        if hours and (opening := opening_of(hours)) is None:
            yield Trouble("opening", hours, "these opening hours are not understood",
                          "write days (1 is Monday) and hours: 1,2,3,4,5 07:00-17:00; 6 07:00-11:30",
                          "bad_opening")  # fmt: skip
        elif hours and opening_text(opening or []) != hours:
            values["opening"] = opening_text(opening or [])

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Writes rooms, with the sites and buildings they name."""
        rows = [_room_row(merged(each, self.columns)) for each in changes]
        sites = {(row["school_code"], row["site_code"]) for row in rows if row["site_code"]}
        made = [{"school_code": school, "code": code} for school, code in sorted(sites)]
        await _write(session, insert_into(session, Site).on_conflict_do_nothing(), made, lambda _: None)
        buildings = {
            (row["school_code"], row["building_code"]): row["site_code"]
            for row in rows
            if row["building_code"]
        }
        made = [
            {"school_code": school, "code": code, "site_code": site}
            for (school, code), site in sorted(buildings.items())
        ]
        await _write(session, insert_into(session, Building).on_conflict_do_nothing(), made, lambda _: None)
        insert = insert_into(session, Room)
        kept = (
            {name: insert.excluded[name] for name in rows[0] if name not in ("school_code", "code")}
            if rows
            else {}
        )
        keys = [Room.school_code, Room.code]
        await _write(session, insert.on_conflict_do_update(index_elements=keys, set_=kept), rows, tell)

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """Rooms are facilities; a library is about libraries too."""
        yield values["school"], "facilities"
        if values.get("type") == "library":
            yield values["school"], "libraries"


def _room_row(values: Values) -> dict[str, Any]:
    return {
        "school_code": values["school"], "code": values["code"], "name": values["name"] or "",
        "type": values["type"] or "", "seats": values["seats"], "site_code": values["site"],
        "building_code": values["building"], "floor": values["floor"] or "",
        "opening": opening_of(values["opening"] or "") or [], "valid_to": values["valid_to"],
        "search": search_text(values["code"], values["name"] or ""),
    }  # fmt: skip


def opening_text(opening: Iterable[Mapping[str, Any]]) -> str:
    """Gives opening hours as one text: `1,2,3,4,5 07:00-17:00; 6 07:00-11:30`."""
    return "; ".join(
        f"{','.join(map(str, sorted(each['days'])))} {str(each['from'])[:5]}-{str(each['to'])[:5]}"
        for each in opening
    )


def opening_of(text: str) -> list[dict[str, Any]] | None:
    """Reads opening hours; None if they are not understood."""
    found = []
    for part in re.sub(r"\s*([,\-])\s*", r"\1", text).split(";"):
        if not part.strip():
            continue
        match = _HOURS.fullmatch(part.strip())
        if match is None or not match[2] < match[3] <= "24:00":
            return None
        found.append({"days": sorted(map(int, match[1].split(","))), "from": match[2], "to": match[3]})
    return found


class CountSheet(Sheet):
    """Headcounts of schools by day; there is no column for anybody's name."""

    id, vi, en = "counts", "Số liệu học sinh, giáo viên", "Headcounts"
    permission = "counts.write"
    key = ("unit", "as_of")
    columns = (
        Column("unit", "Mã trường", "School", "code", required=True, example="24052101", also=("Mã đơn vị",)),
        Column("as_of", "Ngày số liệu", "As of", "date", required=True, example="2025-09-30", also=("Ngày",)),
        Column("pupils", "Số học sinh", "Pupils", "integer", required=True, example="812", most=1_000_000),
        Column("pupils_with_id", "Số học sinh có mã định danh", "Pupils with an identifier", "integer",
               required=True, example="812", most=1_000_000),
        Column("teachers", "Số giáo viên", "Teachers", "integer", required=True, example="46",
               most=100_000),
        Column("teachers_with_record", "Số giáo viên có hồ sơ số", "Teachers with a digital record",
               "integer", required=True, example="46", most=100_000),
        Column("source", "Nguồn", "Source", example="CSDL ngành", max_characters=200),
    )  # fmt: skip
    _numbers = ("pupils", "pupils_with_id", "teachers", "teachers_with_record")

    async def facts(self, session: AsyncSession, by: By) -> _Units:
        """Gives the tree."""
        return _Units(await load(session), by.scope, by.today)

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives headcounts by unit and day."""
        query = select(Headcount).where(*within(Headcount.unit_code, scope))
        for each in (await session.execute(query.order_by(Headcount.unit_code, Headcount.as_of))).scalars():
            numbers = {name: getattr(each, name) for name in self._numbers}
            yield {"unit": each.unit_code, "as_of": each.as_of, **numbers, "source": each.source or None}

    def check(self, values: Values, before: Values | None, facts: _Units) -> Iterable[Trouble]:
        """Counts are of a school of the importer's, not of the future, and parts are not more than all."""
        if not facts.teaches(values["unit"]):
            yield outside("unit", values["unit"])
        if values["as_of"] > facts.today:
            yield Trouble("as_of", values["as_of"], "this day is yet to come", "write a day that is over",
                          "in_the_future")  # fmt: skip
        for part, whole in (("pupils_with_id", "pupils"), ("teachers_with_record", "teachers")):
            if values[part] > values[whole]:
                yield Trouble(part, values[part], f"there are only {values[whole]} {whole}",
                              f"write at most {values[whole]}", "more_than_all")  # fmt: skip

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Writes headcounts."""
        rows = []
        for each in changes:
            values = merged(each, self.columns)
            row = {name: values[name] for name in (*self._numbers, "as_of")}
            rows.append(
                row | {"unit_code": values["unit"], "source": values["source"] or "", "changed_ms": by.now_ms}
            )
        insert = insert_into(session, Headcount)
        kept = {name: insert.excluded[name] for name in (*self._numbers, "source", "changed_ms")}
        keys = [Headcount.unit_code, Headcount.as_of]
        await _write(session, insert.on_conflict_do_update(index_elements=keys, set_=kept), rows, tell)

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """Counts are about pupils and teachers."""
        return (values["unit"], "pupils"), (values["unit"], "teachers")


async def _write(session: AsyncSession, statement: Any, rows: Sequence[dict[str, Any]], tell: Tell) -> None:
    connection = await session.connection()
    for start in range(0, len(rows), _BATCH):
        await connection.execute(statement, rows[start : start + _BATCH])
        tell(min(start + _BATCH, len(rows)))
