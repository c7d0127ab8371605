"""Reads and writes what the hub wants of its agents; never commits."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from devices.sections import canonical, configuration_hash
from hub.fleet import rules
from hub.fleet.rules import LASTS_MS, OPEN, Plan
from hub.fleet.tables import AgentConfiguration, AgentPackage, AgentRequest, Rollout, RolloutAgent

Key = tuple[str, str]
"""An agent: (group, node)."""
CHANGED = "hub/changed/fleet"
"""The topic on which the sender is told to look at once."""


# ---------------------------------------------------------------- configurations


async def wanted_configurations(
    session: AsyncSession, key: Key | None = None
) -> dict[Key, AgentConfiguration]:
    """Gives the newest version of every agent that has one, or of the one asked for."""
    table = AgentConfiguration
    newest = select(table.group_code, table.node, func.max(table.version)).group_by(
        table.group_code, table.node
    )
    if key is not None:
        newest = newest.where(table.group_code == key[0], table.node == key[1])
    query = select(table).where(tuple_(table.group_code, table.node, table.version).in_(newest))
    return {(each.group_code, each.node): each for each in (await session.execute(query)).scalars()}


async def add_configuration(
    session: AsyncSession, key: Key, content: Mapping[str, Any], by: str, now_ms: int, note: str = ""
) -> AgentConfiguration:
    """Adds a version; the requests for earlier ones that nobody took yet end."""
    before = (await wanted_configurations(session, key)).get(key)
    made = AgentConfiguration(
        group_code=key[0], node=key[1], version=before.version + 1 if before else 1,
        hash=configuration_hash(content), content=canonical(content), note=note, by=by,
        created_ms=now_ms, state="pending", detail="", state_ms=now_ms,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    for request in await open_requests(session, key, "configure"):
        if request.state != "taken":
            end(request, "expired", "a newer version is wanted", now_ms)
    return made


async def list_configurations(
    session: AsyncSession, key: Key, before: int | None, limit: int
) -> list[AgentConfiguration]:
    """Gives versions of an agent, the newest first."""
    table = AgentConfiguration
    query = select(table).where(table.group_code == key[0], table.node == key[1])
    if before is not None:
        query = query.where(table.version < before)
    return list((await session.execute(query.order_by(table.version.desc()).limit(limit))).scalars())


async def find_configuration(session: AsyncSession, key: Key, version: int) -> AgentConfiguration | None:
    """Gives one version of an agent."""
    table = AgentConfiguration
    query = select(table).where(table.group_code == key[0], table.node == key[1], table.version == version)
    return (await session.execute(query)).scalar_one_or_none()


# ---------------------------------------------------------------- requests


async def add_request(
    session: AsyncSession, key: Key, kind: str, content: Mapping[str, Any], by: str, now_ms: int
) -> AgentRequest:
    """Queues a request of a kind (`configure`, `update`, `diagnose`, `plan`, `scan`) to an agent."""
    request = AgentRequest(
        id=str(uuid.uuid4()), group_code=key[0], node=key[1], kind=kind, content=canonical(content),
        state="queued", detail="", by=by, created_ms=now_ms, expires_ms=now_ms + LASTS_MS[kind],
        next_ms=now_ms, tries=0,
    )  # fmt: skip
    session.add(request)
    await session.flush()
    return request


async def open_requests(
    session: AsyncSession, key: Key | None = None, kind: str | None = None
) -> list[AgentRequest]:
    """Gives the requests that have not ended, the oldest first."""
    table = AgentRequest
    query = select(table).where(table.state.in_(OPEN))
    if key is not None:
        query = query.where(table.group_code == key[0], table.node == key[1])
    if kind is not None:
        query = query.where(table.kind == kind)
    return list((await session.execute(query.order_by(table.created_ms, table.id))).scalars())


async def last_requests(session: AsyncSession, kind: str, keys: Collection[Key]) -> dict[Key, AgentRequest]:
    """Gives the newest request of a kind to each of these agents that ever had one."""
    table = AgentRequest
    newest = (
        select(table.group_code, table.node, func.max(table.created_ms))
        .where(table.kind == kind)
        .group_by(table.group_code, table.node)
    )
    query = select(table).where(
        table.kind == kind, tuple_(table.group_code, table.node, table.created_ms).in_(newest)
    )
    if len(keys) == 1:
        (key,) = keys
        query = query.where(table.group_code == key[0], table.node == key[1])
    found = {(each.group_code, each.node): each for each in (await session.execute(query)).scalars()}
    return {key: found[key] for key in keys if key in found}


async def list_requests(
    session: AsyncSession, key: Key, before: tuple[int, str] | None, limit: int
) -> list[AgentRequest]:
    """Gives requests to an agent, the newest first."""
    table = AgentRequest
    query = select(table).where(table.group_code == key[0], table.node == key[1])
    if before is not None:
        query = query.where(tuple_(table.created_ms, table.id) < before)
    query = query.order_by(table.created_ms.desc(), table.id.desc()).limit(limit)
    return list((await session.execute(query)).scalars())


async def find_request(session: AsyncSession, request_id: str) -> AgentRequest | None:
    """Gives one request."""
    return await session.get(AgentRequest, request_id)


def end(request: AgentRequest, state: str, detail: str, now_ms: int) -> None:
    """Ends a request."""
    request.state, request.detail, request.ended_ms = state, detail, now_ms


def configure_content(wanted: AgentConfiguration) -> dict[str, Any]:
    """Gives what a `configure` request says."""
    return {"version": wanted.version, "hash": wanted.hash, **json.loads(wanted.content)}


# ---------------------------------------------------------------- packages


async def list_packages(session: AsyncSession, before: int | None, limit: int) -> list[AgentPackage]:
    """Gives packages, the newest first."""
    query = select(AgentPackage)
    if before is not None:
        query = query.where(AgentPackage.id < before)
    return list((await session.execute(query.order_by(AgentPackage.id.desc()).limit(limit))).scalars())


async def find_package(session: AsyncSession, version: str) -> AgentPackage | None:
    """Gives the package of a version."""
    query = select(AgentPackage).where(AgentPackage.version == version)
    return (await session.execute(query)).scalar_one_or_none()


# ---------------------------------------------------------------- roll-outs


async def add_rollout(
    session: AsyncSession,
    kind: str,
    title: str,
    plan: Plan,
    change: Mapping[str, Any] | None,
    package: str | None,
    keys: Sequence[Key],
    by: str,
    now_ms: int,
) -> Rollout:
    """Begins a roll-out to these agents; the first stage goes out with the sender's next look."""
    rollout = Rollout(
        kind=kind, title=title, change=canonical(change), package=package, state="running", detail="",
        plan=canonical(
            {
                "stages_percent": list(plan.stages_percent),
                "abort_percent": plan.abort_percent,
                "patience_s": plan.patience_s,
            }
        ),
        stage=0, stage_ms=now_ms, by=by, created_ms=now_ms,
    )  # fmt: skip
    session.add(rollout)
    await session.flush()
    drawn = rules.stages(keys, plan.stages_percent, f"{rollout.id}/{now_ms}")
    session.add_all(
        RolloutAgent(
            rollout_id=rollout.id, group_code=group, node=node, stage=stage, state="waiting", detail="",
            state_ms=now_ms,
        )
        for (group, node), stage in drawn.items()
    )  # fmt: skip
    await session.flush()
    return rollout


