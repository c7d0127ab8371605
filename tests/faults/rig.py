"""Real processes for fault tests: the hub's ingest role, senders of numbered payloads, what they prove."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hub.ingest.journal import Journal
from hub.ingest.positions import Positions
from hub.telemetry.sqlite import SqliteReader
from tests.faults.sender import METRIC, device_of

GROUP = "D703-THPT-02"
ROOT = Path(__file__).parents[2]
NUMBERS_A_RUN = 10_000_000
FOREVER_MS = 1 << 50


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait for a condition; an AssertionError says what did not come."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, f"within {seconds:g} s there was no {what}"
        time.sleep(0.02)


def names(count: int, prefix: str = "a") -> list[str]:
    """Ids of edge nodes."""
    return [f"{GROUP}-{prefix}{number}" for number in range(1, count + 1)]


class Process:
    """A child process that logs into a file."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, **(environment or {})}
            )
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, seconds: float) -> int:
        """Wait for its end; returns its exit code."""
        return self._popen.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as the kernel's out-of-memory killer would."""
        self._popen.kill()
        self._popen.wait()

    def terminate(self, seconds: float = 15) -> int:
        """Ask it to end and wait; returns its exit code."""
        self._popen.terminate()
        return self._popen.wait(seconds)


class Hub:
    """The ingest role in a process of its own, with its data directory."""

    def __init__(self, broker_url: str, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._environment = {"HUB_MQTT_URL": broker_url, "HUB_DATA_DIR": str(data_dir)}
        self.process: Process | None = None
        data_dir.mkdir(parents=True, exist_ok=True)

    def start(self, before: Iterable[str] = ()) -> Hub:
        """Start it; `before` goes in front of the command."""
        command = [*before, sys.executable, "-m", "hub.cli", "serve", "--role", "ingest"]
        self.process = Process(command, self.data_dir.with_suffix(".log"), self._environment)
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def stop(self) -> int:
        assert self.process is not None
        return self.process.terminate()

    @property
    def log(self) -> str:
        path = self.data_dir.with_suffix(".log")
        return path.read_text(errors="replace") if path.exists() else ""

    def positions_on_disk(self) -> dict[tuple[str, int], Positions]:
        """What the journal of the dead hub holds, read from a copy: (sender, epoch) -> positions."""
        return positions_in(self.data_dir / "ingest-0")

    def numbers(self, nodes: Iterable[str]) -> dict[str, Counter[int]]:
        """Every number in the telemetry of each node, and how often it is there."""
        reader = SqliteReader(self.data_dir / "telemetry.db")
        found: dict[str, Counter[int]] = {node: Counter() for node in nodes}
        wanted = [((GROUP, node, device_of(node)), METRIC) for node in found]
        try:
            for item in reader.samples(0, FOREVER_MS, wanted):
                marks = set(item.uncounted)  # a value that lasts again after a gap is no sample
                numbers = (
                    int(value)
                    for place, value in enumerate(item.values)
                    if place not in marks and value is not None
                )
                found[item.key[1]].update(numbers)
            return found
        finally:
            reader.close()


def positions_in(folder: Path) -> dict[tuple[str, int], Positions]:
    """The positions that a start would find in this journal, without touching it."""
    with tempfile.TemporaryDirectory(prefix="hub-journal-") as copy:
        for name in ("journal.db", "journal.db-wal"):
            if (folder / name).exists():
                shutil.copy(folder / name, copy)
        journal = Journal(Path(copy) / "journal.db")
        try:
            return journal.positions()
        finally:
            journal.close()


class Evidence:
    """Reads what one run of a sender noted, as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.given: dict[str, dict[int, dict[int, int | None]]] = defaultdict(lambda: defaultdict(dict))
        self.held: dict[str, set[int]] = defaultdict(set)
        self.stored: dict[str, dict[int, int]] = defaultdict(dict)
        self.epoch: dict[str, int] = {}

    def read(self) -> Evidence:
        """Take in the lines written since the last time."""
        if not self._path.exists():
            return self
        with self._path.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        new = new[: new.rfind(b"\n") + 1]  # a kill can cut the last line
        self._at += len(new)
        for line in new.decode().splitlines():
            kind, node, epoch_text, position_text, *rest = line.split()
            epoch, position = int(epoch_text), int(position_text)
            if kind == "S":
                self.stored[node][epoch] = max(position, self.stored[node].get(epoch, 0))
                continue
            value = None if rest[0] == "-" else int(rest[0])
            self.given[node][epoch][position] = value
            self.epoch[node] = epoch
            if kind == "H" and value is not None:
                self.held[node].add(value)
        return self

    def acknowledged(self) -> dict[str, set[int]]:
        """Numbers that the hub said it has, and that the agent was therefore free to forget."""
        return {
            node: {
                value
                for epoch, keys in epochs.items()
                for position, value in keys.items()
                if value is not None and position <= self.stored[node].get(epoch, 0)
            }
            for node, epochs in self.given.items()
        }

    def all_given(self) -> dict[str, set[int]]:
        """Numbers that got a position in this run, or had one at its start."""
        return {
            node: {value for keys in epochs.values() for value in keys.values() if value is not None}
            for node, epochs in self.given.items()
        }

    def acknowledged_count(self) -> int:
        """Positions acknowledged in this run, of all nodes."""
        return sum(sum(epochs.values()) for epochs in self.stored.values())

    def drained(self, nodes: Iterable[str]) -> bool:
        """True if each node's every payload is acknowledged."""
        self.read()
        for node in nodes:
            epoch = self.epoch.get(node)
            if epoch is None or self.stored[node].get(epoch, 0) < max(self.given[node][epoch]):
                return False
        return True


class Sender:
    """A sender's folder with its outbox, and the runs of its process."""

    def __init__(
        self,
        port: int,
        folder: Path,
        nodes: list[str],
        per_s: float = 1000,
        first_run: int = 0,
        client: str = "",
    ) -> None:
        self.folder, self.nodes, self.per_s = folder, nodes, per_s
        self.runs: list[Evidence] = []
        self.process: Process | None = None
        self._port, self._first_run, self._client = port, first_run, client
        (folder / "box").mkdir(parents=True, exist_ok=True)

    @property
    def box(self) -> Path:
        """The folder that an operator would back up, delete or copy."""
        return self.folder / "box"

    def start(self) -> Sender:
        """Start the process; each run has its own numbers and its own evidence."""
        run = self._first_run + len(self.runs)
        evidence = self.folder / f"evidence-{len(self.runs)}"
        command = [
            sys.executable, "-m", "tests.faults.sender", "--port", str(self._port),
            "--outbox", str(self.box / "o.db"), "--evidence", str(evidence), "--group", GROUP,
            "--nodes", ",".join(self.nodes), "--per-s", str(self.per_s), "--start", str(run * NUMBERS_A_RUN),
        ]  # fmt: skip
        if self._client:
            command += ["--client-id", self._client]
        self.runs.append(Evidence(evidence))
        self.process = Process(command, self.folder / "sender.log")
        return self

    @property
    def now(self) -> Evidence:
        """The evidence of the latest run, as of now."""
        return self.runs[-1].read()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def pause(self) -> None:
        assert self.process is not None
        self.process.signal(signal.SIGUSR1)

    def resume(self) -> None:
        assert self.process is not None
        self.process.signal(signal.SIGUSR2)

    def stop(self) -> None:
        """Let it end in order."""
        assert self.process is not None
        assert self.process.terminate() == 0, (self.folder / "sender.log").read_text()

    def wait_for_progress(self, more: int = 1, seconds: float = 60) -> None:
        """Return when the hub has acknowledged this many positions more than now."""
        target = self.now.acknowledged_count() + more
        until(
            self._alive(lambda: self.now.acknowledged_count() >= target),
            seconds,
            f"acknowledgement of {more} more",
        )

    def wait_until_known(self, seconds: float = 60) -> None:
        """Return when the hub has acknowledged something of every node, so that it has all their births."""
        until(
            self._alive(lambda: all(any(self.now.stored[node].values()) for node in self.nodes)),
            seconds,
            "acknowledgement of every node",
        )

    def drain(self, seconds: float = 60) -> None:
        """Make no more numbers; return when the hub has acknowledged everything."""
        self.pause()
        time.sleep(0.1)
        until(
            self._alive(lambda: self.now.drained(self.nodes)), seconds, "acknowledgement of everything held"
        )

    def _alive(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        def check() -> bool:
            assert self.process is not None
            assert self.process.running, (self.folder / "sender.log").read_text()
            return condition()

        return check

    def acknowledged(self) -> dict[str, set[int]]:
        """Numbers acknowledged in any run."""
        return union(run.read().acknowledged() for run in self.runs)

    def must_arrive(self) -> dict[str, set[int]]:
        """After a drain: acknowledged in any run, held at the start of one, or given in the last."""
        held = [run.read().held for run in self.runs]
        return union([self.acknowledged(), *held, self.runs[-1].all_given()])


def union(parts: Iterable[dict[str, set[int]]]) -> dict[str, set[int]]:
    """Join sets by node."""
    result: dict[str, set[int]] = defaultdict(set)
    for part in parts:
        for node, values in part.items():
            result[node] |= values
    return result


def missing(hub: Hub, wanted: dict[str, set[int]]) -> dict[str, list[int]]:
    """Numbers that the telemetry lacks, by node; the first few of each."""
    try:
        found = hub.numbers(wanted)
    except sqlite3.OperationalError:  # the file is just being made
        found = {}
    lacking = {node: sorted(values - set(found.get(node, ()))) for node, values in wanted.items()}
    return {node: values[:10] for node, values in lacking.items() if values}


def expect_stored_once(hub: Hub, wanted: dict[str, set[int]], seconds: float = 30, copies: int = 1) -> None:
    """Every wanted number gets into the telemetry in time, and nothing is there twice.

    `copies`: how often where an outbox was copied, and a number therefore sent under so many keys.
    """
    deadline_s = time.monotonic() + seconds
    while lacking := missing(hub, wanted):
        assert time.monotonic() < deadline_s, f"acknowledged, but not in the telemetry: {lacking}"
        time.sleep(0.1)
    for node, found in hub.numbers(wanted).items():
        twice = [value for value, count in found.items() if count > copies]
        assert not twice, f"stored more than once for {node}: {sorted(twice)[:10]}"


def expect_journalled(hub: Hub, evidence: Evidence) -> None:
    """What a dead hub had acknowledged is in its journal."""
    on_disk = hub.positions_on_disk()
    for node, epochs in evidence.read().stored.items():
        for epoch, stored in epochs.items():
            through = on_disk.get((f"{GROUP}/{node}", epoch), Positions()).through
            assert through >= stored, f"{node} was told {stored}, the journal has {through}"


def retained(port: int, topic: str, seconds: float = 1.0) -> dict[str, Any]:
    """The broker's retained JSON documents, by topic."""
    found: dict[str, Any] = {}

    def take(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.payload:
            found[message.topic] = json.loads(message.payload)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = take
    client.connect("127.0.0.1", port)
    client.subscribe(topic)
    client.loop_start()
    time.sleep(seconds)
    client.disconnect()
    client.loop_stop()
    return found


def status(port: int) -> dict[str, Any]:
    """The ingest role's own counts."""
    (document,) = retained(port, "hub/status/ingest/0", 1.2).values()
    assert isinstance(document, dict)
    return document
