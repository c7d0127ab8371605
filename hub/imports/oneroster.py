"""OneRoster 1.2 bundles (CSV in a zip file): classes, sessions, and how many people; never who they are.

`users.csv` is walked through once for the role of each id and then forgotten: no name, number, address or
other word of it reaches a plan, a diagnostic, the database or the log.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.imports.archive import open_zip
from hub.imports.cells import Cell
from hub.imports.encoding import decoded, scan
from hub.imports.tables import AcademicSession, SchoolClass
from hub.organisation.rules import TEACHING_KINDS
from hub.organisation.sheet import CountSheet, within
from hub.organisation.tables import Unit
from hub.sheets import By, Change, Column, FileTrouble, Sheet, Tell, Trouble, Values, emptied, merged, outside
from hub.web.principal import Schools

MAX_LINES = 3_000_000
FILES = ("manifest", "orgs", "academicSessions", "courses", "classes", "enrollments", "users")
_TEACHERS = frozenset(("teacher", "principal", "proctor", "aide"))
Row = tuple[int, list[Cell]]
Source = tuple[Sheet, str, list[Row]]


@dataclass(frozen=True, slots=True)
class _Facts:
    scope: Schools
    units: frozenset[str]


class _OfSchool(Sheet):
    permission = "counts.write"
    table: type[AcademicSession] | type[SchoolClass]
    fields: Mapping[str, str]

    async def facts(self, session: AsyncSession, by: By) -> _Facts:
        """Gives the importer's units."""
        found = (await session.execute(select(Unit.code).where(*within(Unit.code, by.scope)))).scalars()
        return _Facts(by.scope, frozenset(found))

    async def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives rows by school and id."""
        columns = cast(Table, self.table.__table__).c
        first = columns[self.fields[self.key[0]]]
        query = select(*(columns[self.fields.get(each.name, each.name)] for each in self.columns))
        query = query.where(*within(first, scope)).order_by(first, columns.sourced_id)
        for row in await session.execute(query):
            yield emptied(dict(zip((each.name for each in self.columns), row, strict=True)))

    def check(self, values: Values, before: Values | None, facts: _Facts) -> Iterable[Trouble]:
        """The school is the importer's."""
        if values[self.key[0]] not in facts.units:
            yield outside(self.key[0], values[self.key[0]])

    async def apply(self, session: AsyncSession, changes: Sequence[Change], by: By, tell: Tell) -> None:
        """Writes rows."""
        rows = []
        for each in changes:
            values = merged(each, self.columns)
            rows.append({self.fields.get(c.name, c.name): _stored(c, values[c.name]) for c in self.columns})
        keys = [self.fields.get(name, name) for name in self.key]
        insert = insert_into(session, self.table)
        kept = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        statement = insert.on_conflict_do_update(index_elements=keys, set_=kept)
        await (await session.connection()).execute(statement, rows)
        tell(len(rows))


def _stored(column: Column, value: Any) -> Any:
    return "" if value is None and column.type in ("text", "code") else value


class SessionSheet(_OfSchool):
    """Years, terms and grading periods."""

    id, vi, en = "sessions", "Năm học, học kỳ", "Academic sessions"
    table = AcademicSession
    fields = {"unit": "unit_code"}
    key = ("unit", "sourced_id")
    columns = (
        Column("unit", "Đơn vị", "Unit", "code", required=True),
        Column("sourced_id", "Mã", "Id", required=True, max_characters=128),
        Column("title", "Tên", "Title", required=True),
        Column("type", "Loại", "Type", required=True, max_characters=32),
        Column("school_year", "Năm học", "School year", "integer", required=True, least=1900, most=2200),
        Column("starts", "Từ ngày", "Starts", "date", required=True),
        Column("ends", "Đến ngày", "Ends", "date", required=True),
        Column("parent_id", "Thuộc", "Parent", max_characters=128),
    )


class ClassSheet(_OfSchool):
    """Classes with the numbers of their pupils and teachers."""

    id, vi, en = "classes", "Lớp", "Classes"
    table = SchoolClass
    fields = {"school": "school_code"}
    key = ("school", "sourced_id")
    columns = (
        Column("school", "Trường", "School", "code", required=True),
        Column("sourced_id", "Mã", "Id", required=True, max_characters=128),
        Column("title", "Tên", "Title", required=True),
        Column("grade", "Khối", "Grade", max_characters=64),
        Column("course", "Môn", "Course"),
        Column("sessions", "Học kỳ", "Sessions", max_characters=2_000),
        Column("room", "Phòng", "Room", max_characters=64),
        Column("pupils", "Học sinh", "Pupils", "integer", required=True),
        Column("teachers", "Giáo viên", "Teachers", "integer", required=True),
    )

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """A class is about classes."""
        return ((values["school"], "classes"),)


