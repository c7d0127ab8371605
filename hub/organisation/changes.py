"""What a rename, move, merger, split, beginning or end makes of the tree; pure.

Every change has a day: what is asked about the days before it is answered as if it had never been made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from hub.errors import Conflict, Fault, Invalid
from hub.organisation.rules import ChangeKind, PlacedFrom
from hub.organisation.tree import ROOT_KIND, Tree, UnitFacts, faults
from hub.wording import joined, said


@dataclass(frozen=True, slots=True)
class Part:
    """A unit that a split leaves: one that exists, or with a name a new one, like the old if not said."""

    code: str
    name: str | None = None
    kind: str | None = None
    levels: tuple[str, ...] | None = None
    parent: str | None = None
    district: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change as it is asked for."""

    kind: ChangeKind
    on: date
    unit: str | None = None
    units: tuple[str, ...] = ()
    name: str | None = None
    parent: str | None = None
    into: str | None = None
    parts: tuple[Part, ...] = ()
    rooms: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, str] = field(default_factory=dict)
    unit_kind: str | None = None
    levels: tuple[str, ...] | None = None
    district: str | None = None


@dataclass(frozen=True, slots=True)
class RoomMove:
    """A room leaves a school for another, under the code it has there; to nobody if it ends."""

    school: str
    code: str
    to_school: str | None = None
    to_code: str = ""


@dataclass(slots=True)
class Outcome:
    """Units as they are after a change, rooms that move, and who followed whom."""

    units: dict[str, UnitFacts] = field(default_factory=dict)
    rooms: list[RoomMove] = field(default_factory=list)
    followed: list[tuple[str, str]] = field(default_factory=list)


def moves(made: Outcome, on: date) -> list[RoomMove]:
    """Gives what stands in rooms where to go; code "" is what stands in none.

    That follows only a school that ends in favour of a single other. Rooms that nobody gets keep what is in
    them, for whoever clears the school.
    """
    heirs: dict[str, list[str]] = {}
    for before, after in made.followed:
        heirs.setdefault(before, []).append(after)
    gone = {code for code, unit in made.units.items() if unit.valid_to == on}
    rooms = [move for move in made.rooms if move.to_school is not None]
    return rooms + [
        RoomMove(school, "", parts[0], "")
        for school, parts in heirs.items()
        if school in gone and len(parts) == 1
    ]


Rooms = Mapping[str, Mapping[str, bool]]
"""Of each school the codes of all its rooms, and whether each is open on the day of the change."""


def outcome(tree: Tree, wanted: Wanted, rooms: Rooms) -> Outcome:
    """Works out what a change makes of the tree; raises `Invalid` or `Conflict` for one that cannot be."""
    made = _CHANGES[wanted.kind](tree, wanted, rooms)
    found = faults(tree.changed(made.units.values()), made.units)
    if found:
        raise Invalid(joined("; ", dict.fromkeys(fault.detail for fault in found)), faults=tuple(found[:20]))
    return made


def plan(tree: Tree, made: Outcome, on: date) -> list[dict[str, Any]]:
    """Says step by step what a change does, for people to read before they agree."""
    steps: list[dict[str, Any]] = []

    def step(unit: str, what: str, before: object, after: object) -> None:
        if before != after:
            steps.append({"unit": unit, "what": what, "before": before, "after": after})

    for code, new in sorted(made.units.items()):
        old = tree.units.get(code)
        if old is None:
            step(code, "begin", None, str(new.valid_from))
        step(code, "name", old and old.name_on(on), new.name_on(on))
        step(code, "parent", old and old.parent_on(on), new.parent_on(on) if new.there_on(on) else None)
        step(code, "levels", list(old.levels) if old else [], list(new.levels))
        if new.valid_to != (old.valid_to if old else None):
            step(code, "end", str(old.valid_to) if old and old.valid_to else None, str(new.valid_to))
    for move in made.rooms:
        after = f"{move.to_school}/{move.to_code}" if move.to_school else None
        step(move.school, "room", f"{move.school}/{move.code}", after)
    for before, after_unit in made.followed:
        step(before, "successor", None, after_unit)
    return steps


def _rename(tree: Tree, wanted: Wanted, _rooms: Rooms) -> Outcome:
    unit = _unit(tree, wanted.unit, wanted.on)
    return Outcome({unit.code: _named(unit, _given(wanted.name, "name"), wanted.on)})


def _move(tree: Tree, wanted: Wanted, _rooms: Rooms) -> Outcome:
    unit, parent = _unit(tree, wanted.unit, wanted.on), _given(wanted.parent, "parent")
    if unit.parent_on(wanted.on) == parent:
        raise Invalid(
            said("{code} belongs to {parent} already", code=unit.code, parent=parent),
            field="parent",
            value=parent,
            fix="choose another parent or another day",
        )
    return Outcome({unit.code: _placed(unit, parent, wanted.on)})


