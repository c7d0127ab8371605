"""Facts about nodes and devices as ingest reports them; pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """An edge node that gave a birth. `claimed_school` is set for our own nodes of a known school only."""

    group: str
    node: str
    first_seen_ms: int
    simulated: bool = False
    software: str = ""
    claimed_school: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """A device declared by a birth. `kind` and `room` are empty when the node does not say."""

    group: str
    node: str
    device: str
    kind: str = ""
    room: str = ""
    name: str = ""
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A node (`device` is empty) or a device became `state` (born, stale, dead) at `since_ms`."""

    group: str
    node: str
    device: str
    state: str
    reason: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A payload that could not be used. `journal_key` names it for ever: the same key is stored once."""

    received_ms: int
    group: str
    node: str
    device: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    journal_key: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a node is. `room` is set when a person put the whole node there, else devices name their room."""

    school: str
    room: str | None = None


MAX_NAME = 255
"""Characters of a group, node or device name that the records hold."""


def fits(*names: str) -> bool:
    """Tells whether these names of group, node and device can be recorded."""
    return all(len(name) <= MAX_NAME and "\x00" not in name for name in names)
