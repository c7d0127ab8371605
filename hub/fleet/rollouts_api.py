"""`/api/v1/rollouts`: changes of configuration and new software, brought to many agents in stages."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from hub.audit.trail import Trailing
from hub.errors import Conflict, Invalid, NotFound
from hub.fleet import service
from hub.fleet.api import Reader, Writer, checked, wake
from hub.fleet.rules import Plan, changed
from hub.fleet.schemas import RolloutDetail, RolloutIn, RolloutMember, RolloutOut, Stage, Target
from hub.fleet.service import Key
from hub.fleet.shown import in_scope
from hub.fleet.tables import Rollout, RolloutAgent
from hub.live.picture import Picture
from hub.organisation import service as organisation
from hub.web.principal import Schools
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/rollouts", tags=["agents"])

RolloutId = Annotated[int, Path(ge=1, le=2**62)]
_STATES = ("waiting", "pending", "in_step", "failed", "skipped")


@router.get("")
async def list_rollouts(who: Reader, session: Reading, paging: PageQuery) -> Page[RolloutOut]:
    """Lists roll-outs that stay within the asker's schools, the newest first."""
    after = paging.after(int)
    before = int(after[0]) if after else None
    found = await service.list_rollouts(session, who.schools("agents.read"), before, paging.limit + 1)
    members = {row.id: await service.members(session, row.id) for row in found[: paging.limit]}
    return paging.page(found, lambda row: (row.id,), lambda row: _shown(row, members[row.id]))


@router.post("", status_code=201)
async def begin(
    wanted: RolloutIn, who: Writer, request: Request, session: Transaction, trail: Trailing
) -> RolloutDetail:
    """Begins a roll-out; its first stage goes out at once."""
    if wanted.package is not None and await service.find_package(session, wanted.package) is None:
        raise Invalid("there is no such package", field="package", value=wanted.package,
                      fix="use a version of GET /api/v1/packages")  # fmt: skip
    keys = await _targets(request, session, wanted.target, who.schools("agents.write"))
    change = None
    if wanted.change is not None:
        change = wanted.change.model_dump(mode="json", exclude_unset=True)
        await _check_change(session, keys, change)
    plan = Plan(tuple(wanted.stages_percent), wanted.abort_percent, wanted.patience_s)
    made = await service.add_rollout(
        session, wanted.kind, wanted.title, plan, change, wanted.package, keys, who.name,
        request.app.state.now_ms(),
    )  # fmt: skip
    after = {"kind": wanted.kind, "package": wanted.package, "change": change, "agents": len(keys)}
    await trail.note("rollout.begin", f"rollout:{made.id}", unit=wanted.target.unit, after=after)
    wake(request, session)
    return _detail(made, await service.members(session, made.id))


@router.get("/{rollout_id}")
async def get_rollout(rollout_id: RolloutId, who: Reader, session: Reading) -> RolloutDetail:
    """Gives a roll-out with its stages and agents."""
    return _detail(*await _found(session, rollout_id, who.schools("agents.read")))


@router.post("/{rollout_id}/abort")
async def abort(
    rollout_id: RolloutId, who: Writer, request: Request, session: Transaction, trail: Trailing
) -> RolloutDetail:
    """Ends a roll-out: nobody else is asked, and who has not followed yet is wanted as before."""
    rollout, _ = await _found(session, rollout_id, who.schools("agents.write"))
    if rollout.state != "running":
        raise Conflict(
            said("the roll-out is {state}", state=rollout.state),
            field="rollout_id",
            value=rollout_id,
            fix="begin another one",
        )
    await service.end_rollout(session, rollout, "aborted", f"by {who.name}", request.app.state.now_ms())
    await trail.note("rollout.abort", f"rollout:{rollout.id}", unit=None)
    wake(request, session)
    return _detail(rollout, await service.members(session, rollout.id))


async def _targets(request: Request, session: Reading, target: Target, scope: Schools) -> list[Key]:
    """Gives the agents meant; raises `NotFound` or `Invalid`."""
    picture: Picture = request.app.state.picture
    wanted = await service.wanted_configurations(session)
    known = {key[:2] for key in picture.sorted_keys() if not key[2]} | wanted.keys()
    mine = {key for key in known if in_scope(picture, key, scope)}
    if target.nodes is not None:
        named = {(group, node) for group, _, node in (each.partition("/") for each in target.nodes)}
        if unknown := sorted("/".join(each) for each in named - mine):
            raise NotFound(
                said("there is no agent {unknown}", unknown=unknown[0]),
                field="target.nodes",
                value=unknown[0],
                fix="list the agents to see what there is",
            )
        return sorted(named)
    assert target.unit is not None
    exists = await organisation.get_units(session, [target.unit])
    below: Schools = await request.app.state.subtree(session, target.unit) if exists else frozenset()
    if not exists or (scope is not None and (below is None or not below <= scope)):
        raise NotFound("there is no such unit", field="target.unit", value=target.unit,
                       fix="use a code of GET /api/v1/organisation/units")  # fmt: skip
    keys = sorted(key for key in mine if in_scope(picture, key, below))
    if not keys:
        raise Invalid("no agent is there", field="target.unit", value=target.unit,
                      fix="list the agents to see what there is")  # fmt: skip
    return keys


async def _check_change(session: Reading, keys: list[Key], change: dict[str, Any]) -> None:
    """Raises `Invalid` if any agent's configuration would be wrong after the change."""
    configurations = await service.wanted_configurations(session)
    for key in keys:
        if key in configurations:
            checked(changed(json.loads(configurations[key].content), change))
    checked(changed({}, change))


async def _found(session: Reading, rollout_id: int, scope: Schools) -> tuple[Rollout, list[RolloutAgent]]:
    rollout = await session.get(Rollout, rollout_id)
    members = await service.members(session, rollout_id)
    if rollout is None or (scope is not None and any(each.group_code not in scope for each in members)):
        raise NotFound(
            said("there is no roll-out {rollout_id}", rollout_id=rollout_id),
            field="rollout_id",
            value=rollout_id,
            fix="list the roll-outs to see what there is",
        )
    return rollout, members


def _shown(row: Rollout, members: list[RolloutAgent]) -> RolloutOut:
    plan = service.plan_of(row)
    counts = [dict.fromkeys(_STATES, 0) for _ in plan.stages_percent]
    for each in members:
        counts[each.stage][each.state] += 1
    return RolloutOut(
        id=row.id,
        kind=row.kind,
        title=row.title, package=row.package, change=json.loads(row.change),
        abort_percent=plan.abort_percent, patience_s=plan.patience_s,
        state=row.state,
        detail=row.detail, stage=row.stage + 1, by=row.by, created_ms=row.created_ms, ended_ms=row.ended_ms,
        stages=[
            Stage(percent=percent, total=sum(count.values()), **count)
            for percent, count in zip(plan.stages_percent, counts, strict=True)
        ],
    )  # fmt: skip


def _detail(row: Rollout, members: list[RolloutAgent]) -> RolloutDetail:
    return RolloutDetail(
        **_shown(row, members).model_dump(),
        agents=[
            RolloutMember(
                group=each.group_code, node=each.node, stage=each.stage + 1,
                state=each.state,
                detail=each.detail, changed_ms=each.state_ms,
            )
            for each in members
        ],
    )  # fmt: skip
