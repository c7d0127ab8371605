"""`/api/v1/tickets`: raise faults, take them from hand to hand, and see what is late."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.rules import ROLES
from hub.audit.trail import Trail, Trailing
from hub.clock import today
from hub.errors import Invalid, NotFound
from hub.events import Events
from hub.tickets import listing, places, service
from hub.tickets.listing import Shown, TicketFilter
from hub.tickets.rules import ACTIVE, Level, Priority, State, Step, is_overdue
from hub.tickets.schemas import (
    Assignment,
    Comment,
    DeviceName,
    Happened,
    People,
    Person,
    Said,
    Summary,
    TicketChange,
    TicketDetail,
    TicketIn,
    TicketOut,
)
from hub.tickets.tables import Ticket
from hub.web.access import permission, require_school
from hub.web.principal import Principal, Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])

Reader = Annotated[Principal, Depends(permission("tickets.read"))]
Writer = Annotated[Principal, Depends(permission("tickets.write"))]
Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]
TicketId = Annotated[int, Path(ge=1, le=2**63 - 1)]
RowNumber = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Instant = Annotated[int | None, Query(ge=0, le=10**15, description="UTC epoch ms")]
Subtree: TypeAlias = Callable[[AsyncSession, str], Awaitable[Schools]]

WRITING_ROLES = frozenset(role for role, permissions in ROLES.items() if "tickets.write" in permissions)


@router.get("")
async def list_tickets(
    who: Reader,
    request: Request,
    session: Reading,
    paging: PageQuery,
    state: Annotated[State | Literal["active"] | None, Query(description="active: not resolved yet")] = None,
    unit: Annotated[Text, Query(description="with everything below it")] = None,
    school: Text = None,
    room: Text = None,
    group: Text = None,
    node: Text = None,
    device: Text = None,
    asset: RowNumber = None,
    assignee: Annotated[str | None, Query(pattern=r"^(me|[1-9]\d{0,17})$")] = None,
    priority: Priority | None = None,
    level: Level | None = None,
    overdue: bool | None = None,
    q: Text = None,
) -> Page[TicketOut]:
    """Lists tickets, the newest first; `q` ignores diacritics, and each of its words must be somewhere."""
    units = await _units(request, session, who, unit)
    if school is not None:
        units = frozenset({school}) if units is None else units & {school}
    # nobody's tickets are those of a token without an account
    mine = who.account_id or 0 if assignee == "me" else int(assignee) if assignee else None
    wanted = TicketFilter(
        units=units, states=ACTIVE if state == "active" else frozenset({State(state)}) if state else None,
        room=room, asset=asset, device=(group, node, device), assignee=mine, priority=priority, level=level,
        overdue=overdue, q=q,
    )  # fmt: skip
    now_ms: int = request.app.state.now_ms()
    last = paging.after(int)
    before_id = int(last[0]) if last else None
    found = await listing.list_tickets(session, wanted, now_ms, before_id=before_id, limit=paging.limit + 1)
    return paging.page(
        found, lambda row: (row[0].id,), lambda row: TicketOut.model_validate(_out(row, now_ms))
    )


@router.post("", status_code=201)
async def raise_ticket(
    who: Writer, request: Request, session: Transaction, trail: Trailing, wanted: TicketIn
) -> TicketDetail:
    """Raises a ticket where a fault is: in a unit, a room, at a device or at an asset."""
    now_ms: int = request.app.state.now_ms()
    place = await places.locate(session, wanted, who.schools("tickets.write"), today())
    ticket = await service.raise_ticket(session, wanted, place, who.display_name, now_ms)
    after = service.noted(ticket) | {"room": place.room, "asset_id": place.asset_id}
    await trail.note("ticket.raise", f"ticket:{ticket.id}", unit=place.unit, after=after)
    return await _told(request, session, ticket.id)


@router.get("/summary")
async def summary(
    who: Reader,
    request: Request,
    session: Reading,
    unit: Text = None,
    since: Instant = None,
    until: Instant = None,
) -> Summary:
    """Counts the tickets of a unit, of each unit directly below it, and what happened in [since, until).

    Without `unit` it counts all that the asker may see.
    """
    units = await _units(request, session, who, unit)
    name = "" if unit is None else await places.name_of(session, unit)
    if name is None or units == frozenset():
        raise NotFound("there is no such unit", field="unit", value=unit,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    now_ms: int = request.app.state.now_ms()
    tally = await listing.tally(session, units, now_ms)
    below = await places.children(session, unit, today()) if unit is not None else {}
    children = []
    for code, child in below.items():
        reached = await _units(request, session, who, code)
        if reached != frozenset():
            children.append(tally.of(code, child, reached))
    period = None
    if since is not None or until is not None:
        until = now_ms if until is None else until
        period = await listing.period(session, units, since or 0, until)
    counted = tally.of(unit, name, units)
    return Summary(**counted.model_dump(), children=children, period=period)


@router.get("/assignable")
async def assignable(
    who: Writer, session: Reading, unit: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]+$")]
) -> People:
    """Lists who may be given tickets of a unit: those who may work on them there."""
    if not who.may("tickets.write", unit):
        return People(items=[])  # like a unit that nobody knows
    return People(items=await places.assignable(session, unit, WRITING_ROLES, today()))


@router.get("/{ticket_id}")
async def get_ticket(who: Reader, request: Request, session: Reading, ticket_id: TicketId) -> TicketDetail:
    """Gives one ticket with everything that happened to it."""
    found = await listing.get_ticket(session, ticket_id)
    if found is None or not who.may("tickets.read", found[0].unit_code):
        raise service.missing(ticket_id)
    return await _detail(request, session, found)


@router.patch("/{ticket_id}")
async def change_ticket(
    who: Writer,
    request: Request,
    session: Transaction,
    trail: Trailing,
    ticket_id: TicketId,
    wanted: TicketChange,
) -> TicketDetail:
    """Changes what is said about a ticket; a new priority brings a new due time, unless one is given."""
    ticket = await _locked(session, who, ticket_id)
    before = service.noted(ticket)
    name = await places.name_of(session, ticket.unit_code) or ""
    service.change(session, ticket, wanted, name, who.display_name, request.app.state.now_ms())
    await _note(trail, "change", ticket, before, "")
    return await _told(request, session, ticket_id)


@router.post("/{ticket_id}/assign")
async def assign(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, to: Assignment
) -> TicketDetail:
    """Gives a ticket to somebody who may work on it."""
    ticket = await _locked(session, who, ticket_id)
    people = await places.assignable(session, ticket.unit_code, WRITING_ROLES, today(), to.assignee)
    if not people:
        raise Invalid(
            "this account cannot have tickets of this unit",
            field="assignee",
            value=to.assignee,
            fix=said(
                "use an id of GET /api/v1/tickets/assignable?unit={unit_code}", unit_code=ticket.unit_code
            ),
        )
    text = f"{people[0].name}: {to.text}" if to.text else people[0].name
    return await _take(request, session, trail, who, ticket, Step.ASSIGN, text, to.assignee)


@router.post("/{ticket_id}/start")
async def start(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Said
) -> TicketDetail:
    """Begins the work; a ticket that nobody has is the asker's from then on."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.START, said.text, who.account_id)


