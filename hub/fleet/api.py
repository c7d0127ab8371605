"""`/api/v1/agents`: the agents, what each should be, and what they are asked for."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from devices.sections import read_configuration
from devices.wire.topics import TopicError, check_id
from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Conflict, Fault, Invalid, NotFound
from hub.events import Events
from hub.fleet import rules, service
from hub.fleet.rules import ConfigState
from hub.fleet.schemas import (
    Agent,
    AgentRequestOut,
    ConfigurationIn,
    ConfigurationOut,
    ConfigurationVersion,
    DiagnoseIn,
    RollbackIn,
)
from hub.fleet.service import CHANGED, Key
from hub.fleet.shown import (
    agent,
    configuration_shown,
    in_scope,
    no_agent,
    request_shown,
    school_of,
    version_shown,
)
from hub.fleet.tables import AgentConfiguration
from hub.live.picture import Picture
from hub.live.search import matches
from hub.organisation import service as organisation
from hub.web.access import permission
from hub.web.principal import PermissionName, Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1", tags=["agents"])

Reader = Annotated[Principal, Depends(permission("agents.read"))]
Writer = Annotated[Principal, Depends(permission("agents.write"))]
Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]
Part = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


@router.get("/agents")
async def list_agents(
    request: Request,
    who: Reader,
    session: Reading,
    paging: PageQuery,
    school: Text = None,
    q: Text = None,
    problem: bool | None = None,
    version: Text = None,
    config: ConfigState | None = None,
) -> Page[Agent]:
    """Lists agents by school; `problem=true` gives those that are away or say that something is wrong."""
    picture = _picture(request)
    scope = who.schools("agents.read")
    wanted = await service.wanted_configurations(session)
    seen = {key[:2] for key in picture.sorted_keys() if not key[2]}
    keys = sorted(key for key in seen | wanted.keys() if in_scope(picture, key, scope))
    names = await organisation.names(session, today())
    updates = await service.last_requests(session, "update", keys)
    after = paging.after(str, str)
    found = []
    for key in keys:
        if after is not None and key <= after:
            continue
        if school is not None and school_of(picture, key) != school:
            continue
        if q and not matches(q, *key, names.get(school_of(picture, key))):
            continue
        one = agent(picture, key, names, wanted.get(key), updates.get(key))
        if version not in {None, one.version} or config not in {None, one.config.state}:
            continue
        if problem in {None, _has_problem(one)}:
            found.append(one)
        if len(found) > paging.limit:
            break
    return paging.page(found, lambda one: (one.group, one.node), lambda one: one)


def _has_problem(one: Agent) -> bool:
    away = one.presence is None or one.presence.state != "born"
    return away or bool(one.problem) or one.config.state in {"refused", "rolled_back"}


@router.get("/agents/{group}/{node}")
async def get_agent(request: Request, group: Part, node: Part, who: Reader, session: Reading) -> Agent:
    """Gives one agent."""
    key = await _known(request, session, (group, node), who, "agents.read")
    wanted = await service.wanted_configurations(session, key)
    names = await organisation.names(session, today())
    update = await service.last_requests(session, "update", [key])
    return agent(_picture(request), key, names, wanted.get(key), update.get(key))


@router.get("/agents/{group}/{node}/configuration")
async def get_configuration(
    request: Request,
    group: Part,
    node: Part,
    who: Writer,
    session: Reading,
    version: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> ConfigurationOut:
    """Gives the configuration that is wanted, or an earlier version, without its secrets."""
    key = await _known(request, session, (group, node), who, "agents.write")
    return configuration_shown(await _version(session, key, version))


@router.put("/agents/{group}/{node}/configuration", status_code=201)
async def put_configuration(
    wanted: ConfigurationIn,
    request: Request,
    group: Part,
    node: Part,
    who: Writer,
    session: Transaction,
    trail: Trailing,
) -> ConfigurationOut:
    """Wants a new version; the agent gets it at once, or when it comes, even for the first time."""
    key = (group, node)
    await _in_scope(request, session, key, who, "agents.write")
    _check_ids(key)
    before = (await service.wanted_configurations(session, key)).get(key)
    _check_base(before, wanted.base_version)
    content = wanted.model_dump(mode="json", exclude_unset=True, exclude={"base_version", "note"})
    content = checked(rules.unhidden(content, json.loads(before.content) if before else {}))
    made = await service.add_configuration(session, key, content, who.name, _now(request), wanted.note)
    await _noted(request, session, trail, "agent.configure", made, wanted.note)
    return configuration_shown(made)


@router.get("/agents/{group}/{node}/configurations")
async def list_configurations(
    request: Request, group: Part, node: Part, who: Reader, session: Reading, paging: PageQuery
) -> Page[ConfigurationVersion]:
    """Lists the versions of an agent's configuration, the newest first."""
    key = await _known(request, session, (group, node), who, "agents.read")
    after = paging.after(int)
    found = await service.list_configurations(
        session, key, int(after[0]) if after else None, paging.limit + 1
    )
    return paging.page(found, lambda row: (row.version,), version_shown)


