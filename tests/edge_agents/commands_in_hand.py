"""A node, a disk and a device in the test's own hands, so that anything can die between any two steps."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, cast

from devices.kind import kinds
from edge_agents.command_journal import Told
from edge_agents.commanding import Record
from edge_agents.executing import Commands, Write
from edge_agents.node import Node


class NodeInHand:
    """What commands need of a node: it notes what is told."""

    def __init__(self) -> None:
        self.devices = {"ac": None, "lights": None, "safety": None}
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.at_ms = 1_000_000

    def now_ms(self) -> int:
        self.at_ms += 1
        return self.at_ms

    def note(self, device: str, values: Mapping[str, Any]) -> None:
        self.told.append((device, values))


class DiskInHand:
    """A journal whose writes reach the disk when the test says so, or are refused, or die."""

    def __init__(self) -> None:
        self.disk: dict[str, Record] = {}
        self.texts: dict[str, str] = {}
        self.waiting: deque[tuple[Record | None, tuple[str, str | None], Told]] = deque()

    def records(self) -> list[Record]:
        return list(self.disk.values())

    def held(self, prefix: str) -> dict[str, str]:
        return {key: text for key, text in self.texts.items() if key.startswith(prefix)}

    def keep(self, record: Record, then: Told) -> None:
        self.waiting.append((record, ("", None), then))

    def hold(self, key: str, value: str | None, then: Told) -> None:
        self.waiting.append((None, (key, value), then))

    def forget(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self.disk.pop(id_, None)

    def write(self, error: Exception | None = None) -> Record | None:
        record, (key, value), then = self.waiting.popleft()
        if error is None and record is not None:
            self.disk[record.id] = record
        elif error is None and value is None:
            self.texts.pop(key, None)
        elif error is None and value is not None:
            self.texts[key] = value
        then(error)
        return record

    def write_all(self) -> None:
        while self.waiting:
            self.write()


class DeviceInHand:
    """Obeys when the test says so."""

    def __init__(self) -> None:
        self.queue: deque[Write] = deque()

    def put(self, write: Write, *, first: bool = False) -> bool:
        (self.queue.appendleft if first else self.queue.append)(write)
        return True


class Box:
    """An agent's process: it can be started again on the same disk."""

    def __init__(self) -> None:
        self.journal, self.node = DiskInHand(), NodeInHand()
        self.steady_s = 0.0
        self.start()

    def start(self) -> None:
        self.journal.waiting.clear()
        self.devices = {name: DeviceInHand() for name in self.node.devices}
        self.commands = Commands(cast(Node, self.node), self.journal, lambda: self.steady_s)
        for name, kind in (("ac", "air_conditioner"), ("lights", "relay"), ("safety", "lab_safety")):
            self.commands.add(name, kinds()[kind], "LAB1", self.devices[name])
        self.commands.start()