@router.post("/{ticket_id}/resolve")
async def resolve(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Said
) -> TicketDetail:
    """Says that the fault is mended."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.RESOLVE, said.text)


@router.post("/{ticket_id}/close")
async def close(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Said
) -> TicketDetail:
    """Closes a ticket: it was seen to be mended, or is not wanted any more."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.CLOSE, said.text)


@router.post("/{ticket_id}/reopen")
async def reopen(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Said
) -> TicketDetail:
    """Opens a ticket again that was not mended after all; its time begins anew."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.REOPEN, said.text)


@router.post("/{ticket_id}/escalate")
async def escalate(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Said
) -> TicketDetail:
    """Takes a ticket a level up: school, department, province; its time begins anew there."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.ESCALATE, said.text)


@router.post("/{ticket_id}/comment", status_code=201)
async def comment(
    who: Writer, request: Request, session: Transaction, trail: Trailing, ticket_id: TicketId, said: Comment
) -> TicketDetail:
    """Adds what somebody has to say to a ticket's history."""
    ticket = await _locked(session, who, ticket_id)
    return await _take(request, session, trail, who, ticket, Step.COMMENT, said.text)


async def _take(
    request: Request,
    session: AsyncSession,
    trail: Trail,
    who: Principal,
    ticket: Ticket,
    step: Step,
    text: str,
    assignee_id: int | None = None,
) -> TicketDetail:
    before = service.noted(ticket)
    now_ms: int = request.app.state.now_ms()
    service.take(session, ticket, step, who.display_name, text, now_ms, assignee_id=assignee_id)
    await _note(trail, step, ticket, before, text)
    return await _told(request, session, ticket.id)


