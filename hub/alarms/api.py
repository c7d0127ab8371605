"""Alarms over HTTP: list, look at one with its history, acknowledge."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from devices.kind import Severity
from hub.alarms import service
from hub.alarms.alarm import Alarm
from hub.alarms.schemas import Acknowledgement, AlarmDetail, AlarmFilter, AlarmHistory
from hub.events import Events
from hub.web.access import permission, require_school
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

Reader = Annotated[Principal, Depends(permission("alarms.read"))]
Operator = Annotated[Principal, Depends(permission("alarms.acknowledge"))]


@router.get("")
async def list_alarms(
    session: Reading,
    who: Reader,
    paging: PageQuery,
    state: AlarmFilter = AlarmFilter.OPEN,
    school: Annotated[str | None, Query(max_length=255)] = None,
    severity: Severity | None = None,
) -> Page[Alarm]:
    """Lists alarms, newest first.

    `state=open` gives exactly what walls and the status count as open: alarms that stand, and alarms that
    are over but not acknowledged. Alarms that are the consequence of another one (a school without its
    link) are not open but `suppressed`; `normal` gives the closed ones, `all` everything.
    """
    schools = who.schools("alarms.read")
    if school is not None:
        schools = frozenset({school}) if schools is None else schools & {school}
    key = paging.after(int, str)
    after = None if key is None else (int(key[0]), str(key[1]))
    found = await service.list_alarms(
        session, states=state.states, schools=schools, severity=severity, after=after, count=paging.limit + 1
    )
    return paging.page(found, lambda alarm: (alarm.raised_ms, alarm.id), lambda alarm: alarm)


@router.get("/{alarm_id}")
async def get_alarm(session: Reading, who: Reader, alarm_id: str) -> AlarmDetail:
    """Gives one alarm, open or closed, with everything that happened to it."""
    alarm = await _readable(session, who, alarm_id)
    events = await service.history(session, alarm_id)
    return AlarmDetail(alarm=alarm, history=[AlarmHistory.model_validate(event) for event in events])


@router.post("/{alarm_id}/acknowledge")
async def acknowledge(
    request: Request, session: Transaction, who: Operator, alarm_id: str, said: Acknowledgement
) -> Alarm:
    """Acknowledges an alarm in the name of whoever asks."""
    found = await service.get_alarm(session, alarm_id)
    if found is not None:
        require_school(who, "alarms.acknowledge", found.school)
    now_ms: int = request.app.state.now_ms()
    alarm = await service.acknowledge(session, alarm_id, who.display_name, said.comment, now_ms)
    events: Events = request.app.state.events
    events.publish_after_commit(session, "hub/changed/alarms", {"id": alarm_id})
    return alarm


async def _readable(session: Reading, who: Principal, alarm_id: str) -> Alarm:
    alarm = await service.get_alarm(session, alarm_id)
    if alarm is None or not who.may("alarms.read", alarm.school):
        raise service.missing(alarm_id)
    return alarm
