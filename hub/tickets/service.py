"""Raises tickets, takes them from step to step, and escalates what is overdue; never commits."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Entry, record
from hub.errors import NotFound
from hub.folding import folded
from hub.tickets.places import Place
from hub.tickets.rules import (
    ACTIVE,
    EVENT_OF,
    Level,
    Priority,
    State,
    Step,
    due_ms,
    level_above,
    state_after,
)
from hub.tickets.schemas import TicketChange, TicketIn
from hub.tickets.tables import Ticket, TicketEvent

CONTROL = "hub:control"
ESCALATED_AT_ONCE = 200
_NOTED = ("title", "text", "priority", "state", "level", "assignee_id", "due_ms")


async def raise_ticket(
    session: AsyncSession,
    wanted: TicketIn,
    place: Place,
    by: str,
    now_ms: int,
    holidays: Collection[date] = (),
) -> Ticket:
    """Stores a new ticket, open at the level of the school."""
    due = wanted.due_ms if wanted.due_ms is not None else due_ms(now_ms, wanted.priority, holidays)
    ticket = Ticket(
        title=wanted.title, text=wanted.text, unit_code=place.unit, room_code=place.room,
        group_code=place.device and place.device.group, node=place.device and place.device.node,
        device=place.device and place.device.device, asset_id=place.asset_id, priority=wanted.priority.value,
        state=State.OPEN.value, level=Level.SCHOOL.value, raised_by=by, created_ms=now_ms, level_ms=now_ms,
        due_ms=due, changed_ms=now_ms, search="",
    )  # fmt: skip
    session.add(ticket)
    await session.flush()
    ticket.search = _searched(ticket, place.unit_name)
    _happened(session, ticket, "raised", by, "", now_ms)
    return ticket


async def locked(session: AsyncSession, ticket_id: int) -> Ticket:
    """Gives a ticket that nobody else changes meanwhile; raises `NotFound`."""
    ticket = await session.get(Ticket, ticket_id, with_for_update=True, populate_existing=True)
    if ticket is None:
        raise missing(ticket_id)
    return ticket


def take(
    session: AsyncSession,
    ticket: Ticket,
    step: Step,
    by: str,
    text: str,
    now_ms: int,
    *,
    assignee_id: int | None = None,
    holidays: Collection[date] = (),
) -> None:
    """Takes one step with a locked ticket; raises `Conflict` where its state does not allow it.

    `assignee_id` is who gets it (`ASSIGN`), or who has it from now on if nobody had it (`START`).
    """
    ticket.state = state_after(step, State(ticket.state), assigned=ticket.assignee_id is not None).value
    if step is Step.ASSIGN or (step is Step.START and ticket.assignee_id is None):
        ticket.assignee_id = assignee_id
    elif step is Step.RESOLVE:
        ticket.resolved_ms = now_ms
    elif step is Step.REOPEN:
        ticket.resolved_ms = None
        _begin(ticket, now_ms, holidays)
    elif step is Step.ESCALATE:
        ticket.level = level_above(Level(ticket.level)).value
        ticket.escalated_ms = now_ms
        _begin(ticket, now_ms, holidays)
    ticket.changed_ms = now_ms
    _happened(session, ticket, EVENT_OF[step], by, text, now_ms)


def change(
    session: AsyncSession,
    ticket: Ticket,
    wanted: TicketChange,
    unit_name: str,
    by: str,
    now_ms: int,
    holidays: Collection[date] = (),
) -> None:
    """Changes what is said about a locked ticket; a change to what it is already is none."""
    before = noted(ticket)
    ticket.title = wanted.title if wanted.title is not None else ticket.title
    ticket.text = wanted.text if wanted.text is not None else ticket.text
    if wanted.priority is not None and wanted.priority != ticket.priority:
        ticket.priority = wanted.priority.value
        ticket.due_ms = due_ms(ticket.level_ms, wanted.priority, holidays)
    ticket.due_ms = wanted.due_ms if wanted.due_ms is not None else ticket.due_ms
    changed = [name for name, value in noted(ticket).items() if value != before[name]]
    if changed:
        ticket.changed_ms = now_ms
        ticket.search = _searched(ticket, unit_name)
        _happened(session, ticket, "changed", by, ", ".join(changed), now_ms)


async def escalate_overdue(session: AsyncSession, now_ms: int, holidays: Collection[date] = ()) -> list[int]:
    """Takes overdue tickets a level up, those due first, at most 200 at once; gives their ids.

    Tickets that somebody works on at this moment are left for the next time.
    """
    late = (
        select(Ticket)
        .where(Ticket.state.in_(ACTIVE), Ticket.due_ms < now_ms, Ticket.level != Level.PROVINCE)
        .order_by(Ticket.due_ms, Ticket.id)
        .limit(ESCALATED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    tickets = list((await session.execute(late)).scalars())
    for ticket in tickets:
        before = noted(ticket)
        take(session, ticket, Step.ESCALATE, CONTROL, "overdue", now_ms, holidays=holidays)
        was, now = differing(before, noted(ticket))
        entry = Entry(CONTROL, "loop", "ticket.escalate", f"ticket:{ticket.id}", ticket.unit_code, was, now)
        await record(session, entry)
    return [ticket.id for ticket in tickets]


def noted(ticket: Ticket) -> dict[str, object]:
    """Gives what the audit log keeps of a ticket."""
    return {name: getattr(ticket, name) for name in _NOTED}


def differing(
    before: dict[str, object], after: dict[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """Gives of both only what differs."""
    names = [name for name in after if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


def number_of(ticket_id: int) -> str:
    """Gives the number that people call a ticket by."""
    return f"{ticket_id:05d}"


def missing(ticket_id: int) -> NotFound:
    """The problem of an id that no ticket has, or none that the asker may know of."""
    fix = "use an id of GET /api/v1/tickets"
    return NotFound("there is no such ticket", field="ticket_id", value=ticket_id, fix=fix)


def _begin(ticket: Ticket, now_ms: int, holidays: Collection[date]) -> None:
    ticket.level_ms = now_ms
    ticket.due_ms = due_ms(now_ms, Priority(ticket.priority), holidays)


def _happened(session: AsyncSession, ticket: Ticket, event: str, by: str, text: str, now_ms: int) -> None:
    event_row = TicketEvent(
        ticket_id=ticket.id,
        at_ms=now_ms,
        event=event,
        by=by,
        text=text,
        state=ticket.state,
        level=ticket.level,
    )
    session.add(event_row)


def _searched(ticket: Ticket, unit_name: str) -> str:
    words = (number_of(ticket.id), ticket.title, ticket.text, ticket.unit_code, unit_name, ticket.room_code,
             ticket.device, ticket.raised_by)  # fmt: skip
    return folded("\n".join(filter(None, words)))