async def _note(trail: Trail, what: str, ticket: Ticket, before: dict[str, object], text: str) -> None:
    was, now = service.differing(before, service.noted(ticket))
    if now or text:
        await trail.note(
            f"ticket.{what}", f"ticket:{ticket.id}", unit=ticket.unit_code, before=was, after=now, text=text
        )


async def _locked(session: AsyncSession, who: Principal, ticket_id: int) -> Ticket:
    ticket = await service.locked(session, ticket_id)
    if not who.may("tickets.read", ticket.unit_code):
        raise service.missing(ticket_id)
    require_school(who, "tickets.write", ticket.unit_code)
    return ticket


async def _units(request: Request, session: AsyncSession, who: Principal, unit: str | None) -> Schools:
    """Gives the units the asker may see, only those of a subtree if one is named."""
    units = who.schools("tickets.read")
    if unit is None:
        return units
    subtree: Subtree = request.app.state.subtree
    below = await subtree(session, unit)
    return units if below is None else below if units is None else units & below


async def _told(request: Request, session: AsyncSession, ticket_id: int) -> TicketDetail:
    """Gives a ticket after a change, and tells the others once it is committed."""
    await session.flush()
    found = await listing.get_ticket(session, ticket_id)
    assert found is not None, "it was changed just now"
    events: Events = request.app.state.events
    changed = {"ids": [ticket_id], "units": [found[0].unit_code]}
    events.publish_after_commit(session, "hub/changed/tickets", changed)
    return await _detail(request, session, found)


async def _detail(request: Request, session: AsyncSession, found: Shown) -> TicketDetail:
    happened = [
        Happened(
            at_ms=each.at_ms,
            by=each.by,
            event=each.event,
            text=each.text,
            state=State(each.state),
            level=Level(each.level),
        )
        for each in await listing.events(session, found[0].id)
    ]
    return TicketDetail.model_validate(_out(found, request.app.state.now_ms()) | {"events": happened})


def _out(found: Shown, now_ms: int) -> dict[str, object]:
    ticket, unit_name, assignee, asset_tag = found
    same = ("id", "title", "text", "asset_id", "priority", "state", "level", "raised_by", "created_ms",
            "due_ms", "escalated_ms", "resolved_ms", "changed_ms")  # fmt: skip
    device = None
    if ticket.group_code and ticket.node and ticket.device:
        device = DeviceName(group=ticket.group_code, node=ticket.node, device=ticket.device)
    person = None
    if ticket.assignee_id is not None:
        person = Person(id=ticket.assignee_id, name=assignee or "")
    return {name: getattr(ticket, name) for name in same} | {
        "number": service.number_of(ticket.id),
        "unit": ticket.unit_code,
        "unit_name": unit_name,
        "room": ticket.room_code,
        "device": device,
        "asset_tag": asset_tag,
        "assignee": person,
        "overdue": is_overdue(State(ticket.state), ticket.due_ms, now_ms),
    }
