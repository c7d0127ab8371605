"""Every device ready to be searched, filtered and put in order: worked out when something changes.

A request over ten thousand devices then compares ready-made texts and numbers. Orders are sorted again only
after a change that moves a device in them; values that come and go move nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, get_args

from hub.live.documents import Document, Key, Mirrored, key_of
from hub.live.rules import SEVERITY_RANK, is_open
from hub.live.search import in_order, searchable
from hub.live.tiles import known_kind

Sort: TypeAlias = Literal["place", "name", "severity", "since", "kind"]
Subject: TypeAlias = tuple[str, str, str]
_NO_NAMES: Mapping[str, str] = MappingProxyType({})
Place: TypeAlias = tuple[str, str, str, str, str, str]


class School(Protocol):
    """A school of the organisation, as the composition root knows it."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def district(self) -> str: ...


class District(Protocol):
    """A district of the organisation."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...


class Entry:
    """One device: its document, and what lists ask of it.

    `place` orders by school, room, name and key. `rank` is that of its worst open alarm, 0 without one;
    `suppressed` says that an alarm of it is kept back as the consequence of another one.
    """

    __slots__ = ("district", "document", "key", "place", "rank", "school_name", "suppressed", "text")

    def __init__(self, key: Key, document: Mirrored) -> None:
        self.key, self.document = key, document
        self.rank, self.suppressed = 0, False
        self.district = self.school_name = self.text = ""
        self.place: Place = ("", "", "", *key)


_ORDERS: dict[Sort, Callable[[Entry], tuple[Any, ...]]] = {
    "place": lambda entry: entry.place,
    "name": lambda entry: (entry.place[2], *entry.place),
    "severity": lambda entry: (-entry.rank, *entry.place),
    "since": lambda entry: (-(entry.document.presence.since_ms or 0), *entry.place),
    "kind": lambda entry: (entry.document.kind or "", *entry.place),
}
SORTS: tuple[Sort, ...] = get_args(Sort)


def order_of(sort: Sort) -> Callable[[Entry], tuple[Any, ...]]:
    """The key by which a list of that order is sorted; no two devices have the same."""
    return _ORDERS[sort]


class Inventory:
    """All devices and nodes of a picture; add it as the picture's listener."""

    def __init__(self) -> None:
        self.devices: dict[Key, Entry] = {}
        self.nodes: dict[Key, Mirrored] = {}
        self._names = _NO_NAMES
        self.schools: dict[str, School] = {}
        self.districts: dict[str, str] = {}
        self._of_school: dict[str, dict[Key, Entry]] = defaultdict(dict)
        self._nodes_of: dict[str, dict[Key, Mirrored]] = defaultdict(dict)
        self._subjects: dict[Subject, Entry] = {}
        self._alarms: dict[Subject, dict[str, Document]] = defaultdict(dict)
        self._alarms_of: dict[str, dict[str, Document]] = defaultdict(dict)
        self._sorted: dict[Sort, list[Entry]] = {}

    # -- reading -------------------------------------------------------------------------------------

    def in_order(self, sort: Sort) -> Sequence[Entry]:
        """All devices in an order; do not change the list."""
        found = self._sorted.get(sort)
        if found is None:
            found = self._sorted[sort] = sorted(self.devices.values(), key=_ORDERS[sort])
        return found

    def of_school(self, code: str) -> Collection[Entry]:
        """The devices of a school, in no order."""
        return self._of_school.get(code, {}).values()

    def nodes_of(self, code: str) -> list[Mirrored]:
        """The nodes of a school by name."""
        found = self._nodes_of.get(code, {})
        return [found[key] for key in sorted(found)]

    def alarms_of(self, code: str) -> list[Document]:
        """The alarms of a school, in the order in which they were raised."""
        return sorted(
            self._alarms_of.get(code, {}).values(), key=lambda alarm: (alarm["raised_ms"], alarm["id"])
        )

    def heard_schools(self) -> Iterable[str]:
        """The codes of schools that have a node."""
        return [code for code, nodes in self._nodes_of.items() if nodes]

    # -- what changes --------------------------------------------------------------------------------

    def organise(
        self,
        schools: Iterable[School],
        districts: Iterable[District],
        names: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        """Takes names and districts of schools, and the names of all units; call again when they change."""
        self._names = names
        self.schools = {school.code: school for school in schools}
        self.districts = {district.code: district.name for district in districts}
        for entry in self.devices.values():
            self._describe(entry)
        self._sorted.clear()

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """A device or node appeared, changed, or is gone."""
        if old is not None and (new is None or key_of(old) != key_of(new) or old.school != new.school):
            self._remove(old)
        if new is None:
            return
        key = key_of(new)
        if not key[2]:
            self.nodes[key] = self._nodes_of[new.school][key] = new
            return
        entry = self.devices.get(key)
        if entry is None:
            entry = self.devices[key] = Entry(key, new)
        else:
            was, entry.document = entry.document, new
            if (was.name, was.room, was.kind, was.school) == (new.name, new.room, new.kind, new.school):
                if was.presence.since_ms != new.presence.since_ms:
                    self._sorted.pop("since", None)
                return
        subject = _subject(new)
        self._of_school[new.school][key] = self._subjects[subject] = entry
        self._describe(entry)
        self._weigh(subject)
        self._sorted.clear()

    def alarm_changed(self, old: Document | None, new: Document | None) -> None:
        """An alarm was raised, changed, or is closed."""
        if old is not None:
            self._alarms[_subject(old)].pop(old["id"], None)
            self._alarms_of[old["school"]].pop(old["id"], None)
        if new is not None:
            self._alarms[_subject(new)][new["id"]] = new
            self._alarms_of[new["school"]][new["id"]] = new
        for alarm in (old, new):
            if alarm is not None:
                self._weigh(_subject(alarm))

    def status_changed(self) -> None:
        """Heartbeats say nothing of devices."""

    def _remove(self, old: Mirrored) -> None:
        key = key_of(old)
        if not key[2]:
            self.nodes.pop(key, None)
            self._nodes_of[old.school].pop(key, None)
            return
        self.devices.pop(key, None)
        self._of_school[old.school].pop(key, None)
        self._subjects.pop(_subject(old), None)
        self._sorted.clear()

    def _describe(self, entry: Entry) -> None:
        document, key = entry.document, entry.key
        school, kind = self.schools.get(document.school), known_kind(document.kind)
        entry.district = school.district if school else ""
        entry.school_name = school.name if school else self._names.get(document.school, "")
        entry.place = (document.school, in_order(document.room), in_order(document.name or key[2]), *key)
        entry.text = searchable(
            key[2], document.name, document.room, document.kind,
            kind.label_vi if kind else None, kind.label_en if kind else None,
            document.school, entry.school_name, self.districts.get(entry.district), key[0], key[1],
        )  # fmt: skip

    def _weigh(self, subject: Subject) -> None:
        alarms = self._alarms.get(subject, {})
        entry = self._subjects.get(subject)
        if not alarms:
            self._alarms.pop(subject, None)
        if entry is None:
            return
        rank = max((SEVERITY_RANK.get(a["severity"], 0) for a in alarms.values() if is_open(a)), default=0)
        entry.suppressed = any(alarm["state"] == "suppressed" for alarm in alarms.values())
        if rank != entry.rank:
            entry.rank = rank
            self._sorted.pop("severity", None)


def _subject(about: Document) -> Subject:
    return about["school"], about["node"], about["device"] or ""
