"""Keeps what agents found; never commits."""

import json
import logging
from collections.abc import Collection
from typing import Any

from prometheus_client import Counter
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from devices.kind import kinds
from devices.sections import canonical
from hub.discovery.rules import Found, completed, found_in, same, state_again
from hub.discovery.tables import Proposal
from hub.fleet.tables import AgentConfiguration
from hub.live.documents import Mirrored
from hub.registry.tables import Node
from hub.web.principal import Schools

log = logging.getLogger(__name__)

UNREADABLE = Counter("hub_discovery_unreadable", "Findings of agents that could not be read")
CROWDED = Counter("hub_discovery_crowded", "Findings left out because an agent has too many proposals")
PROPOSALS_MOST = 2000
"""Proposals of one agent; more than that is a network of something else."""

Key = tuple[str, str]
"""An agent: (group, node)."""
Seen = tuple[Proposal, str]
"""A proposal, and the school of its agent."""
_SCHOOL = func.coalesce(Node.claimed_school, Proposal.group_code)
_FACTS = ("method", "protocol", "address", "kind", "name", "maker", "model", "serial", "mac")


async def heard(session: AsyncSession, key: Key, document: Mirrored | None, now_ms: int) -> None:
    """Takes what an agent's document says it found, by itself or because it was asked."""
    if document is None:
        return
    for name in ("Agent/Discovered", "Agent/Result"):
        reading = document.metrics.get(name)
        if reading is not None and isinstance(reading.value, str) and '"found"' in reading.value:
            await take(session, key, reading.value, reading.ts_ms or now_ms, now_ms)


async def take(session: AsyncSession, key: Key, text: object, at_ms: int, now_ms: int) -> None:
    """Takes what an agent said it found at a time."""
    found, unreadable = found_in(text, kinds())
    if unreadable:
        UNREADABLE.inc(unreadable)
        log.warning("%s/%s: %d of its findings cannot be read", *key, unreadable)
    if not found:
        return
    query = select(Proposal).where(Proposal.group_code == key[0], Proposal.node == key[1])
    devices = await _devices(session, key)
    known = [(row, found_of(row)) for row in (await session.execute(query)).scalars()]
    for one in found:
        place = next((place for place, (_, before) in enumerate(known) if same(before, one)), None)
        if place is not None:
            row, before = known[place]
            known[place] = row, _seen_again(row, before, one, devices, min(at_ms, now_ms), now_ms)
        elif len(known) < PROPOSALS_MOST:
            row = Proposal(
                group_code=key[0], node=key[1], first_ms=now_ms, seen_ms=min(at_ms, now_ms), state="open",
                device="", by="", changed_ms=now_ms, **_columns(one),
            )  # fmt: skip
            session.add(row)
            known.append((row, one))
        else:
            CROWDED.inc()
    await session.flush()


async def _devices(session: AsyncSession, key: Key) -> frozenset[str]:
    """Ids of the devices that the agent should have."""
    table = AgentConfiguration
    query = select(table.content).where(table.group_code == key[0], table.node == key[1])
    text = await session.scalar(query.order_by(table.version.desc()).limit(1))
    return frozenset(each["id"] for each in json.loads(text or "{}").get("devices") or [])


def _seen_again(
    row: Proposal, before: Found, now: Found, devices: Collection[str], at_ms: int, now_ms: int
) -> Found:
    after = completed(before, now)
    if after != before:
        for name, value in _columns(after).items():
            setattr(row, name, value)
    row.seen_ms = max(row.seen_ms, at_ms)
    if (state := state_again(row.state, row.device, devices)) != row.state:
        row.state, row.device, row.by, row.changed_ms = state, "", "", now_ms
    return after


def found_of(row: Proposal) -> Found:
    """Gives what is known of a proposal's thing."""
    return Found(options=json.loads(row.options), **{name: getattr(row, name) for name in _FACTS})


def _columns(found: Found) -> dict[str, Any]:
    return {"options": canonical(found.options), **{name: getattr(found, name) for name in _FACTS}}


async def find(session: AsyncSession, proposal_id: int, scope: Schools) -> Seen | None:
    """Gives a proposal of these schools (None is all), to be changed."""
    query = select(Proposal, _SCHOOL).where(Proposal.id == proposal_id)
    row = (await _scoped(session, query.with_for_update(of=Proposal), scope)).first()
    return None if row is None else (row[0], row[1])


async def page(
    session: AsyncSession,
    scope: Schools,
    *,
    school: str | None,
    node: str | None,
    state: str | None,
    before_id: int | None,
    limit: int,
) -> list[Seen]:
    """Gives proposals, the newest first."""
    query = select(Proposal, _SCHOOL)
    for wanted, column in ((school, _SCHOOL), (node, Proposal.node), (state, Proposal.state)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before_id is not None:
        query = query.where(Proposal.id < before_id)
    rows = await _scoped(session, query.order_by(Proposal.id.desc()).limit(limit), scope)
    return [(row[0], row[1]) for row in rows]


async def _scoped(session: AsyncSession, query: Any, scope: Schools) -> Any:
    same_node = (Node.group_code == Proposal.group_code) & (Node.node == Proposal.node)
    query = query.outerjoin(Node, same_node)
    if scope is not None:
        query = query.where(_SCHOOL.in_(scope))
    return await session.execute(query)


async def forget_old(session: AsyncSession, before_ms: int) -> None:
    """Forgets what nobody claimed and no agent saw any more."""
    await session.execute(delete(Proposal).where(Proposal.state != "claimed", Proposal.seen_ms < before_ms))
