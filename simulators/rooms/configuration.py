"""The agent's file for a room: TOML with everything that is needed to reach its devices."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class AgentFile:
    """Who the agent is, where its hub's broker is, and how often it polls."""

    group: str
    node: str
    mqtt_url: str
    poll_s: float = 5.0
    discovery: Mapping[str, Any] = field(default_factory=dict)
    """The section of that name: where the room's devices answer a search."""


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One section `[[devices]]`; without options the kind's own simulation takes the driver's place."""

    id: str
    kind: str
    room: str
    options: Mapping[str, Any]
    seed: int = 1


def text_of(agent: AgentFile, devices: Iterable[DeviceEntry]) -> str:
    """The whole file."""
    lines = [
        "[agent]",
        f"group = {_toml(agent.group)}",
        f"node = {_toml(agent.node)}",
        "simulated = true",
        "",
        "[mqtt]",
        f"url = {_toml(agent.mqtt_url)}",
    ]
    if agent.discovery:
        lines += ["", "[discovery]", *(f"{key} = {_toml(value)}" for key, value in agent.discovery.items())]
    for one in devices:
        lines += ["", "[[devices]]", f"id = {_toml(one.id)}", f"kind = {_toml(one.kind)}"]
        lines += [f"room = {_toml(one.room)}", f"poll_s = {agent.poll_s:g}"]
        if one.options:
            lines.append(f"options = {_toml(one.options)}")
        else:
            lines += ['driver = "simulated"', f"seed = {one.seed}"]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Put the file there in one piece, readable by its owner alone: it holds passwords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # texts, numbers and booleans are written alike in TOML
