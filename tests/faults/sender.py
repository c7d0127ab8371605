"""A process of real edge nodes whose every payload is a number of its own, and which notes what it was told.

Started by `rig.SenderProcess`. SIGUSR1 stops the stream of new values, SIGUSR2 lets it go on, SIGTERM ends
in order. The evidence file gets one line for each fact, in the order in which it became one:

    G node epoch position value   this payload got this key (value `-`: not a number of ours, a heartbeat)
    H node epoch position value   this payload is held on disk under this key
    S node epoch position         the outbox took the hub's word that all through this position is stored
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from devices.kind import Metric
from devices.wire.datatypes import DataType
from devices.wire.sparkplug_b_pb2 import Payload
from edge_agents.connection import MqttSettings
from edge_agents.node import DeviceDescription, Node, Timing
from edge_agents.outbox import Answer, Outbox, OutboxFile

METRIC = "Count"
METRICS = (
    Metric(name=METRIC, datatype=DataType.Int64, label_vi="Số", label_en="Count"),
    Metric(name="Half", datatype=DataType.Double, label_vi="Nửa", label_en="Half"),
    Metric(name="Odd", datatype=DataType.Boolean, label_vi="Lẻ", label_en="Odd"),
)
TIMING = Timing(
    heartbeat_s=20, backlog_per_s=4000, backlog_jitter_s=0.2, resend_after_s=1, answer_wait_s=30,
    host_jitter_s=0.2, reconnect_first_s=0.1, reconnect_longest_s=0.5,
)  # fmt: skip


def device_of(node: str) -> str:
    """The id of a node's one device; device ids are unique in a school."""
    return f"{node}-counter"


class Evidence:
    """Writes the evidence file; `told` is on its way to the kernel when it returns, so a kill keeps it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lines: list[str] = []

    def note(self, *words: object) -> None:
        self._lines.append(" ".join(map(str, words)) + "\n")

    def told(self) -> None:
        if self._lines:
            os.write(self._fd, "".join(self._lines).encode())
            self._lines.clear()


def number_in(body: bytes) -> int | str:
    """The number that a payload's metrics carry, `-` if none."""
    for metric in Payload.FromString(body).metrics:
        if metric.name == METRIC:
            return metric.long_value
    return "-"


class Watched:
    """One node whose outbox tells the evidence everything that matters."""

    def __init__(
        self, group: str, name: str, file: OutboxFile, mqtt: MqttSettings, evidence: Evidence
    ) -> None:
        self.name, self.evidence, self.file = name, evidence, file
        self.outbox: Outbox = file.outbox(name)
        self.node = Node(group, name, self.outbox, mqtt, timing=TIMING)
        self.node.declare(DeviceDescription(device_of(name), "counter", "P101", METRICS))
        self._append, self._acknowledge = self.outbox.append, self.outbox.acknowledge
        self._renewed = self.outbox.on_new_epoch
        self.outbox.append = self.append  # type: ignore[method-assign]
        self.outbox.acknowledge = self.acknowledge  # type: ignore[method-assign]
        self.outbox.on_new_epoch = self.renewed
        self.note_held()

    def append(self, device: str, body: bytes) -> int | None:
        position = self._append(device, body)
        if position is not None:
            self.evidence.note("G", self.name, self.outbox.epoch, position, number_in(body))
        return position

    def acknowledge(self, epoch: int, stored: int) -> Answer:
        answer = self._acknowledge(epoch, stored)
        if answer is Answer.FORGOTTEN:
            self.evidence.note("S", self.name, epoch, stored)
            self.evidence.told()  # before anything can be deleted: that needs another turn of the loop
        return answer

    def renewed(self) -> None:
        self.note_held()
        for position, (_, body) in enumerate(self.outbox._pending, self.outbox.durable + 1):
            self.evidence.note("G", self.name, self.outbox.epoch, position, number_in(body))
        self.evidence.told()
        self._renewed()

    def note_held(self) -> None:
        """Note what is on disk; called only while the file's own thread is at rest."""
        outbox = self.outbox
        for entry in self.file._ledger.read(outbox.row.id, 1, outbox.durable):
            self.evidence.note("H", self.name, outbox.epoch, entry.position, number_in(entry.body))
        self.evidence.told()


async def send(options: argparse.Namespace) -> None:
    """Run the nodes and observe `per_s` numbers a second, in turn, from `start` on."""
    loop = asyncio.get_running_loop()
    stop, flowing = asyncio.Event(), asyncio.Event()
    flowing.set()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, flowing.clear)
    loop.add_signal_handler(signal.SIGUSR2, flowing.set)
    evidence = Evidence(options.evidence)
    file = OutboxFile(options.outbox, commit_interval_ms=10)
    mqtt = MqttSettings(port=options.port, client_id=options.client_id)
    nodes = [Watched(options.group, name, file, mqtt, evidence) for name in options.nodes.split(",")]
    running = [asyncio.create_task(watched.node.run(stop)) for watched in nodes]
    made, owed, before = 0, 0.0, loop.time()
    while not stop.is_set():
        now = loop.time()
        owed, before = min(owed + (now - before) * options.per_s, options.per_s), now
        while owed >= 1 and flowing.is_set():
            number = options.start + made
            watched = nodes[made % len(nodes)]
            watched.node.observe(
                device_of(watched.name), {METRIC: number, "Half": number / 2, "Odd": bool(number % 2)}
            )
            made, owed = made + 1, owed - 1
        if not flowing.is_set():
            owed = 0
        evidence.told()
        await asyncio.sleep(0.01)
    await asyncio.gather(*running)
    await file.close()
    evidence.told()


def main() -> None:
    """Read the arguments and send."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--outbox", type=Path, required=True)
    parser.add_argument("--evidence", type=Path, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--nodes", required=True)
    parser.add_argument("--client-id")
    parser.add_argument("--per-s", type=float, default=1000)
    parser.add_argument("--start", type=int, default=0)
    asyncio.run(send(parser.parse_args()))


if __name__ == "__main__":
    main()
