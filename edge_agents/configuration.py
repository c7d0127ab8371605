"""The configuration that the hub wants: kept beside the outbox, on top of the agent's own file.

The agent's TOML file is never written by the agent. What the hub sent stands in `configuration.json`: its
devices take the place of those in the file, its options that of single settings. Deleting it gives the file
its word back. `configuration.good.json` is what was there before it.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from devices.sections import (
    Configuration,
    DeviceSection,
    canonical,
    configuration_hash,
    read_configuration,
)
from edge_agents.probation import write_durably
from edge_agents.settings import AgentSettings

log = logging.getLogger(__name__)

FILE, GOOD = "configuration.json", "configuration.good.json"


class RefusedError(Exception):
    """The agent will not do it; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version of what the hub wants; version 0 is the agent's own file alone."""

    version: int = 0
    hash: str = ""
    content: Configuration = Configuration()  # noqa: RUF009 — it is frozen
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The content as it came: what the hash is of."""

    def on_top_of(self, own: AgentSettings) -> AgentSettings:
        """The settings that are in force."""
        if not self.version:
            return own
        options, changes = self.content.options, dict[str, Any]()
        agent = {
            name: value
            for name in ("heartbeat_s", "log_level")
            if (value := getattr(options, name)) is not None
        }
        if agent:
            changes["agent"] = own.agent.model_copy(update=agent)
        if options.mqtt_url is not None:
            changes["mqtt"] = own.mqtt.model_copy(update={"url": options.mqtt_url})
        if self.content.devices is not None:
            changes["devices"] = self.content.devices
        return own.model_copy(update=changes)


def check(request: Mapping[str, Any], present: Wanted) -> Wanted:
    """Read a `configure` request. Raises RefusedError saying all that is wrong."""
    version, hash_ = request.get("version"), request.get("hash")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1 or not isinstance(hash_, str):
        raise RefusedError("it names no version and hash")
    if version < present.version:
        raise RefusedError(f"older_version: this agent has version {present.version}")
    return _read(version, hash_, {name: request[name] for name in ("devices", "options") if name in request})


def _read(version: int, hash_: str, content: Mapping[str, Any]) -> Wanted:
    found, wrong = read_configuration(content)
    if found is None:
        raise RefusedError(" ".join(str(one) for one in wrong)[:4000])
    if configuration_hash(content) != hash_:
        raise RefusedError("its hash is not that of its content")
    return Wanted(version, hash_, found, content)


class ConfigurationFile:
    """What is on disk."""

    def __init__(self, folder: Path) -> None:
        self.path, self.good = folder / FILE, folder / GOOD

    def read(self) -> Wanted:
        """What the hub wanted last; version 0 if that is nothing, or nothing that can be used."""
        try:
            found = json.loads(self.path.read_bytes())
            return _read(found["version"], found["hash"], found["content"])
        except FileNotFoundError:
            return Wanted()
        except (OSError, ValueError, KeyError, TypeError, RefusedError, ValidationError) as error:
            log.error("%s cannot be used (%s): the agent's own file counts", self.path, error)
            return Wanted()

    def keep_good(self) -> None:
        """Remember what is there now as good. Raises OSError."""
        if self.path.exists():
            write_durably(self.good, self.path.read_bytes())
        else:
            self.good.unlink(missing_ok=True)

    def write(self, wanted: Wanted) -> None:
        """Put a version in the place of the present one. Raises OSError; then the present one stays."""
        content = {"version": wanted.version, "hash": wanted.hash, "content": wanted.raw}
        write_durably(self.path, canonical(content).encode())

    def go_back(self) -> Wanted:
        """Put the good one back."""
        with contextlib.suppress(OSError):
            if self.good.exists():
                self.good.replace(self.path)
            else:
                self.path.unlink(missing_ok=True)
        return self.read()


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be done for new settings to be in force."""

    halt: tuple[str, ...]
    start: tuple[DeviceSection, ...]
    reconnect: bool


def difference(before: AgentSettings, after: AgentSettings) -> Difference:
    """Compare settings; a device of which anything changed is stopped and started."""
    old = {device.id: device for device in before.devices}
    new = {device.id: device for device in after.devices}
    return Difference(
        tuple(id_ for id_, device in old.items() if new.get(id_) != device),
        tuple(device for id_, device in new.items() if old.get(id_) != device),
        before.mqtt != after.mqtt,
    )
