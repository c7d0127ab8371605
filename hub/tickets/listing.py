"""Lists and counts tickets within units; never commits."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVarTuple

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.tables import Account
from hub.assets.tables import Asset
from hub.folding import folded
from hub.organisation.tables import Unit
from hub.tickets.rules import ACTIVE, Level, Priority, State
from hub.tickets.schemas import Counts, Period
from hub.tickets.tables import Ticket, TicketEvent

Ts = TypeVarTuple("Ts")

Shown: TypeAlias = tuple[Ticket, str, str | None, str | None]
"""A ticket with the names of its unit and assignee, and its asset's tag."""


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets are wanted; `units` None is everywhere."""

    units: frozenset[str] | None = None
    states: frozenset[State] | None = None
    room: str | None = None
    asset: int | None = None
    device: tuple[str | None, str | None, str | None] = (None, None, None)
    assignee: int | None = None
    priority: Priority | None = None
    level: Level | None = None
    overdue: bool | None = None
    q: str | None = None


async def list_tickets(
    session: AsyncSession, wanted: TicketFilter, now_ms: int, *, before_id: int | None, limit: int
) -> list[Shown]:
    """Gives tickets with names, the newest first."""
    query = _shown(wanted, now_ms).order_by(Ticket.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Ticket.id < before_id)
    return [(row[0], row[1], row[2], row[3]) for row in await session.execute(query)]


async def get_ticket(session: AsyncSession, ticket_id: int) -> Shown | None:
    """Gives one ticket with names, as it stands in the database."""
    query = _shown(TicketFilter(), 0).where(Ticket.id == ticket_id)
    row = (await session.execute(query.execution_options(populate_existing=True))).first()
    return (row[0], row[1], row[2], row[3]) if row else None


async def events(session: AsyncSession, ticket_id: int) -> list[TicketEvent]:
    """Gives what happened to a ticket, oldest first."""
    query = select(TicketEvent).where(TicketEvent.ticket_id == ticket_id).order_by(TicketEvent.id)
    return list((await session.execute(query)).scalars())


class Tally:
    """Tickets counted by unit, once, to be summed for any set of units."""

    def __init__(self, rows: Collection[Any]) -> None:
        self._rows = rows

    def of(self, code: str | None, name: str, units: Collection[str] | None) -> Counts:
        """Sums up the tickets of units; None is all."""
        states: Counter[State] = Counter(dict.fromkeys(State, 0))
        priorities: Counter[Priority] = Counter(dict.fromkeys(Priority, 0))
        levels: Counter[Level] = Counter(dict.fromkeys(Level, 0))
        overdue = 0
        for unit, state, priority, level, count, late in self._rows:
            if units is None or unit in units:
                states[State(state)] += count
                if state in ACTIVE:
                    priorities[Priority(priority)] += count
                    levels[Level(level)] += count
                    overdue += late
        return Counts(
            unit=code, name=name, total=states.total(), active=sum(states[each] for each in ACTIVE),
            overdue=overdue, states=dict(states), priorities=dict(priorities), levels=dict(levels),
        )  # fmt: skip


async def tally(session: AsyncSession, units: frozenset[str] | None, now_ms: int) -> Tally:
    """Counts the tickets of units."""
    late = func.sum(case((Ticket.due_ms < now_ms, 1), else_=0))
    by = (Ticket.unit_code, Ticket.state, Ticket.priority, Ticket.level)
    query = _of_units(select(*by, func.count(), late).group_by(*by), units)
    return Tally((await session.execute(query)).all())


async def period(session: AsyncSession, units: frozenset[str] | None, since_ms: int, until_ms: int) -> Period:
    """Counts what happened to tickets of units in [since, until)."""

    async def count(query: Select[int]) -> int:
        return (await session.execute(_of_units(query, units))).scalar_one()

    def within(column: Any) -> Any:
        return (column >= since_ms) & (column < until_ms)

    resolved = select(func.count()).select_from(Ticket).where(within(Ticket.resolved_ms))
    escalated = (
        select(TicketEvent.level, func.count())
        .join(Ticket, Ticket.id == TicketEvent.ticket_id)
        .where(TicketEvent.event == "escalated", within(TicketEvent.at_ms))
        .group_by(TicketEvent.level)
    )
    found = dict.fromkeys((Level.DEPARTMENT, Level.PROVINCE), 0)
    for level, number in await session.execute(_of_units(escalated, units)):
        found[Level(level)] = number
    return Period(
        since_ms=since_ms,
        until_ms=until_ms,
        raised=await count(select(func.count()).select_from(Ticket).where(within(Ticket.created_ms))),
        resolved=await count(resolved),
        resolved_in_time=await count(resolved.where(Ticket.resolved_ms <= Ticket.due_ms)),
        escalated=found,
    )


def _of_units(query: Select[*Ts], units: frozenset[str] | None) -> Select[*Ts]:
    return query if units is None else query.where(Ticket.unit_code.in_(units))


def _shown(wanted: TicketFilter, now_ms: int) -> Select[Ticket, str, str, str]:
    query = (
        select(Ticket, Unit.name, Account.name, Asset.tag)
        .join(Unit, Unit.code == Ticket.unit_code)
        .outerjoin(Account, Account.id == Ticket.assignee_id)
        .outerjoin(Asset, Asset.id == Ticket.asset_id)
    )
    query = _of_units(query, wanted.units)
    exact = (
        (Ticket.room_code, wanted.room), (Ticket.asset_id, wanted.asset), (Ticket.priority, wanted.priority),
        (Ticket.assignee_id, wanted.assignee), (Ticket.level, wanted.level),
        *zip((Ticket.group_code, Ticket.node, Ticket.device), wanted.device, strict=True),
    )  # fmt: skip
    for column, value in exact:
        if value is not None:
            query = query.where(column == value)
    if wanted.states is not None:
        query = query.where(Ticket.state.in_(wanted.states))
    if wanted.overdue is not None:
        late = Ticket.state.in_(ACTIVE) & (Ticket.due_ms < now_ms)
        query = query.where(late if wanted.overdue else ~late)
    for word in folded(wanted.q or "").split():
        query = query.where(Ticket.search.contains(word, autoescape=True))
    return query