def _end(tree: Tree, wanted: Wanted, rooms: Rooms) -> Outcome:
    unit = _unit(tree, wanted.unit, wanted.on)
    closing = [RoomMove(unit.code, code) for code in _open(rooms, unit.code)]
    return Outcome({unit.code: _ended(unit, wanted.on)}, closing)


def _begin(tree: Tree, wanted: Wanted, _rooms: Rooms) -> Outcome:
    code = _given(wanted.unit, "unit")
    part = Part(code, _given(wanted.name, "name"), _given(wanted.unit_kind, "unit_kind"), wanted.levels,
                wanted.parent, wanted.district)  # fmt: skip
    if part.kind != ROOT_KIND:
        _given(wanted.parent, "parent")
    return Outcome({code: _new(tree, part, wanted.on)})


def _merge(tree: Tree, wanted: Wanted, rooms: Rooms) -> Outcome:
    into = _unit(tree, wanted.into, wanted.on, "into")
    gone = [_unit(tree, code, wanted.on, "units") for code in dict.fromkeys(wanted.units)]
    if not gone or into.code in wanted.units:
        raise Invalid("a merger needs units that go and another that stays", field="units",
                      value=list(wanted.units), fix="name those that end, no other")  # fmt: skip
    made = Outcome()
    levels = dict.fromkeys((*into.levels, *(level for unit in gone for level in unit.levels)))
    into = replace(into, levels=tuple(levels))
    if wanted.name is not None and wanted.name != into.name_on(wanted.on):
        into = _named(into, wanted.name, wanted.on)
    made.units[into.code] = into
    taken = {code.lower() for code in rooms.get(into.code, ())}
    for unit in gone:
        made.units[unit.code] = _ended(unit, wanted.on)
        made.followed.append((unit.code, into.code))
        for code in _open(rooms, unit.code):
            made.rooms.append(_moved_room(unit.code, code, into.code, taken))
    for unit in gone:
        _rehang(tree, made, unit.code, wanted.on, lambda _child: into.code)
    return made


def _split(tree: Tree, wanted: Wanted, rooms: Rooms) -> Outcome:
    unit = _unit(tree, wanted.unit, wanted.on)
    codes = [part.code for part in wanted.parts]
    if len(set(codes) | {unit.code}) < 2 or len(set(codes)) != len(codes):
        raise Invalid("a split needs parts, each once", field="into", value=codes,
                      fix="name every unit that is there after the split once")  # fmt: skip
    made = Outcome()
    made.units[unit.code] = unit if unit.code in codes else _ended(unit, wanted.on)
    for part in wanted.parts:
        if part.code in tree.units:
            here = _unit(tree, part.code, wanted.on, "into")
            made.units.setdefault(part.code, here)
            if part.code == unit.code and part.levels is not None:
                made.units[part.code] = replace(here, levels=part.levels)
        else:
            like = replace(
                part,
                kind=part.kind or unit.kind,
                levels=unit.levels if part.levels is None else part.levels,
                parent=part.parent or unit.parent_on(wanted.on),
                district=part.district or unit.district,
            )
            made.units[part.code] = _new(tree, like, wanted.on)
        if part.code != unit.code:
            made.followed.append((unit.code, part.code))
    _refuse_strangers("rooms", wanted.rooms, _open(rooms, unit.code), codes)
    _refuse_strangers("children", wanted.children, tree.children(unit.code, wanted.on), codes)
    if unit.code not in codes and (left := [c for c in _open(rooms, unit.code) if c not in wanted.rooms]):
        raise Invalid(
            said(
                "{code} ends, and nobody gets its rooms {rooms}", code=unit.code, rooms=", ".join(left[:10])
            ),
            field="rooms",
            value=left,
            fix="say for each of them into which part it goes",
        )
    taken = {code: {room.lower() for room in rooms.get(code, ())} for code in codes}
    for code, to in wanted.rooms.items():
        if to != unit.code:
            made.rooms.append(_moved_room(unit.code, code, to, taken[to]))
    _rehang(tree, made, unit.code, wanted.on, wanted.children.get)
    return made


_CHANGES = {
    "rename": _rename, "move": _move, "end": _end, "begin": _begin, "merge": _merge, "split": _split,
}  # fmt: skip


def _given(value: str | None, name: str) -> str:
    if not value:
        raise Invalid(
            said("{name} is missing", name=name),
            field=name,
            value=value,
            fix=said("say the {name}", name=name),
        )
    return value


