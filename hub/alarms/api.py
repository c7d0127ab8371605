"""Alarms over HTTP: list, count, look at one with its history, acknowledge, shelve, comment."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from devices.kind import Severity
from hub.alarms import listing, service
from hub.alarms.alarm import OPEN, Alarm, AlarmState, ChangeKind
from hub.alarms.counting import AlarmCounts
from hub.alarms.listing import AlarmQuery, AlarmSort
from hub.alarms.schemas import (
    Acknowledgement,
    AlarmDetail,
    AlarmFilter,
    BulkAcknowledged,
    BulkAcknowledgement,
    Cause,
    Comment,
    Happened,
    Refused,
    Shelf,
)
from hub.alarms.tables import AlarmEvent, AlarmRow
from hub.audit.trail import Trail, Trailing
from hub.errors import Conflict
from hub.events import Events
from hub.web.access import permission, require_school
from hub.web.moments import Instant
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

Reader = Annotated[Principal, Depends(permission("alarms.read"))]
Operator = Annotated[Principal, Depends(permission("alarms.acknowledge"))]
Text = Annotated[str | None, Query(max_length=255)]

HOUR_MS = 3_600_000


def wanted_alarms(
    who: Reader,
    state: AlarmFilter | None = None,
    open: Annotated[bool | None, Query(description="false: the closed ones")] = None,  # noqa: A002
    severity: Severity | None = None,
    school: Text = None,
    district: Text = None,
    group: Text = None,
    node: Text = None,
    device: Text = None,
    kind: Text = None,
    q: Text = None,
    since: Instant = None,
    until: Instant = None,
    flapping: bool | None = None,
) -> AlarmQuery:
    """Gives the filters of lists and counts, within what the asker may see."""
    schools = who.schools("alarms.read")
    if school is not None:
        schools = frozenset({school}) if schools is None else schools & {school}
    states = AlarmFilter.OPEN.states if state is None and open is None else frozenset(AlarmState)
    if state is not None:
        states &= state.states
    if open is not None:
        states &= OPEN if open else {AlarmState.NORMAL}
    return AlarmQuery(
        schools=schools, states=states, severity=severity, district=district, group=group, node=node,
        device=device, kind=kind, q=q, since_ms=since, until_ms=until, flapping=flapping,
    )  # fmt: skip


Wanted = Annotated[AlarmQuery, Depends(wanted_alarms)]


@router.get("")
async def list_alarms(
    session: Reading, wanted: Wanted, paging: PageQuery, sort: AlarmSort = AlarmSort.NEWEST
) -> Page[Alarm]:
    """Lists alarms, newest first or worst first; open ones unless `state` or `open` says otherwise.

    `state=open` gives exactly what walls and the status count as open: alarms that stand, and alarms that
    are over but not acknowledged. Alarms that are the consequence of another one (a school without its
    link) are not open but `suppressed`, those put aside until a time are `shelved`; `normal` gives the
    closed ones, `all` everything. `q` looks in title, kind, metric, place and the school's name, diacritics
    ignored; each word must be somewhere. `since` and `until` are about when an alarm was raised.
    """
    after = paging.after(*sort.key_types)
    found = await listing.list_alarms(session, wanted, sort=sort, after=after, count=paging.limit + 1)
    return paging.page(found, sort.key, lambda alarm: alarm)


@router.get("/facets")
async def count_alarms(session: Reading, wanted: Wanted) -> AlarmCounts:
    """Counts alarms by state and severity under the filters of the list, but for `state` and `open`.

    The words mean what they mean on the wall and in the status. `closed` is counted only for a list that has
    closed ones, and else 0.
    """
    return await listing.count_alarms(session, wanted)


@router.post("/acknowledge")
async def acknowledge_many(
    request: Request, session: Transaction, who: Operator, trail: Trailing, said: BulkAcknowledgement
) -> BulkAcknowledged:
    """Acknowledges many alarms; those that cannot be are named with the reason, the others are done."""
    now_ms: int = request.app.state.now_ms()
    done: list[Alarm] = []
    refused: list[Refused] = []
    known = {alarm.id: alarm for alarm in await service.get_alarms(session, said.ids)}
    for alarm_id in sorted(set(said.ids)):  # in one order, so that two people at once do not block each other
        alarm = known.get(alarm_id)
        if alarm is None or not who.may("alarms.acknowledge", alarm.school):
            refused.append(Refused(id=alarm_id, detail="there is no such alarm"))
            continue
        try:
            taken = await service.acknowledge(session, alarm_id, who.display_name, said.comment, now_ms)
        except Conflict as conflict:
            refused.append(Refused(id=alarm_id, detail=str(conflict)))
            continue
        await _note(trail, "acknowledge", alarm, taken, said.comment)
        done.append(taken)
    if done:
        _tell(request, session, [alarm.id for alarm in done])
    return BulkAcknowledged(acknowledged=done, refused=refused)


@router.get("/{alarm_id}")
async def get_alarm(session: Reading, who: Reader, alarm_id: str) -> AlarmDetail:
    """Gives one alarm, open or closed, with everything that happened to it."""
    alarm = await service.get_alarm(session, alarm_id)
    if alarm is None or not who.may("alarms.read", alarm.school):
        raise service.missing(alarm_id)
    steps = await listing.history(session, alarm_id)
    return AlarmDetail(alarm=alarm, events=[_happened(event, cause) for event, cause in steps])


@router.post("/{alarm_id}/acknowledge")
async def acknowledge(
    request: Request,
    session: Transaction,
    who: Operator,
    trail: Trailing,
    alarm_id: str,
    said: Acknowledgement,
) -> Alarm:
    """Acknowledges an alarm in the name of whoever asks."""
    before, now_ms = await _allowed(request, session, who, alarm_id)
    alarm = await service.acknowledge(session, alarm_id, who.display_name, said.comment, now_ms)
    await _note(trail, "acknowledge", before, alarm, said.comment)
    _tell(request, session, [alarm_id])
    return alarm


@router.post("/{alarm_id}/shelve")
async def shelve(
    request: Request, session: Transaction, who: Operator, trail: Trailing, alarm_id: str, shelf: Shelf
) -> Alarm:
    """Puts an alarm aside for some hours; it is not open meanwhile, and comes back by itself."""
    before, now_ms = await _allowed(request, session, who, alarm_id)
    until_ms = now_ms + round(shelf.hours * HOUR_MS)
    alarm = await service.shelve(session, alarm_id, who.display_name, shelf.why, until_ms, now_ms)
    await _note(trail, "shelve", before, alarm, shelf.why)
    _tell(request, session, [alarm_id])
    return alarm


@router.post("/{alarm_id}/unshelve")
async def unshelve(
    request: Request, session: Transaction, who: Operator, trail: Trailing, alarm_id: str
) -> Alarm:
    """Takes an alarm off its shelf before its time."""
    before, now_ms = await _allowed(request, session, who, alarm_id)
    alarm = await service.unshelve(session, alarm_id, who.display_name, now_ms)
    await _note(trail, "unshelve", before, alarm)
    _tell(request, session, [alarm_id])
    return alarm


@router.post("/{alarm_id}/comments", status_code=201)
async def comment(
    request: Request, session: Transaction, who: Operator, trail: Trailing, alarm_id: str, said: Comment
) -> Happened:
    """Adds a comment to an alarm's history, open or closed."""
    alarm, now_ms = await _allowed(request, session, who, alarm_id)
    await trail.note("alarm.comment", f"alarm:{alarm_id}", unit=alarm.school, text=said.text)
    return _happened(await service.comment_on(session, alarm_id, who.display_name, said.text, now_ms), None)


