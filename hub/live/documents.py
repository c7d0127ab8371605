"""The live mirror's documents of devices and nodes, read into little memory.

A province has some ten thousand of them with ten metrics each, in every web process: fields have fixed
places instead of a dictionary, and texts that recur (units, kinds, rooms, names of metrics) are kept once.
"""

from __future__ import annotations

from sys import intern
from typing import Any, Protocol, TypeAlias

import msgspec

Key: TypeAlias = tuple[str, str, str]
"""(group, node, device); the device is empty for the node itself."""


class Document(Protocol):
    """Anything read by the names of the mirror: its documents, and alarms as plain dictionaries."""

    def __getitem__(self, name: str, /) -> Any: ...

    def get(self, name: str, default: Any = None, /) -> Any:
        """The field, or the default if there is none."""


class Record(msgspec.Struct, gc=False):
    """Fixed fields that can also be read by name."""

    def __getitem__(self, name: str, /) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def get(self, name: str, default: Any = None, /) -> Any:
        """The field, or the default if there is none."""
        return getattr(self, name, default)


class Reading(Record, gc=False):
    """A metric's last known value; `quality` is good, stale or bad."""

    value: Any = None
    unit: str | None = None
    ts_ms: int | None = None
    quality: str = "good"
    severity: str | None = None


class SeenPresence(Record, gc=False):
    """Whether it is there, why, and since when."""

    state: str
    reason: str = ""
    since_ms: int | None = None


class Outbox(Record, gc=False):
    """What a node numbered: through `stored` all is durable at the hub, `position` is the highest known.

    `waiting` positions between them have not come yet, `lost` were given up by the node.
    """

    stored: int = 0
    position: int = 0
    waiting: int = 0
    lost: int = 0


class Mirrored(Record, gc=False):
    """A device's document, or with `device` None the node's own, which alone has the last six fields.

    A simulated node's time is `clock_factor` · UTC + `clock_offset_ms`.
    """

    school: str
    room: str
    node: str
    presence: SeenPresence
    metrics: dict[str, Reading]
    device: str | None = None
    group: str = ""
    kind: str | None = None
    name: str | None = None
    claimed: bool = False
    simulated: bool = False
    published_ms: int | None = None
    alarms: tuple[str, ...] = ()
    software: str | None = None
    clock_offset_ms: int | None = None
    clock_factor: float = 1.0
    skew_ms: int | None = None
    heard_ms: int | None = None
    outbox: Outbox | None = None


_decode = msgspec.json.Decoder(Mirrored).decode
UnreadableDocument = msgspec.DecodeError
"""Raised by `read` for what is not a document of the mirror."""


def read(payload: bytes) -> Mirrored:
    """Read a document; raises `UnreadableDocument`."""
    found = _decode(payload)
    found.school, found.room, found.node = intern(found.school), intern(found.room), intern(found.node)
    found.group = intern(found.group) or found.school
    found.device = intern(found.device) if found.device else None
    found.kind = _once(found.kind)
    found.presence.state, found.presence.reason = intern(found.presence.state), intern(found.presence.reason)
    metrics = {}
    for name, reading in found.metrics.items():
        reading.unit, reading.severity = _once(reading.unit), _once(reading.severity)
        reading.quality = intern(reading.quality)
        metrics[intern(name)] = reading
    found.metrics = metrics
    return found


def key_of(document: Document) -> Key:
    """The key of a device's or node's document; our own nodes' group is their school."""
    return document.get("group") or document["school"], document["node"], document["device"] or ""


def born(document: Document) -> bool:
    """Whether a device or node is there now."""
    return bool(document["presence"]["state"] == "born")


def _once(text: str | None) -> str | None:
    return None if text is None else intern(text)
