"""Enters or changes many assets at once, as an import does; never commits.

What makes an asset the same one is its tag. A row without a tag gets one derived from its words, so that the
same list brought in twice changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, TypeAlias, cast

from sqlalchemy import Row, Table, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.copying import copy_into, is_postgres, next_ids, update_from
from hub.assets.rules import derived_tag, gaps_of, search_text
from hub.assets.tables import Asset, AssetEvent

CHUNK = 2_000
_ASSET = cast(Table, Asset.__table__)
_EVENT = cast(Table, AssetEvent.__table__)

Action: TypeAlias = Literal["new", "change", "same"]


@dataclass(frozen=True, slots=True)
class AssetRow:
    """An asset as a list gives it, already checked: school and room exist, type and status are known ones.

    Empty texts and None are not known. `linked` assets keep their device: lists say nothing of it.
    """

    tag: str
    school: str
    room: str
    name: str
    type: str = ""
    serial: str = ""
    maker: str = ""
    model: str = ""
    acquired: date | None = None
    fund_source: str = ""
    supplier: str = ""
    price_vnd: int | None = None
    warranty_until: date | None = None
    status: str = ""
    condition: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What bringing in a row does: the fields that change, before and after.

    `school_now` is where an asset of this tag is now: whoever brings in the row must be allowed to change it.
    """

    row: AssetRow
    action: Action
    before: dict[str, Any]
    after: dict[str, Any]
    asset_id: int | None = None
    school_now: str | None = None


FIELDS = tuple(each.name for each in fields(AssetRow))
_COLUMN = {"school": "school_code", "room": "room_code"}
_COLUMNS = tuple(_COLUMN.get(name, name) for name in FIELDS)
_FACTS = tuple(name for name in FIELDS if name not in ("tag", "school", "room"))


def with_tags(rows: Iterable[dict[str, Any]]) -> list[AssetRow]:
    """Makes rows of fields by name; those without a tag get one of their school, type, name and serial.

    Rows that are otherwise alike are told apart by their number among themselves.
    """
    alike: Counter[tuple[str, ...]] = Counter()
    made = []
    for values in rows:
        if not values.get("tag"):
            words = tuple(values.get(name) or "" for name in ("school", "type", "name", "serial"))
            alike[words] += 1
            values = {**values, "tag": derived_tag(*words, str(alike[words]))}
        made.append(AssetRow(**values))
    return made


async def compare(session: AsyncSession, rows: Sequence[AssetRow]) -> list[Difference]:
    """Tells what bringing in these rows would do, in their order; changes nothing."""
    found: list[Difference] = []
    columns = [_ASSET.c.id, *(_ASSET.c[name] for name in _COLUMNS)]
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        same = _ASSET.c.tag.in_([row.tag for row in chunk])
        alike = func.lower(_ASSET.c.tag).in_([row.tag.lower() for row in chunk]) & ~_ASSET.c.twin
        exact: dict[str, Any] = {}
        known: dict[str, Any] = {}
        for each in await session.execute(select(*columns, _ASSET.c.twin).where(same | alike)):
            exact[each.tag] = each
            if not each.twin:
                known[each.tag.lower()] = each
        found += [_difference(row, exact.get(row.tag) or known.get(row.tag.lower())) for row in chunk]
    return found


async def upsert(
    session: AsyncSession,
    differences: Sequence[Difference],
    by: str,
    now_ms: int,
    today: date,
    text: str = "",
) -> Counter[Action]:
    """Does what `compare` told, with an entry in each asset's history; gives how many of each action.

    Call `compare` in the same transaction, or what changed in between is overwritten.
    """
    for start in range(0, len(differences), CHUNK):
        chunk = differences[start : start + CHUNK]
        note = {"on": today, "at_ms": now_ms, "by": by, "text": text}
        await _enter([each for each in chunk if each.action == "new"], session, now_ms, note)
        await _change([each for each in chunk if each.action == "change"], session, now_ms, note)
    return Counter(each.action for each in differences)


