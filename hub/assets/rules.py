"""What makes a record complete, what a pupil's computer is, and what a stock-taking found; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeAlias

from hub.assets.types import TYPES
from hub.folding import folded

REQUIRED = ("type", "serial", "room", "acquired", "fund_source", "status")
"""The fields of a complete record (T11), each a bit of `gaps` in this order."""

TARGET_PERCENT = 80
SEARCH_CHARACTERS = 600  # it stands in indices, and PostgreSQL's hold no entry beyond 2,700 bytes
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# no I, L, O, U: what is read off a label is typed right
TAG_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TAG_LENGTH = 9

Outcome: TypeAlias = Literal["seen", "missing", "moved", "unexpected"]


def gaps_of(values: Mapping[str, Any]) -> int:
    """Gives a bit for each required field that is empty; `values` has the fields of REQUIRED."""
    return sum(1 << bit for bit, name in enumerate(REQUIRED) if not values[name])


def missing_fields(gaps: int) -> list[str]:
    """Names the required fields that are missing."""
    return [name for bit, name in enumerate(REQUIRED) if gaps >> bit & 1]


@dataclass(slots=True)
class Completeness:
    """How many records there are and are complete, and how many lack which field (T11)."""

    total: int = 0
    complete: int = 0
    missing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REQUIRED, 0))

    def add(self, gaps: int, count: int) -> None:
        """Counts `count` records with these gaps."""
        self.total += count
        self.complete += count * (gaps == 0)
        for name in missing_fields(gaps):
            self.missing[name] += count

    def include(self, other: Completeness) -> None:
        """Counts all that the other one counted."""
        self.total += other.total
        self.complete += other.complete
        for name, count in other.missing.items():
            self.missing[name] += count

    @property
    def percent(self) -> float | None:
        """The share of complete records with one decimal, rounded down; None without records."""
        return None if self.total == 0 else self.complete * 1000 // self.total / 10

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without records."""
        return None if self.total == 0 else self.complete * 100 >= TARGET_PERCENT * self.total


def below(units: Iterable[str], parents: Mapping[str, str | None], roots: Collection[str]) -> dict[str, str]:
    """Gives for each unit that is one of the roots, or stands below one, the nearest such root.

    `parents` may hold cycles; what is only in one stands below nothing.
    """
    found: dict[str, str] = {}
    for unit in units:
        at: str | None = unit
        way = set()
        while at is not None and at not in way:
            if at in roots:
                found[unit] = at
                break
            way.add(at)
            at = parents.get(at)
    return found


@dataclass(frozen=True, slots=True)
class Computer:
    """A computer as M01 counts it: `online` is None without a linked device."""

    room: str
    status: str
    online: bool | None
    count: int = 1

    @property
    def works(self) -> bool:
        """Linked: the device is online. Otherwise the register says that it is in use."""
        return self.status == "in_use" if self.online is None else self.online


@dataclass(frozen=True, slots=True)
class LabCount:
    """A computer lab: its seats, its computers, how many work, and how many seats have none that does."""

    room: str
    seats: int | None
    computers: int
    working: int

    @property
    def shortfall(self) -> int | None:
        """Seats without a working computer; None where the seats are not known."""
        return None if self.seats is None else max(0, self.seats - self.working)


@dataclass(frozen=True, slots=True)
class ComputerCount:
    """The computers of a school beside its pupils (None: no headcount)."""

    pupils: int | None
    computers: int
    working: int
    labs: tuple[LabCount, ...]

    @property
    def pupils_per_computer(self) -> float | None:
        """Pupils to one working computer with one decimal; None if either is not known or there is none."""
        if self.pupils is None or self.working == 0:
            return None
        return round(self.pupils / self.working, 1)

    @property
    def shortfall(self) -> int:
        """Seats without a working computer in all labs whose seats are known."""
        return sum(lab.shortfall or 0 for lab in self.labs)


