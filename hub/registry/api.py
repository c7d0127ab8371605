"""Claiming nodes, the history of presence, and quarantine."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from hub.errors import Conflict, Invalid, NotFound
from hub.events import Events
from hub.organisation import service as organisation
from hub.organisation.api import LOCAL_TIME
from hub.organisation.rules import RoomSeen
from hub.registry import service
from hub.registry.rules import Claim
from hub.registry.schemas import ClaimIn, ClaimOut, PresenceOut, QuarantineOut, ReplayOut
from hub.registry.tables import PresenceEvent, Quarantine
from hub.web.access import permission, require_school
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1", tags=["registry"])

Name = Annotated[str | None, Query(max_length=255)]
RowNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/nodes/{group}/{node}/claim")
async def claim_node(
    group: str,
    node: str,
    wanted: ClaimIn,
    who: Annotated[Principal, Depends(permission("registry.claim"))],
    session: Transaction,
    request: Request,
) -> ClaimOut:
    """Puts a node and all its devices into a room of a school."""
    require_school(who, "registry.claim", wanted.school)
    today = datetime.now(LOCAL_TIME).date()
    if wanted.school not in await organisation.school_codes(session, today):
        raise Invalid("there is no such school", field="school", value=wanted.school,
                      fix="use a code of GET /api/v1/organisation/schools")  # fmt: skip
    before = await service.node_claim(session, group, node)
    if before is not None and before.school != wanted.school:
        require_school(who, "registry.claim", before.school)
        if before.school == group:
            raise Conflict(
                f"the node is {group}'s own", field="school", value=wanted.school, fix=f"use {group}"
            )
    if not await service.claim_node(session, group, node, Claim(wanted.school, wanted.room)):
        raise NotFound(f"no node {node} of group {group} was ever heard", field="node", value=node,
                       fix="use a node of GET /api/v1/nodes")  # fmt: skip
    if wanted.room != "-":
        await organisation.record_rooms(session, [RoomSeen(wanted.school, wanted.room)])
    events: Events = request.app.state.events
    events.publish_after_commit(session, "hub/changed/registry", {"group": group, "node": node})
    return ClaimOut(group=group, node=node, school=wanted.school, room=wanted.room)


@router.get("/presence")
async def list_presence(
    who: Annotated[Principal, Depends(permission("presence.read"))],
    session: Reading,
    paging: PageQuery,
    group: Name = None,
    node: Name = None,
    device: Annotated[str | None, Query(max_length=255, description="empty: nodes themselves only")] = None,
) -> Page[PresenceOut]:
    """Lists changes of presence, the newest first."""
    last = paging.after(int, int)
    found = await service.list_presence(
        session,
        group=group,
        node=node,
        device=device,
        schools=who.schools("presence.read"),
        after=(int(last[0]), int(last[1])) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda row: (row.since_ms, row.id), _presence)


@router.get("/quarantine")
async def list_quarantine(
    who: Annotated[Principal, Depends(permission("quarantine.read"))],
    session: Reading,
    paging: PageQuery,
    group: Name = None,
    reason: Name = None,
) -> Page[QuarantineOut]:
    """Lists payloads that could not be used, the newest first."""
    last = paging.after(int)
    found = await service.list_quarantine(
        session,
        group=group,
        reason=reason,
        schools=who.schools("quarantine.read"),
        before_id=int(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda row: (row.id,), _quarantine)


@router.post("/quarantine/{quarantine_id}/replay", status_code=202)
async def replay(
    quarantine_id: RowNumber,
    who: Annotated[Principal, Depends(permission("quarantine.replay"))],
    session: Reading,
    request: Request,
) -> ReplayOut:
    """Asks ingest to read a quarantined payload again."""
    group = await service.quarantine_group(session, quarantine_id)
    if group is None:
        raise NotFound("there is no such quarantined payload", field="quarantine_id", value=quarantine_id,
                       fix="use an id of GET /api/v1/quarantine")  # fmt: skip
    require_school(who, "quarantine.replay", group)
    events: Events = request.app.state.events
    events.publish("hub/request/quarantine-replay", {"ids": [quarantine_id]})
    return ReplayOut(id=quarantine_id)


def _presence(row: PresenceEvent) -> PresenceOut:
    return PresenceOut(
        group=row.group_code,
        node=row.node,
        device=row.device or None,
        state=row.state,
        reason=row.reason,
        since_ms=row.since_ms,
    )


def _quarantine(row: Quarantine) -> QuarantineOut:
    return QuarantineOut(
        id=row.id,
        received_ms=row.received_ms,
        group=row.group_code,
        node=row.node,
        device=row.device or None,
        topic=row.topic,
        reason=row.reason,
        detail=row.detail,
        size=row.size,
        replayed_ms=row.replayed_ms,
    )
