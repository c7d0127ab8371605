"""What routes take: a transaction at the edge, and a page of a list with its cursor."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from hub.database import Database
from hub.errors import Invalid

T = TypeVar("T")
Row = TypeVar("Row")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_CURSOR_CHARACTERS = 8000


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """Gives a session whose work is committed when the route returns, before the answer is sent."""
    database: Database = request.app.state.database
    async with database.write() as session:
        yield session


async def reading(request: Request) -> AsyncIterator[AsyncSession]:
    """Gives a session that sees one state and commits nothing."""
    database: Database = request.app.state.database
    async with database.read() as session:
        yield session


Transaction = Annotated[AsyncSession, Depends(transaction, scope="function")]
Reading = Annotated[AsyncSession, Depends(reading, scope="function")]


class Page(BaseModel, Generic[T]):
    """A page of a list; send `next_cursor` as `cursor` to get the next, until it is null."""

    items: list[T]
    next_cursor: str | None = None


class Paging:
    """Where to go on and how many to give: `?cursor=&limit=`."""

    def __init__(
        self,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR_CHARACTERS)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> None:
        self.limit = limit
        self._cursor = cursor

    def after(self, *types: type) -> tuple[str | int, ...] | None:
        """Gives the key of the last row already seen, whose parts have the given types; None at the start."""
        if self._cursor is None:
            return None
        try:
            key = json.loads(base64.urlsafe_b64decode(self._cursor + "==="))
        except (binascii.Error, ValueError):
            key = None
        if not isinstance(key, list) or [type(part) for part in key] != list(types):
            raise Invalid("the cursor is not one that this list gave", field="cursor", value=self._cursor,
                          fix="send next_cursor of the page before, or leave it out")  # fmt: skip
        return tuple(key)

    def page(
        self, rows: Sequence[Row], key: Callable[[Row], tuple[str | int, ...]], item: Callable[[Row], T]
    ) -> Page[T]:
        """Makes the page of rows fetched with `limit + 1`, so that one too many says there is more."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(
            items=[item(row) for row in shown], next_cursor=encode_cursor(key(shown[-1])) if more else None
        )


def encode_cursor(key: tuple[str | int, ...]) -> str:
    """Makes the opaque cursor of a row's key."""
    return base64.urlsafe_b64encode(json.dumps(key, ensure_ascii=False).encode()).decode().rstrip("=")


PageQuery = Annotated[Paging, Depends()]
