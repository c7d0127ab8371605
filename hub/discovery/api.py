"""`/api/v1/proposals`: what agents found, claimed into rooms and the register, or dismissed."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from devices.kind import kinds
from hub.assets import service as assets
from hub.assets.schemas import DeviceKey
from hub.assets.service import Act
from hub.assets.tables import Asset
from hub.assets.types import TYPES
from hub.audit.trail import Trailing
from hub.clock import today
from hub.discovery import rules, service
from hub.discovery.schemas import ClaimIn, DeedIn, ProposalOut, ScanIn, State
from hub.discovery.service import Key
from hub.discovery.tables import Proposal
from hub.errors import Conflict, Fault, Invalid, NotFound
from hub.fleet import service as fleet
from hub.fleet.api import checked, wake
from hub.fleet.schemas import AgentRequestOut
from hub.fleet.shown import in_scope, no_agent, request_shown, school_of
from hub.live.picture import Picture
from hub.organisation.tables import Room
from hub.web.access import permission, require_school
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["discovery"])

Reader = Annotated[Principal, Depends(permission("agents.read"))]
Writer = Annotated[Principal, Depends(permission("agents.write"))]
Claimer = Annotated[Principal, Depends(permission("registry.claim"))]
Text = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]
Part = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
RowNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/agents/{group}/{node}/scan", status_code=202)
async def scan(
    wanted: ScanIn,
    request: Request,
    group: Part,
    node: Part,
    who: Writer,
    session: Transaction,
    trail: Trailing,
) -> AgentRequestOut:
    """Asks an agent to search its network; what it finds becomes proposals."""
    key, picture = (group, node), _picture(request)
    if picture.get((*key, "")) is None or not in_scope(picture, key, who.schools("agents.write")):
        raise no_agent(key)
    content = wanted.model_dump(exclude_defaults=True)
    made = await fleet.add_request(session, key, "scan", content, who.name, _now(request))
    unit = school_of(picture, key)
    await trail.note("agent.scan", f"node:{group}/{node}", unit=unit, after={"id": made.id, **content})
    wake(request, session)
    return request_shown(made)


@router.get("/proposals")
async def list_proposals(
    who: Reader,
    session: Reading,
    paging: PageQuery,
    school: Text = None,
    node: Text = None,
    state: State | None = None,
) -> Page[ProposalOut]:
    """Lists what agents found, the newest first."""
    after = paging.after(int)
    found = await service.page(
        session, who.schools("agents.read"), school=school, node=node, state=state,
        before_id=int(after[0]) if after else None, limit=paging.limit + 1,
    )  # fmt: skip
    return paging.page(found, lambda seen: (seen[0].id,), lambda seen: shown(*seen))


@router.post("/proposals/{proposal_id}/claim")
async def claim(
    wanted: ClaimIn,
    request: Request,
    proposal_id: RowNumber,
    who: Claimer,
    session: Transaction,
    trail: Trailing,
) -> ProposalOut:
    """Makes a proposal a device of its agent, in a room; the agent begins with it at once."""
    proposal, school = await _mine(session, proposal_id, who)
    if proposal.state == "claimed":
        raise Conflict(
            said("{by} has claimed it already, as {device}", by=proposal.by, device=proposal.device),
            field="proposal_id",
            value=proposal_id,
            fix="see the device, or change it on its agent's page",
        )
    act = Act(who.name, _now(request), today())
    room = "-" if wanted.room == "-" else await assets.check_room(session, school, wanted.room, act.today)
    device = await _device(request, session, proposal, wanted, school, room)
    key = proposal.group_code, proposal.node
    content = await _content(request, session, key)
    made = await fleet.add_configuration(
        session, key, _with(content, device), who.name, act.now_ms, f"claimed {device['id']}"
    )
    asset = await _asset(session, proposal, wanted, who, school, room, device, act)
    proposal.state, proposal.device = "claimed", device["id"]
    proposal.by, proposal.changed_ms = who.name, act.now_ms
    after = {"device": device["id"], "kind": device["kind"], "room": room, "version": made.version}
    if asset is not None:
        after["asset"] = asset.id
    await trail.note("proposal.claim", f"device:{key[0]}/{key[1]}/{device['id']}", unit=school, after=after)
    wake(request, session)
    return shown(proposal, school)


@router.post("/proposals/{proposal_id}/dismiss")
async def dismiss(
    wanted: DeedIn,
    request: Request,
    proposal_id: RowNumber,
    who: Claimer,
    session: Transaction,
    trail: Trailing,
) -> ProposalOut:
    """Says that a proposal is of no interest; found again it stays so, until it is another thing."""
    return await _become(request, session, trail, proposal_id, who, ("open", "dismissed"))


@router.post("/proposals/{proposal_id}/reopen")
async def reopen(
    wanted: DeedIn,
    request: Request,
    proposal_id: RowNumber,
    who: Claimer,
    session: Transaction,
    trail: Trailing,
) -> ProposalOut:
    """Takes a dismissal back."""
    return await _become(request, session, trail, proposal_id, who, ("dismissed", "open"))


def shown(proposal: Proposal, school: str) -> ProposalOut:
    """Gives a proposal as the API shows it."""
    found = service.found_of(proposal)
    return ProposalOut(
        id=proposal.id, group=proposal.group_code, node=proposal.node, school=school, method=found.method,
        protocol=found.protocol, address=found.address, kind=found.kind or None, name=found.name,
        maker=found.maker, model=found.model, serial=found.serial, mac=found.mac,
        options=dict(found.options), first_ms=proposal.first_ms, seen_ms=proposal.seen_ms,
        state=proposal.state, device=proposal.device or None, by=proposal.by, changed_ms=proposal.changed_ms,
    )  # fmt: skip


# ---------------------------------------------------------------- a claim's parts


async def _mine(session: Transaction, proposal_id: int, who: Principal) -> tuple[Proposal, str]:
    found = await service.find(session, proposal_id, who.schools("registry.claim"))
    if found is None:
        raise NotFound("there is no such proposal", field="proposal_id", value=proposal_id,
                       fix="use an id of GET /api/v1/proposals")  # fmt: skip
    return found


async def _become(
    request: Request,
    session: Transaction,
    trail: Trailing,
    proposal_id: int,
    who: Principal,
    change: tuple[str, str],
) -> ProposalOut:
    proposal, school = await _mine(session, proposal_id, who)
    before, after = change
    if proposal.state not in change:
        raise Conflict(
            said("the proposal is {state}", state=proposal.state),
            field="proposal_id",
            value=proposal_id,
            fix=said("only what is {before} can become {after}", before=before, after=after),
        )
    if proposal.state == before:
        proposal.state, proposal.by, proposal.changed_ms = after, who.name, _now(request)
        target = f"node:{proposal.group_code}/{proposal.node}"
        await trail.note("proposal.change", target, unit=school, after={"id": proposal.id, "state": after})
    return shown(proposal, school)


async def _device(
    request: Request, session: Transaction, proposal: Proposal, wanted: ClaimIn, school: str, room: str
) -> dict[str, Any]:
    found = service.found_of(proposal)
    kind = wanted.kind or found.kind or rules.ANY_KIND
    if kind not in kinds():
        raise Invalid("there is no such kind of device", field="kind", value=kind,
                      fix="see the page of supported devices")  # fmt: skip
    group = proposal.group_code
    taken = {key[2] for key in _picture(request).sorted_keys() if key[0] == group and key[2]}
    for each, configuration in (await fleet.wanted_configurations(session)).items():
        if each[0] == group:
            taken |= {one["id"] for one in json.loads(configuration.content).get("devices") or []}
    if wanted.device_id is not None and wanted.device_id.lower() in {each.lower() for each in taken}:
        raise Conflict("another device of this school has this id", field="device_id",
                       value=wanted.device_id, fix="choose another, or leave it out")  # fmt: skip
    place = None if room == "-" else await session.get(Room, (school, room))
    return rules.section(
        found, kind=kind, device=wanted.device_id or rules.device_id(room, kind, taken), room=room,
        room_type=place.type if place else "", name=wanted.name or found.name, options=wanted.options,
    )  # fmt: skip


async def _content(request: Request, session: Transaction, key: Key) -> dict[str, Any]:
    """The configuration that the device joins; an agent whose devices only its own file knows has none."""
    configuration = (await fleet.wanted_configurations(session, key)).get(key)
    content: dict[str, Any] = json.loads(configuration.content) if configuration else {}
    has_own = any(each[:2] == key and each[2] for each in _picture(request).sorted_keys())
    if content.get("devices") is None and has_own:
        raise Conflict(
            "the hub does not know how this agent's devices are configured: its own file says it",
            field="node",
            value="/".join(key),
            fix="give it a configuration with all its devices first, on the agent's page",
        )
    return content


def _with(content: dict[str, Any], device: dict[str, Any]) -> dict[str, Any]:
    number = len(content.get("devices") or [])
    try:
        return checked(rules.with_device(content, device))
    except Invalid as error:
        own = tuple(
            Fault(each.field.removeprefix(f"devices[{number}]."), each.value, each.detail, each.fix)
            for each in error.faults
        )
        raise Invalid("the device cannot be configured like that", faults=own) from None


async def _asset(
    session: Transaction,
    proposal: Proposal,
    wanted: ClaimIn,
    who: Principal,
    school: str,
    room: str,
    device: dict[str, Any],
    act: Act,
) -> Asset | None:
    if wanted.asset_id is None and not wanted.new_asset:
        return None
    require_school(who, "assets.write", school)
    place = "" if room == "-" else room
    if wanted.asset_id is not None:
        asset = await assets.find(session, who.schools("assets.write"), asset_id=wanted.asset_id)
        await assets.move(session, asset, school, place, act, text="claimed")
    else:
        covering = (each.id for each in TYPES.values() if device["kind"] in each.kinds)
        facts = {
            "name": device.get("name")
            or " ".join(filter(None, (proposal.maker, proposal.model)))
            or device["id"],
            "type": next(covering, ""),
            "serial": proposal.serial,
            "maker": proposal.maker,
            "model": proposal.model,
            "status": "in_use",
        }
        asset = await assets.create(session, school, place, facts, None, act)
    key = DeviceKey(group=proposal.group_code, node=proposal.node, device=device["id"])
    await assets.link(session, asset, key, act, is_planned=True)
    return asset


def _picture(request: Request) -> Picture:
    picture: Picture = request.app.state.picture
    return picture


def _now(request: Request) -> int:
    now_ms: int = request.app.state.now_ms()
    return now_ms