def _difference(row: AssetRow, known: Row[Any] | None) -> Difference:
    if known is None:
        after = {name: value for name in FIELDS if (value := getattr(row, name)) not in (None, "")}
        return Difference(row, "new", {}, after)
    row = replace(row, tag=known.tag)
    before, after = {}, {}
    for name, column in zip(FIELDS, _COLUMNS, strict=True):
        old, new = getattr(known, column), getattr(row, name)
        if old != new:
            before[name], after[name] = old, new
    return Difference(row, "change" if after else "same", before, after, known.id, known.school_code)


def _columns(row: AssetRow, now_ms: int) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in FIELDS}
    derived = {"gaps": gaps_of(values), "search": search_text(values), "changed_ms": now_ms}
    values["school_code"], values["room_code"] = values.pop("school"), values.pop("room")
    return values | derived


async def _enter(new: list[Difference], session: AsyncSession, now_ms: int, note: dict[str, Any]) -> None:
    if not new:
        return
    rows = [{**_columns(each.row, now_ms), "created_ms": now_ms} for each in new]
    if is_postgres(session):
        numbers = await next_ids(session, _ASSET, len(rows))
        await copy_into(session, _ASSET, [{"id": n, **row} for n, row in zip(numbers, rows, strict=True)])
        ids = {row["tag"]: n for n, row in zip(numbers, rows, strict=True)}
    else:
        await session.execute(insert(_ASSET), rows)
        query = select(_ASSET.c.tag, _ASSET.c.id).where(_ASSET.c.tag.in_([each.row.tag for each in new]))
        ids = {row.tag: row.id for row in await session.execute(query)}
    await _tell(session, [_event(each, ids[each.row.tag], "created", each.after, note) for each in new])


async def _tell(session: AsyncSession, events: list[dict[str, Any]]) -> None:
    if is_postgres(session):
        await copy_into(session, _EVENT, events)
    elif events:
        await session.execute(insert(_EVENT), events)


async def _change(
    changed: list[Difference], session: AsyncSession, now_ms: int, note: dict[str, Any]
) -> None:
    if not changed:
        return
    rows = [{**_columns(each.row, now_ms), "id": each.asset_id} for each in changed]
    for row in rows:
        del row["tag"]
    if is_postgres(session):
        await update_from(session, _ASSET, rows)
    else:
        same = _ASSET.c.id == bindparam("_id")
        renamed = [{**row, "_id": row.pop("id")} for row in rows]
        await (await session.connection()).execute(update(_ASSET).where(same), renamed)
    events = await _unlink(changed, session, note)
    for each in changed:
        asset_id = cast(int, each.asset_id)
        if any(name in each.after for name in _COLUMN):
            where = {"school": each.row.school, "room": each.row.room}
            events.append(
                _event(each, asset_id, "moved", where, note, {**where, **_only(each.before, _COLUMN)})
            )
        if facts := _only(each.after, _FACTS):
            events.append(_event(each, asset_id, "changed", facts, note, _only(each.before, _FACTS)))
    await _tell(session, events)


async def _unlink(
    changed: list[Difference], session: AsyncSession, note: dict[str, Any]
) -> list[dict[str, Any]]:
    """Takes the device from what leaves its school or the register, and gives the entries that say so."""
    leaves = {
        each.asset_id: each
        for each in changed
        if "school" in each.after or each.after.get("status") == "disposed"
    }
    key = (_ASSET.c.group_code, _ASSET.c.node, _ASSET.c.device)
    query = select(_ASSET.c.id, *key).where(_ASSET.c.id.in_(leaves), _ASSET.c.node.is_not(None))
    linked = (await session.execute(query)).all()
    none = dict.fromkeys(("group_code", "node", "device"))
    await session.execute(update(_ASSET).where(_ASSET.c.id.in_([row.id for row in linked])).values(**none))
    return [
        _event(leaves[row.id], row.id, "unlinked", {"device": None}, note, {"device": list(row[1:])})
        for row in linked
    ]


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _event(
    each: Difference,
    asset_id: int,
    kind: str,
    after: dict[str, Any],
    note: dict[str, Any],
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "asset_id": asset_id, "kind": kind, "school_code": each.row.school, "room_code": each.row.room,
        "before": _plain(before) if before else None, "after": _plain(after), **note,
    }  # fmt: skip


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
