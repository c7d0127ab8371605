"""Agents as lists and details show them: the live picture and what the hub wants, together."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from hub.errors import NotFound
from hub.fleet.rules import Reported, config_state, shown
from hub.fleet.schemas import (
    Agent,
    AgentRequestOut,
    ConfigStanding,
    ConfigurationOut,
    ConfigurationVersion,
    UpdateStanding,
)
from hub.fleet.service import Key
from hub.fleet.tables import AgentConfiguration, AgentRequest
from hub.live.documents import Mirrored, born
from hub.live.nodes import clock_offset_ms
from hub.live.picture import Picture
from hub.live.schemas import Presence
from hub.web.principal import Schools


def value_of(document: Mirrored, name: str) -> Any:
    """Gives what a node says under a name; None if it never did."""
    reading = document.metrics.get(name)
    return None if reading is None else reading.value


def reported(document: Mirrored | None) -> Reported:
    """Gives what an agent says of itself."""
    if document is None:
        return Reported()
    version = value_of(document, "Agent/Config Version")
    return Reported(
        version=version_of(document),
        config_version=version if isinstance(version, int) else None,
        config_hash=value_of(document, "Agent/Config Hash"),
        present=born(document),
    )


def version_of(document: Mirrored) -> str:
    """Gives the version of an agent's software; older agents say it behind their name."""
    return str(value_of(document, "Agent/Version") or (document.software or "").rpartition(" ")[2])


def school_of(picture: Picture, key: Key) -> str:
    """Gives the school of an agent, which is its group unless it was claimed elsewhere."""
    document = picture.get((*key, ""))
    return document.school if document is not None else key[0]


def in_scope(picture: Picture, key: Key, scope: Schools) -> bool:
    """Tells whether an agent is one of these schools."""
    return scope is None or school_of(picture, key) in scope


def no_agent(key: Key) -> NotFound:
    """Makes the answer for an agent that is not there, or not for the asker."""
    return NotFound("there is no such agent", field="node", value="/".join(key),
                    fix="list the agents to see what there is")  # fmt: skip


def agent(
    picture: Picture,
    key: Key,
    names: Mapping[str, str],
    wanted: AgentConfiguration | None,
    update: AgentRequest | None,
) -> Agent:
    """Gives an agent; one that never came yet has only what is wanted of it."""
    document = picture.get((*key, ""))
    school = school_of(picture, key)
    said = reported(document)
    facts = None if wanted is None else (wanted.version, wanted.hash, wanted.state)
    config = ConfigStanding(
        wanted_version=wanted.version if wanted else None,
        reported_version=said.config_version,
        # on trial it is pending: only the agent's "done" says that it stays
        state="pending" if wanted is not None and wanted.state == "pending" else config_state(facts, said),
        detail=wanted.detail if wanted else "",
    )
    asked = UpdateStanding(wanted=None, state=None)
    if update is not None:
        version = json.loads(update.content)["version"]
        asked = UpdateStanding(wanted=version, state=update.state, detail=update.detail)
    if document is None:
        return Agent(
            group=key[0], node=key[1], school=school, school_name=names.get(school, school), version="",
            last_contact_ms=None, presence=None, reason="", outbox_depth=None, clock_offset_ms=None,
            certificate_end_ms=None, config=config, update=asked, problem="", devices=0, devices_online=0,
            simulated=False,
        )  # fmt: skip
    presence, box = document.presence, document.outbox
    end_ms = value_of(document, "Agent/Certificate End")
    devices = _devices(picture, key)
    offset_ms = document.skew_ms if document.skew_ms is not None else clock_offset_ms(document)
    return Agent(
        group=key[0], node=key[1], school=school, school_name=names.get(school, school),
        version=version_of(document), last_contact_ms=document.heard_ms,
        presence=Presence(state=presence.state, reason=presence.reason, since_ms=presence.since_ms),
        reason=presence.reason, outbox_depth=box.waiting if box else None, clock_offset_ms=offset_ms,
        certificate_end_ms=end_ms if isinstance(end_ms, int) else None, config=config, update=asked,
        problem=str(value_of(document, "Agent/Problem") or ""), devices=len(devices),
        devices_online=sum(map(born, devices)), simulated=document.simulated,
    )  # fmt: skip


def _devices(picture: Picture, key: Key) -> list[Mirrored]:
    keys = picture.sorted_keys()
    found = []
    for other in keys[bisect_right(keys, (*key, "")) :]:
        if other[:2] != key:
            break
        if (document := picture.get(other)) is not None:
            found.append(document)
    return found


def version_shown(row: AgentConfiguration) -> ConfigurationVersion:
    """Gives a version as lists show it."""
    devices = json.loads(row.content).get("devices")
    return ConfigurationVersion(
        version=row.version, hash=row.hash, note=row.note, by=row.by, created_ms=row.created_ms,
        state=row.state,
        detail=row.detail, devices=None if devices is None else len(devices),
    )  # fmt: skip


def configuration_shown(row: AgentConfiguration) -> ConfigurationOut:
    """Gives a version with its content, without secrets."""
    return ConfigurationOut(**version_shown(row).model_dump(), content=shown(json.loads(row.content)))


def request_shown(row: AgentRequest) -> AgentRequestOut:
    """Gives a request with what was answered."""
    return AgentRequestOut(
        id=row.id, group=row.group_code, node=row.node, kind=row.kind,
        state=row.state,
        detail=row.detail, result=json.loads(row.result) if row.result else None, by=row.by,
        created_ms=row.created_ms, expires_ms=row.expires_ms, sent_ms=row.sent_ms, taken_ms=row.taken_ms,
        ended_ms=row.ended_ms, tries=row.tries,
    )  # fmt: skip
