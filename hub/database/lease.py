"""Leases: who leads among many, decided by the database and its clock."""

from sqlalchemy import BigInteger, String, cast, delete, func, literal_column
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from hub.database.base import Base, Milliseconds
from hub.database.upsert import insert_into


class Lease(Base):
    """A name held by one holder until a moment of the database's clock."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(128))
    until_ms: Mapped[Milliseconds]


async def take_lease(session: AsyncSession, name: str, holder: str, ttl_ms: int) -> bool:
    """Takes or renews the lease; true if `holder` holds it for the next `ttl_ms` milliseconds.

    The clock is the database's, so that machines with different clocks still agree.
    """
    now_ms = _database_now_ms(session)
    insert = insert_into(session, Lease).values(name=name, holder=holder, until_ms=now_ms + ttl_ms)
    statement = insert.on_conflict_do_update(
        index_elements=[Lease.name],
        set_={"holder": insert.excluded.holder, "until_ms": insert.excluded.until_ms},
        where=(Lease.holder == holder) | (Lease.until_ms <= now_ms),
    ).returning(Lease.holder)
    return (await session.execute(statement)).scalar_one_or_none() == holder


async def give_up_lease(session: AsyncSession, name: str, holder: str) -> None:
    """Lets the next holder take over at once; does nothing if another holds the lease."""
    await session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


def _database_now_ms(session: AsyncSession) -> ColumnElement[int]:
    if session.get_bind().dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
    return literal_column("CAST(1000.0 * (julianday('now') - 2440587.5) * 86400.0 AS INTEGER)", BigInteger)
