"""Claiming nodes, the history of presence, and quarantine."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Conflict, Invalid, NotFound
from hub.events import Events
from hub.organisation import service as organisation
from hub.organisation.rules import RoomSeen
from hub.registry import reasons, service
from hub.registry.decoding import decoded
from hub.registry.rules import Claim
from hub.registry.schemas import (
    ClaimIn,
    ClaimOut,
    PresenceOut,
    QuarantineDetail,
    QuarantineOut,
    ReplayIn,
    ReplayOut,
    ReplaysOut,
)
from hub.registry.tables import PresenceEvent, Quarantine
from hub.web.access import permission, require_school
from hub.web.moments import Instant
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["registry"])

NO_NUL = r"^[^\x00]*$"
Name = Annotated[str | None, Query(max_length=255, pattern=NO_NUL)]
RowNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
QuarantineReader = Annotated[Principal, Depends(permission("quarantine.read"))]
Replayer = Annotated[Principal, Depends(permission("quarantine.replay"))]

MAX_SHOWN_BYTES = 4096


@router.post("/nodes/{group}/{node}/claim")
async def claim_node(
    group: str,
    node: str,
    wanted: ClaimIn,
    who: Annotated[Principal, Depends(permission("registry.claim"))],
    session: Transaction,
    trail: Trailing,
    request: Request,
) -> ClaimOut:
    """Puts a node and all its devices into a room of a school."""
    require_school(who, "registry.claim", wanted.school)
    if wanted.school not in await organisation.school_codes(session, today()):
        raise Invalid("there is no such school", field="school", value=wanted.school,
                      fix="use a code of GET /api/v1/organisation/schools")  # fmt: skip
    before = await service.node_claim(session, group, node)
    if before is not None and before.school != wanted.school:
        require_school(who, "registry.claim", before.school)
        if before.school == group:
            raise Conflict(
                said("the node is {group}'s own", group=group),
                field="school",
                value=wanted.school,
                fix=said("use {group}", group=group),
            )
    if not await service.claim_node(session, group, node, Claim(wanted.school, wanted.room)):
        raise NotFound(
            said("no node {node} of group {group} was ever heard", node=node, group=group),
            field="node",
            value=node,
            fix="use a node of GET /api/v1/nodes",
        )
    if wanted.room != "-":
        await organisation.record_rooms(session, [RoomSeen(wanted.school, wanted.room)])
    events: Events = request.app.state.events
    await trail.note(
        "node.claim",
        f"node:{group}/{node}",
        unit=wanted.school,
        before={"school": before.school, "room": before.room} if before else None,
        after={"school": wanted.school, "room": wanted.room},
    )
    events.publish_after_commit(session, "hub/changed/registry", {"group": group, "node": node})
    return ClaimOut(group=group, node=node, school=wanted.school, room=wanted.room)


@router.get("/presence")
async def list_presence(
    who: Annotated[Principal, Depends(permission("presence.read"))],
    session: Reading,
    paging: PageQuery,
    group: Name = None,
    node: Name = None,
    device: Annotated[
        str | None, Query(max_length=255, pattern=NO_NUL, description="empty: nodes themselves only")
    ] = None,
    with_node: Annotated[bool, Query(description="also the node's own changes, with `device`")] = False,
) -> Page[PresenceOut]:
    """Lists changes of presence, the newest first.

    While a node is away nothing is heard of its devices, and nothing is recorded of them: ask `with_node`
    to see both.
    """
    last = paging.after(int, int)
    found = await service.list_presence(
        session,
        group=group,
        node=node,
        devices=None if device is None else {device, ""} if with_node else {device},
        schools=who.schools("presence.read"),
        after=(int(last[0]), int(last[1])) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda row: (row[0].since_ms, row[0].id), lambda row: _presence(*row))


@router.get("/quarantine")
async def list_quarantine(
    who: QuarantineReader,
    session: Reading,
    paging: PageQuery,
    group: Name = None,
    school: Name = None,
    node: Name = None,
    reason: Name = None,
    q: Annotated[str | None, Query(max_length=255, pattern=NO_NUL, description="in topic and detail")] = None,
    since: Instant = None,
    until: Instant = None,
) -> Page[QuarantineOut]:
    """Lists payloads that could not be used, the newest first."""
    last = paging.after(int)
    wanted = service.QuarantineFilter(
        who.schools("quarantine.read"), group, school, node, reason, q, since, until
    )
    found = await service.list_quarantine(
        session, wanted, before_id=int(last[0]) if last else None, limit=paging.limit + 1
    )
    return paging.page(found, lambda row: (row.id,), lambda row: QuarantineOut(**_quarantine(row)))


@router.get("/quarantine/{quarantine_id}")
async def get_quarantined(
    quarantine_id: RowNumber, who: QuarantineReader, session: Reading
) -> QuarantineDetail:
    """Gives a payload that could not be used: its bytes, and as much of it as can be read."""
    found = await service.quarantined_payload(session, quarantine_id)
    schools = who.schools("quarantine.read")
    if found is None or (schools is not None and found[1] not in schools):
        raise _missing(quarantine_id)
    row, school = found
    return QuarantineDetail(
        **_quarantine(row),
        school=school,
        payload_hex=row.payload[:MAX_SHOWN_BYTES].hex(),
        truncated=len(row.payload) > MAX_SHOWN_BYTES,
        decoded=decoded(row.payload),
    )


@router.post("/quarantine/replay", status_code=202)
async def replay_several(
    wanted: ReplayIn, who: Replayer, session: Transaction, trail: Trailing, request: Request
) -> ReplaysOut:
    """Asks ingest to read quarantined payloads again; the list says what came of it."""
    ids = list(dict.fromkeys(wanted.ids))
    found = await service.quarantine_schools(session, ids)
    for school in set(found.values()):
        require_school(who, "quarantine.replay", school)
    requested = [number for number in ids if number in found]
    if requested:
        events: Events = request.app.state.events
        for number in requested:
            await trail.note("quarantine.replay", f"quarantine:{number}", unit=found[number])
        events.publish_after_commit(session, "hub/request/quarantine-replay", {"ids": requested})
    return ReplaysOut(requested=requested, missing=[number for number in ids if number not in found])


@router.post("/quarantine/{quarantine_id}/replay", status_code=202)
async def replay(
    quarantine_id: RowNumber, who: Replayer, session: Transaction, trail: Trailing, request: Request
) -> ReplayOut:
    """Asks ingest to read a quarantined payload again."""
    found = await service.quarantine_schools(session, [quarantine_id])
    if quarantine_id not in found:
        raise _missing(quarantine_id)
    require_school(who, "quarantine.replay", found[quarantine_id])
    events: Events = request.app.state.events
    await trail.note("quarantine.replay", f"quarantine:{quarantine_id}", unit=found[quarantine_id])
    events.publish_after_commit(session, "hub/request/quarantine-replay", {"ids": [quarantine_id]})
    return ReplayOut(id=quarantine_id)


def _missing(quarantine_id: int) -> NotFound:
    return NotFound("there is no such quarantined payload", field="quarantine_id", value=quarantine_id,
                    fix="use an id of GET /api/v1/quarantine")  # fmt: skip


def _presence(row: PresenceEvent, until_ms: int | None) -> PresenceOut:
    vi, en = reasons.said(row.reason)
    return PresenceOut(
        group=row.group_code,
        node=row.node,
        device=row.device or None,
        state=row.state,
        reason=reasons.code(row.reason),
        reason_vi=vi,
        reason_en=en,
        since_ms=row.since_ms,
        until_ms=until_ms,
    )


def _quarantine(row: Quarantine) -> dict[str, Any]:
    return {
        "id": row.id,
        "received_ms": row.received_ms,
        "group": row.group_code,
        "node": row.node,
        "device": row.device or None,
        "topic": row.topic,
        "reason": row.reason,
        "detail": row.detail,
        "size": row.size,
        "replayed_ms": row.replayed_ms,
        "tried_ms": row.tried_ms,
        "outcome": row.outcome or None,
        "outcome_detail": row.outcome_detail,
    }
