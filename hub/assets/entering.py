"""New assets as rows that SQLite takes as they are: it has one writer, who must not compute meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.rules import gaps_of, search_text
from hub.assets.tables import Asset, AssetEvent
from hub.sheets import Values

Cells: TypeAlias = tuple[Any, ...]

_FIELDS = (
    "tag", "school", "room", "name", "type", "serial", "maker", "model", "acquired", "fund_source",
    "supplier", "price_vnd", "warranty_until", "status", "condition", "note",
)  # fmt: skip
_DAYS = frozenset(("acquired", "warranty_until"))
_NULLABLE = _DAYS | {"price_vnd"}
_PLACES = {"school": "school_code", "room": "room_code"}
_ASSET = ("id", *(_PLACES.get(name, name) for name in _FIELDS), "gaps", "search", "created_ms", "changed_ms")
_EVENT = ("asset_id", "kind", "on", "at_ms", "by", "school_code", "room_code", "after", "text")


@dataclass(frozen=True, slots=True)
class Entry:
    """A new asset without its number, and the first entry of its history."""

    asset: Cells
    event: Cells


def entry(values: Values, by: str, now_ms: int, today: date) -> Entry:
    """Makes the rows of a new asset; days are ISO texts, as SQLite keeps them."""
    whole = {name: _plain(name, values.get(name)) for name in _FIELDS}
    after = json.dumps({name: value for name, value in whole.items() if value not in (None, "")})
    asset = (*whole.values(), gaps_of(whole), search_text(whole), now_ms, now_ms)
    return Entry(asset, ("created", today.isoformat(), now_ms, by, whole["school"], whole["room"], after, ""))


async def enter(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Writes new assets with their history into a transaction of SQLite."""
    connection = await session.connection()
    first = (await session.scalar(select(func.max(Asset.id))) or 0) + 1
    assets = [(number, *each.asset) for number, each in enumerate(entries, first)]
    events = [(number, *each.event) for number, each in enumerate(entries, first)]
    await connection.exec_driver_sql(_insert(Asset.__tablename__, _ASSET), assets)
    await connection.exec_driver_sql(_insert(AssetEvent.__tablename__, _EVENT), events)


def _insert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 — names of ours


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None if name in _NULLABLE else ""
    return value.isoformat() if name in _DAYS else value
