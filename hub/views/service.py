"""Keeps each person's views; never commits."""

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.errors import Conflict, NotFound
from hub.views.rules import MAX_VIEWS
from hub.views.tables import SavedView
from hub.wording import said


async def views_of(session: AsyncSession, account_id: int) -> list[SavedView]:
    """Gives a person's views by name; there are few."""
    query = select(SavedView).where(SavedView.account_id == account_id).order_by(SavedView.name)
    return list((await session.execute(query)).scalars())


async def save_view(
    session: AsyncSession, account_id: int, name: str, page: str, query: str, now_ms: int
) -> SavedView:
    """Keeps a view; one of the same name is replaced. Raises `Conflict` when there are too many."""
    others = select(func.count()).where(SavedView.account_id == account_id, SavedView.name != name)
    if (await session.execute(others)).scalar_one() >= MAX_VIEWS:
        raise Conflict(
            said("there are {max_views} saved views already", max_views=MAX_VIEWS),
            field="name",
            value=name,
            fix="delete one that is no longer needed",
        )
    row = {"account_id": account_id, "name": name, "page": page, "query": query, "changed_ms": now_ms}
    insert = insert_into(session, SavedView).values(row)
    changed = {column: insert.excluded[column] for column in ("page", "query", "changed_ms")}
    await session.execute(insert.on_conflict_do_update(index_elements=["account_id", "name"], set_=changed))
    kept = select(SavedView).where(SavedView.account_id == account_id, SavedView.name == name)
    return (await session.execute(kept)).scalar_one()


async def delete_view(session: AsyncSession, account_id: int, name: str) -> None:
    """Forgets a view; raises `NotFound` if there is none of that name."""
    gone = delete(SavedView).where(SavedView.account_id == account_id, SavedView.name == name)
    if (await session.execute(gone.returning(SavedView.id))).scalar_one_or_none() is None:
        raise NotFound("there is no such view", field="name", value=name,
                       fix="use a name of GET /api/v1/views")  # fmt: skip
