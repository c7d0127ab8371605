"""The log as a file: CSV for people, JSON lines for programs that verify it themselves; streamed.

JSON lines carry every field of the chain, so that it can be proven without the hub. CSV is UTF-8 with a byte
order mark, for Excel; texts that a spreadsheet would run as formulas are made texts by an apostrophe.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from hub.audit import service
from hub.audit.rules import Sealed
from hub.audit.service import AuditFilter
from hub.database import Database

Format: TypeAlias = Literal["csv", "jsonl"]

MEDIA: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


async def parts(database: Database, wanted: AuditFilter, format: Format) -> AsyncIterator[bytes]:  # noqa: A002
    """Yields the file, oldest entry first, up to the entry that is the newest at the start.

    Each part is a short reading of its own, so that a slow download holds nothing in the database.
    """
    async with database.read() as session:
        newest = await service.head(session)
    yield b"" if format == "jsonl" else "\ufeff".encode() + _csv([["at", *Sealed._fields]])
    after, until = 0, newest[0].id if newest else 0
    while after < until:
        async with database.read() as session:
            found = await service.read_on(session, wanted, after_id=after, until_id=until)
        if found:
            yield _json_lines(found) if format == "jsonl" else _csv(map(_cells, found))
        after = found[-1].id if len(found) == service.ROWS_AT_ONCE else until


def _json_lines(entries: list[Sealed]) -> bytes:
    return "".join(f"{json.dumps(each._asdict(), ensure_ascii=False)}\n" for each in entries).encode()


def _cells(entry: Sealed) -> list[object]:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return [at, *map(_harmless, entry)]


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _csv(rows: Iterable[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