async def _allowed(
    request: Request, session: Transaction, who: Principal, alarm_id: str
) -> tuple[Alarm, int]:
    """Gives the alarm and the time (ms); raises `NotFound`, or `Forbidden` where the asker may not act."""
    found = await service.get_alarm(session, alarm_id)
    if found is None:
        raise service.missing(alarm_id)
    require_school(who, "alarms.acknowledge", found.school)
    return found, request.app.state.now_ms()


async def _note(trail: Trail, what: str, before: Alarm, after: Alarm, text: str = "") -> None:
    states = ({"state": each.state, "shelved_until_ms": each.shelved_until_ms} for each in (before, after))
    was, now = states
    await trail.note(
        f"alarm.{what}", f"alarm:{after.id}", unit=after.school, before=was, after=now, text=text
    )


def _tell(request: Request, session: Transaction, ids: list[str]) -> None:
    events: Events = request.app.state.events
    events.publish_after_commit(session, "hub/changed/alarms", {"ids": ids})


def _happened(event: AlarmEvent, cause: AlarmRow | None) -> Happened:
    return Happened(
        at_ms=event.ts_ms, event=ChangeKind(event.kind), by=event.by, text=event.comment,
        state=AlarmState(event.state), severity=event.severity,
        cause=None if cause is None else Cause.model_validate(cause),
    )  # fmt: skip