def _unit(tree: Tree, code: str | None, on: date, name: str = "unit") -> UnitFacts:
    unit = tree.units.get(_given(code, name))
    if unit is None:
        raise Invalid("there is no such unit", field=name, value=code,
                      fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    if not unit.there_on(on):
        time = said("it exists from {start} to {end}", start=unit.valid_from, end=unit.valid_to or "now on")
        raise Invalid(
            said("{code} is not there on {on}: {time}", code=unit.code, on=on, time=time),
            field="on",
            value=str(on),
            fix="choose a day within its time",
        )
    return unit


def _new(tree: Tree, part: Part, on: date) -> UnitFacts:
    if part.code in tree.units:
        raise Conflict("the code is taken, and a code is never used again", field="code", value=part.code,
                       fix="choose a code that no unit has or had")  # fmt: skip
    name = _given(part.name, "name")
    placed = (PlacedFrom(part.code, part.parent, on),) if part.parent else ()
    return UnitFacts(
        part.code, part.kind or "", name, (), placed, part.levels or (), part.district, on
    )  # fmt: skip


def _named(unit: UnitFacts, name: str, on: date) -> UnitFacts:
    """The name that holds on the day holds until then, from then on the new one as long as the old would."""
    if name == unit.name_on(on):
        raise Invalid(said('{code} has this name already', code=unit.code), field="name", value=name,
                      fix="give another name or another day")  # fmt: skip
    begun = max((until for until, _ in unit.former if until <= on), default=unit.valid_from)
    former = dict(unit.former)
    later = [until for until in former if until > on]
    if begun < on:
        former[on] = unit.name_on(on)
    if later:
        former[min(later)] = name
        name = unit.name
    return replace(unit, name=name, former=tuple(sorted(former.items())))


def _placed(unit: UnitFacts, parent: str, on: date) -> UnitFacts:
    """Belongs to another parent from the day, as long as it would have belonged to the present one."""
    later = [placed.valid_from for placed in unit.placed if placed.valid_from > on]
    end = min(later) if later else unit.valid_to
    kept = []
    for placed in unit.placed:
        if not placed.holds_on(on):
            kept.append(placed)
        elif placed.valid_from < on:
            kept.append(replace(placed, valid_to=on))
    return replace(unit, placed=_in_order([*kept, PlacedFrom(unit.code, parent, on, end)]))


def _ended(unit: UnitFacts, on: date) -> UnitFacts:
    placed = [replace(each, valid_to=on) if each.holds_on(on) else each for each in unit.placed]
    return replace(unit, valid_to=on, placed=tuple(placed))


def _rehang(tree: Tree, made: Outcome, old: str, on: date, target: Any) -> None:
    """Gives what belongs to a unit from the day on to whoever takes it; without a taker it stays."""
    for each in tree.ever_below(old):
        new = target(each.unit)
        if new is None or new == old or (each.valid_to is not None and each.valid_to <= on):
            continue
        child = made.units.get(each.unit, tree.units[each.unit])
        pieces = []
        for placed in child.placed:
            if placed != each:
                pieces.append(placed)
                continue
            if placed.valid_from < on:
                pieces.append(replace(placed, valid_to=on))
            pieces.append(replace(placed, parent=new, valid_from=max(on, placed.valid_from)))
        made.units[child.code] = replace(child, placed=_in_order(pieces))


def _in_order(placed: Iterable[PlacedFrom]) -> tuple[PlacedFrom, ...]:
    """By day; two that follow each other under one parent become one."""
    pieces: list[PlacedFrom] = []
    for each in sorted(placed, key=lambda piece: piece.valid_from):
        if pieces and pieces[-1].parent == each.parent and pieces[-1].valid_to == each.valid_from:
            pieces[-1] = replace(pieces[-1], valid_to=each.valid_to)
        else:
            pieces.append(each)
    return tuple(pieces)


def _open(rooms: Rooms, school: str) -> list[str]:
    return sorted(code for code, there in rooms.get(school, {}).items() if there)


def _moved_room(school: str, code: str, to: str, taken: set[str]) -> RoomMove:
    """Keeps its code where it can; else the old school's code says whose it was."""
    new = code if code.lower() not in taken else f"{school}-{code}"[:64]
    if new.lower() in taken:
        raise Conflict(
            said("{to} has a room {new} already", to=to, new=new),
            field="rooms",
            value=f"{school}/{code}",
            fix="give one of the two another code first",
        )
    taken.add(new.lower())
    return RoomMove(school, code, to, new)


def _refuse_strangers(name: str, wanted: Mapping[str, str], own: list[str], parts: list[str]) -> None:
    found = [
        Fault(
            name,
            key,
            "it is not of this unit on that day",
            said("use some of {known}", known=", ".join(own[:10]) or "–"),
        )
        for key in wanted
        if key not in own
    ]
    found += [
        Fault(name, to, "it is none of the parts", said("use one of {known}", known=", ".join(parts)))
        for to in dict.fromkeys(wanted.values())
        if to not in parts
    ]
    if found:
        raise Invalid(joined("; ", [fault.detail for fault in found[:3]]), faults=tuple(found[:20]))