def read(path: Path, today: date) -> list[Source]:
    """Reads a bundle into rows of sessions, classes and headcounts, in the order of writing."""
    with open_zip(path) as archive:
        files = {name.rpartition("/")[2].removesuffix(".csv"): name for name in archive.namelist()}
        if "orgs" not in files or "classes" not in files:
            raise FileTrouble("unknown_format", "this is no OneRoster bundle: no orgs.csv or classes.csv",
                              "export the bundle again as OneRoster 1.2 CSV")  # fmt: skip
        reader = _Bundle(archive, files)
        manifest = {row.get("propertyName"): row.get("value") for _, row in reader.rows("manifest")}
        version = manifest.get("oneroster.version")
        if version not in (None, "1.1", "1.2"):
            raise FileTrouble("unknown_version", f"this is OneRoster {version}", "export it as OneRoster 1.2",
                              value=version)  # fmt: skip
        if any(value == "delta" for name, value in manifest.items() if name and name.startswith("file.")):
            raise FileTrouble("delta", "the bundle holds changes only", "export the bundle in bulk mode")
        return _sources(reader, today)


class _Bundle:
    def __init__(self, archive: zipfile.ZipFile, files: Mapping[str, str]) -> None:
        self._archive, self._files = archive, files

    def has(self, name: str) -> bool:
        """Tells whether a file is there."""
        return name in self._files

    def rows(self, name: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Gives rows with their numbers; none if the file is not there."""
        if name not in self._files:
            return
        with self._archive.open(self._files[name]) as file:
            encoding, _ = scan(file)
        with self._archive.open(self._files[name]) as file:
            lines = (decoded(line, encoding, first=number == 0) for number, line in enumerate(file))
            reader = csv.reader(lines)
            headings = [each.strip() for each in next(reader, [])]
            for cells in reader:
                if reader.line_num > MAX_LINES:
                    raise FileTrouble("too_many_rows", f"{name}.csv has more than {MAX_LINES} rows",
                                      "divide the bundle by school")  # fmt: skip
                row = dict(zip(headings, cells, strict=False))
                if row.get("status") != "tobedeleted" and any(cells):
                    yield reader.line_num, row


def _sources(bundle: _Bundle, today: date) -> list[Source]:
    code_of = {row["sourcedId"]: row.get("identifier") or row["sourcedId"] for _, row in bundle.rows("orgs")}
    schools = [row["sourcedId"] for _, row in bundle.rows("orgs") if row.get("type") == "school"]
    first_org = code_of[schools[0]] if len(schools) == 1 else next(iter(code_of.values()), "")
    sessions: list[Row] = [(1, [each.name for each in SessionSheet.columns])]
    for number, row in bundle.rows("academicSessions"):
        sessions.append(
            (number, [first_org, row.get("sourcedId"), row.get("title"), row.get("type"),
                      row.get("schoolYear"),
                      row.get("startDate"), row.get("endDate"), row.get("parentSourcedId")])
        )  # fmt: skip
    pupils, teachers, by_school = _counted(bundle)
    courses = {row.get("sourcedId"): row.get("title") for _, row in bundle.rows("courses")}
    classes: list[Row] = [(1, [each.name for each in ClassSheet.columns])]
    for number, row in bundle.rows("classes"):
        own = row.get("sourcedId", "")
        numbers: tuple[Cell, Cell] = pupils[own], teachers[own]
        if not bundle.has("enrollments"):  # a bundle of our own has the numbers alone
            numbers = row.get("metadata.hub.pupils") or 0, row.get("metadata.hub.teachers") or 0
        classes.append(
            (number, [code_of.get(row.get("schoolSourcedId", ""), row.get("schoolSourcedId")), own,
                      row.get("title"), row.get("grades"), courses.get(row.get("courseSourcedId")),
                      row.get("termSourcedIds"), row.get("location"), *numbers])
        )  # fmt: skip
    counts: list[Row] = [(1, [each.name for each in CountSheet.columns])]
    for number, school in enumerate(schools, 2):
        there = by_school.get(school)
        if there is not None:
            counts.append(
                (
                    number,
                    [code_of[school], today.isoformat(), there[0], there[1], there[2], there[3], "OneRoster"],
                )
            )
    return [
        (SessionSheet(), "academicSessions.csv", sessions),
        (ClassSheet(), "classes.csv", classes),
        (CountSheet(), "users.csv", counts),
    ]  # fmt: skip


def _counted(bundle: _Bundle) -> tuple[Counter[str], Counter[str], dict[str, list[int]]]:
    """Counts enrolments by class, and pupils and teachers (with an identifier) by school."""
    pupils: Counter[str] = Counter()
    teachers: Counter[str] = Counter()
    for _, row in bundle.rows("enrollments"):
        counted = (
            pupils if row.get("role") == "student" else teachers if row.get("role") in _TEACHERS else None
        )
        if counted is not None:
            counted[row.get("classSourcedId", "")] += 1
    by_school: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    role_of: dict[str, tuple[str, str]] = {}
    for _, row in bundle.rows("roles"):
        if row.get("roleType", "primary") == "primary":
            role_of[row.get("userSourcedId", "")] = (row.get("role", ""), row.get("orgSourcedId", ""))
    for _, row in bundle.rows("users"):
        role, org = role_of.get(row.get("sourcedId", ""), (row.get("role", ""), ""))
        org = org or row.get("primaryOrgSourcedId") or row.get("orgSourcedIds", "").split(",")[0]
        place = 0 if role == "student" else 2 if role in _TEACHERS else None
        if place is not None:
            by_school[org][place] += 1
            by_school[org][place + 1] += bool(row.get("identifier") or row.get("userMasterIdentifier"))
    return pupils, teachers, by_school


async def export(session: AsyncSession, scope: Schools, now: str) -> bytes:
    """Makes a bundle of units, sessions, courses and classes; of enrolments only the numbers are known."""
    units = (
        (await session.execute(select(Unit).where(*within(Unit.code, scope)).order_by(Unit.code)))
        .scalars()
        .all()
    )
    sessions = [each async for each in SessionSheet().existing(session, scope)]
    classes = [each async for each in ClassSheet().existing(session, scope)]
    courses = sorted({(each["school"], each["course"]) for each in classes if each["course"]})
    course_id = {pair: f"course-{number}" for number, pair in enumerate(courses, 1)}
    tables: dict[str, list[list[Any]]] = {
        "orgs": [["sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId"],
                 *([u.code, "", "", u.name, "school" if u.kind in TEACHING_KINDS else "district", u.code, ""]
                   for u in units)],
        "academicSessions": [["sourcedId", "status", "dateLastModified", "title", "type", "startDate",
                              "endDate",
                              "parentSourcedId", "schoolYear"],
                             *([s["sourced_id"], "", "", s["title"], s["type"], s["starts"], s["ends"],
                                s["parent_id"] or "", s["school_year"]] for s in sessions)],
        "courses": [["sourcedId", "status", "dateLastModified", "schoolYearSourcedId", "title", "courseCode",
                     "grades", "orgSourcedId", "subjects", "subjectCodes"],
                    *([course_id[pair], "", "", "", pair[1], "", "", pair[0], "", ""] for pair in courses)],
        "classes": [["sourcedId", "status", "dateLastModified", "title", "grades", "courseSourcedId",
                     "classCode", "classType", "location", "schoolSourcedId", "termSourcedIds",
                     "subjects", "subjectCodes",
                     "periods", "metadata.hub.pupils", "metadata.hub.teachers"],
                    *([c["sourced_id"], "", "", c["title"], c["grade"] or "",
                       course_id.get((c["school"], c["course"]), ""), "", "scheduled", c["room"] or "",
                       c["school"],
                       c["sessions"] or "", "", "", "", c["pupils"], c["teachers"]] for c in classes)],
    }  # fmt: skip
    present = {name: "bulk" if name in tables else "absent" for name in (*FILES[1:], "roles", "demographics")}
    manifest = [["propertyName", "value"], ["manifest.version", "1.0"], ["oneroster.version", "1.2"],
                *([f"file.{name}", mode] for name, mode in present.items()), ["source.systemName", "hub"],
                ["source.systemCode", now]]  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in {"manifest": manifest, **tables}.items():
            text = io.StringIO()
            csv.writer(text, lineterminator="\r\n").writerows(rows)
            archive.writestr(f"{name}.csv", text.getvalue())
    return packed.getvalue()