def plan_of(rollout: Rollout) -> Plan:
    """Gives a roll-out's plan."""
    plan = json.loads(rollout.plan)
    return Plan(tuple(plan["stages_percent"]), plan["abort_percent"], plan["patience_s"])


async def members(session: AsyncSession, rollout_id: int) -> list[RolloutAgent]:
    """Gives the agents of a roll-out by stage."""
    table = RolloutAgent
    query = select(table).where(table.rollout_id == rollout_id)
    query = query.order_by(table.stage, table.group_code, table.node)
    return list((await session.execute(query)).scalars())


async def list_rollouts(
    session: AsyncSession, schools: Collection[str] | None, before: int | None, limit: int
) -> list[Rollout]:
    """Gives roll-outs, the newest first: those all of whose agents are of the given schools."""
    query = select(Rollout)
    if schools is not None:
        elsewhere = select(RolloutAgent.rollout_id).where(RolloutAgent.group_code.not_in(schools))
        query = query.where(Rollout.id.not_in(elsewhere))
    if before is not None:
        query = query.where(Rollout.id < before)
    return list((await session.execute(query.order_by(Rollout.id.desc()).limit(limit))).scalars())


async def running_rollouts(session: AsyncSession) -> list[Rollout]:
    """Gives the roll-outs that go on."""
    query = select(Rollout).where(Rollout.state == "running").order_by(Rollout.id)
    return list((await session.execute(query)).scalars())


async def end_rollout(session: AsyncSession, rollout: Rollout, state: str, detail: str, now_ms: int) -> None:
    """Ends a roll-out; an aborted one asks nobody else, and who has not followed yet is wanted as before."""
    rollout.state, rollout.detail, rollout.ended_ms = state, detail, now_ms
    if state != "aborted":
        return
    for member in await members(session, rollout.id):
        key = (member.group_code, member.node)
        if member.state == "waiting":
            member.state, member.state_ms = "skipped", now_ms
        elif member.state in {"pending", "failed"}:
            if member.state == "pending":
                member.state, member.detail, member.state_ms = "skipped", "aborted", now_ms
            if rollout.kind == "configuration" and member.version is not None:
                await _want_again(session, key, member.version, f"roll-out {rollout.id}", now_ms)
            for request in await open_requests(session, key, "update"):
                if rollout.kind == "update" and request.state != "taken":
                    end(request, "expired", "the roll-out was aborted", now_ms)


async def _want_again(session: AsyncSession, key: Key, version: int, by: str, now_ms: int) -> None:
    """Wants what was wanted before `version`, if nothing newer is wanted meanwhile."""
    wanted = (await wanted_configurations(session, key)).get(key)
    before = await list_configurations(session, key, version, 1)
    if wanted is not None and wanted.version == version and before:
        content = json.loads(before[0].content)
        note = f"as version {before[0].version}: the roll-out was aborted"
        await add_configuration(session, key, content, by, now_ms, note)