@router.post("/agents/{group}/{node}/configuration/rollback", status_code=201)
async def roll_back(
    wanted: RollbackIn,
    request: Request,
    group: Part,
    node: Part,
    who: Writer,
    session: Transaction,
    trail: Trailing,
) -> ConfigurationOut:
    """Wants an earlier version again: a new version with its content."""
    key = await _known(request, session, (group, node), who, "agents.write")
    earlier = await _version(session, key, wanted.version)
    note = f"as version {earlier.version}"
    content = checked(json.loads(earlier.content))
    made = await service.add_configuration(session, key, content, who.name, _now(request), note)
    await _noted(request, session, trail, "agent.configure", made, note)
    return configuration_shown(made)


@router.post("/agents/{group}/{node}/diagnose", status_code=202)
async def diagnose(
    wanted: DiagnoseIn,
    request: Request,
    group: Part,
    node: Part,
    who: Writer,
    session: Transaction,
    trail: Trailing,
) -> AgentRequestOut:
    """Asks an agent for the end of its log, a test of one device's driver, or of its network."""
    key = await _known(request, session, (group, node), who, "agents.write")
    content = wanted.model_dump(exclude_none=True)
    made = await service.add_request(session, key, "diagnose", content, who.name, _now(request))
    unit = school_of(_picture(request), key)
    await trail.note("agent.diagnose", f"node:{group}/{node}", unit=unit, after={"id": made.id, **content})
    wake(request, session)
    return request_shown(made)


@router.get("/agents/{group}/{node}/requests")
async def list_requests(
    request: Request, group: Part, node: Part, who: Writer, session: Reading, paging: PageQuery
) -> Page[AgentRequestOut]:
    """Lists what an agent was asked for, the newest first."""
    key = await _known(request, session, (group, node), who, "agents.write")
    after = paging.after(int, str)
    before = (int(after[0]), str(after[1])) if after else None
    found = await service.list_requests(session, key, before, paging.limit + 1)
    return paging.page(found, lambda row: (row.created_ms, row.id), request_shown)


@router.get("/agent-requests/{request_id}")
async def get_request(
    request: Request,
    request_id: Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")],
    who: Writer,
    session: Reading,
) -> AgentRequestOut:
    """Gives a request with its answer."""
    found = await service.find_request(session, request_id)
    scope = who.schools("agents.write")
    if found is None or not in_scope(_picture(request), (found.group_code, found.node), scope):
        raise NotFound(
            said("there is no request {request_id}", request_id=request_id),
            field="request_id",
            value=request_id,
            fix="list the requests of its agent",
        )
    return request_shown(found)


# ---------------------------------------------------------------- shared by the routes of the fleet


def checked(content: dict[str, Any]) -> dict[str, Any]:
    """Gives a configuration that agents can be given; raises `Invalid` naming all that is wrong."""
    found, wrong = read_configuration(content)
    if found is None:
        faults = tuple(Fault(each.field, each.value, each.why, each.fix) for each in wrong)
        raise Invalid("the configuration cannot be used", faults=faults)
    return content


def wake(request: Request, session: Transaction) -> None:
    """Has the sender look as soon as the session has committed."""
    events: Events = request.app.state.events
    events.publish_after_commit(session, CHANGED, {})


def _picture(request: Request) -> Picture:
    picture: Picture = request.app.state.picture
    return picture


def _now(request: Request) -> int:
    now_ms: int = request.app.state.now_ms()
    return now_ms


async def _in_scope(
    request: Request, session: Reading, key: Key, who: Principal, name: PermissionName
) -> None:
    """Raises `NotFound` unless the agent is one of the asker's schools, which exist."""
    school = school_of(_picture(request), key)
    if not in_scope(_picture(request), key, who.schools(name)):
        raise no_agent(key)
    if _picture(request).get((*key, "")) is None and not await organisation.get_units(session, [school]):
        raise no_agent(key)


async def _known(request: Request, session: Reading, key: Key, who: Principal, name: PermissionName) -> Key:
    """Gives the key of an agent that came once or is wanted; raises `NotFound`."""
    await _in_scope(request, session, key, who, name)
    if _picture(request).get((*key, "")) is None and not await service.wanted_configurations(session, key):
        raise no_agent(key)
    return key


async def _version(session: Reading, key: Key, version: int | None) -> AgentConfiguration:
    if version is None:
        found = (await service.wanted_configurations(session, key)).get(key)
    else:
        found = await service.find_configuration(session, key, version)
    if found is None:
        raise NotFound("there is no such version", field="version", value=version,
                       fix="list its versions; one that never had a configuration has none")  # fmt: skip
    return found


def _check_ids(key: Key) -> None:
    try:
        check_id(key[1])
    except TopicError as error:
        raise Invalid(str(error), field="node", value=key[1], fix="use the id that the agent has") from None


def _check_base(before: AgentConfiguration | None, base_version: int) -> None:
    newest = before.version if before else 0
    if base_version != newest:
        raise Conflict(
            said("the newest version is {newest}", newest=newest),
            field="base_version",
            value=base_version,
            fix="read the configuration again and make the change in it",
        )


async def _noted(
    request: Request, session: Transaction, trail: Trailing, action: str, made: AgentConfiguration, text: str
) -> None:
    key = (made.group_code, made.node)
    after = {"version": made.version, "hash": made.hash}
    unit = school_of(_picture(request), key)
    await trail.note(action, f"node:{key[0]}/{key[1]}", unit=unit, after=after, text=text)
    wake(request, session)