def count_computers(
    pupils: int | None, labs: Mapping[str, int | None], computers: Iterable[Computer]
) -> ComputerCount:
    """Counts a school's computers, lab by lab; `labs` gives the seats of its computer labs."""
    there, working = dict.fromkeys(labs, 0), dict.fromkeys(labs, 0)
    total = works = 0
    for each in computers:
        total += each.count
        works += each.count * each.works
        if each.room in there:
            there[each.room] += each.count
            working[each.room] += each.count * each.works
    counted = tuple(LabCount(room, labs[room], there[room], working[room]) for room in sorted(labs))
    return ComputerCount(pupils, total, works, counted)


@dataclass(frozen=True, slots=True)
class Registered:
    """An asset as the register knows it when stock is taken."""

    asset_id: int
    tag: str
    room: str


@dataclass(frozen=True, slots=True)
class Scan:
    """A label that was read; `asset_id` None is none of this school's, `room` empty is where it belongs."""

    tag: str
    asset_id: int | None
    room: str


@dataclass(frozen=True, slots=True)
class Line:
    """What a stock-taking says of one asset or foreign label."""

    outcome: Outcome
    tag: str
    asset_id: int | None
    room: str
    seen_room: str


def reconcile(
    expected: Sequence[Registered], elsewhere: Mapping[int, Registered], scans: Iterable[Scan]
) -> list[Line]:
    """Compares what should be there with what was read, in the order of reading; the last reading counts.

    `elsewhere` are assets of the same school that were not expected here: read here, they have moved.
    Each expected asset and each label read gives exactly one line.
    """
    known = {each.asset_id: each for each in expected}
    last: dict[int | str, Scan] = {}
    for scan in scans:
        ours = scan.asset_id is not None and (scan.asset_id in known or scan.asset_id in elsewhere)
        key: int | str = scan.asset_id if ours and scan.asset_id is not None else scan.tag.lower()
        last.pop(key, None)
        last[key] = scan
    lines = []
    for key, scan in last.items():
        asset = known.get(key) or elsewhere.get(key) if isinstance(key, int) else None
        if asset is None:
            lines.append(Line("unexpected", scan.tag, None, "", scan.room))
            continue
        seen_room = scan.room or asset.room
        outcome: Outcome = "seen" if seen_room == asset.room else "moved"
        lines.append(Line(outcome, asset.tag, asset.asset_id, asset.room, seen_room))
    unseen = (each for each in expected if each.asset_id not in last)
    return [*lines, *(Line("missing", each.tag, each.asset_id, each.room, "") for each in unseen)]


@dataclass(frozen=True, slots=True)
class Slip:
    """Something of a record that may be a mistake and need not be one."""

    field: str
    code: Literal["double_serial", "in_the_future"]
    tags: tuple[str, ...] = ()


def doubts_of(acquired: date | None, same_serial: Sequence[str], today: date) -> list[Slip]:
    """Tells what may be a slip in a record; `same_serial` are tags of others with its serial number."""
    found = [Slip("serial", "double_serial", tuple(same_serial))] if same_serial else []
    if acquired is not None and acquired > today:
        found.append(Slip("acquired", "in_the_future"))
    return found


def search_text(values: Mapping[str, Any]) -> str:
    """Makes the folded text a search looks into: name, tag, serial, maker, model, room, type in words."""
    known = TYPES.get(values["type"] or "")
    words = [values[name] or "" for name in ("name", "tag", "serial", "maker", "model", "room")]
    words += [known.label_vi, known.label_en] if known else []
    words += [values["supplier"] or "", values["fund_source"] or ""]
    return folded(" ".join(word for word in words if word))[:SEARCH_CHARACTERS]


def tag_of(number: int) -> str:
    """Makes a tag of a random number, such as `7K2M-04QXT`: about 2⁴⁵ of them."""
    letters = "".join(TAG_LETTERS[number >> 5 * place & 31] for place in range(TAG_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def derived_tag(school: str, *words: str | None) -> str:
    """Makes the same tag of the same words, for rows of a list that came without one."""
    text = "\x1f".join((school, *(word or "" for word in words)))
    return tag_of(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def earliest_day(happened: Iterable[date]) -> date | None:
    """Gives the first day a further event may have: the record goes forward, never before what is in it."""
    return max(happened, default=None)
