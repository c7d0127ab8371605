"""A power cut at every acknowledgement, by system-call trace.

A killed process does not lose what the kernel holds, so killing proves nothing about the disk. Here every
write of the ingest role is traced, and the journal is put together again from what was written before a
finished fsync and nothing else: the disk as it would be found if the power had failed at the very moment
in which an acknowledgement left.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.wire.payloads import decode_payload
from devices.wire.sparkplug_b_pb2 import Payload
from hub.ingest.journal import unpack
from tests.faults.rig import Hub, Sender

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]

CALLS = "trace=pwrite64,fsync,fdatasync,ftruncate,write,writev,sendto,sendmsg"
_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((\d+)<([^>]*)>(.*)$")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>.*= (-?\d+)")


class Disk:
    """The files of one folder, as written and as durable."""

    def __init__(self) -> None:
        self.written: dict[str, bytearray] = defaultdict(bytearray)
        self.durable: dict[str, bytes] = {}
        self._syncing: dict[str, tuple[str, bytes]] = {}

    def write(self, name: str, offset: int, data: bytes) -> None:
        file = self.written[name]
        file.extend(b"\0" * (offset - len(file)))
        file[offset : offset + len(data)] = data

    def begin_sync(self, thread: str, name: str) -> None:
        self._syncing[thread] = (name, bytes(self.written[name]))

    def end_sync(self, thread: str) -> None:
        name, content = self._syncing.pop(thread)
        self.durable[name] = content

    def positions_after_power_cut(
        self, folder: Path
    ) -> tuple[dict[tuple[str, int], int], set[tuple[str, int, int]]]:
        """Start from what is durable: (sender, epoch) -> through; (node, epoch, position) of payloads."""
        folder.mkdir()
        for name, content in self.durable.items():
            (folder / name).write_bytes(content)
        db = sqlite3.connect(folder / "journal.db")
        try:
            through = {
                (row[0], row[1]): row[2] for row in db.execute("SELECT sender, epoch, through FROM position")
            }
            kept = {
                (topic.split(b"/")[3].decode(), metrics[0].long_value, metrics[1].long_value)
                for (packed,) in db.execute("SELECT packed FROM entry")
                for topic, raw in unpack(packed)
                if len(metrics := Payload.FromString(raw).metrics) > 1
                and metrics[1].name == "Outbox/Position"
            }
        finally:
            db.close()
        return through, kept


def answers(stream: bytearray) -> Iterator[tuple[str, int, int]]:
    """Take whole MQTT packets off the stream; give (node, epoch, stored) of each acknowledgement."""
    while len(stream) >= 2:
        size, shift, at = 0, 0, 1
        while True:
            if at >= len(stream):
                return
            byte = stream[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                break
        if len(stream) < at + size:
            return
        body, is_publish, qos = bytes(stream[at : at + size]), stream[0] >> 4 == 3, stream[0] >> 1 & 3
        del stream[: at + size]
        if is_publish:
            end = 2 + int.from_bytes(body[:2], "big")
            parts = body[2:end].decode().split("/")
            if parts[2:3] == ["NCMD"]:
                values = {
                    metric.name: metric.value
                    for metric in decode_payload(body[end + 2 * bool(qos) :]).metrics
                }
                if "Outbox/Stored" in values:
                    yield parts[3], values["Outbox/Epoch"], values["Outbox/Stored"]


def data_of(call: str) -> bytes:
    """The bytes that a traced call wrote, all parts of a vector."""
    return b"".join(bytes.fromhex(part.replace("\\x", "")) for part in _BYTES.findall(call))


def check(trace: Path, scratch: Path) -> int:
    """Follow the trace; returns how many acknowledgements were checked."""
    disk, checked, highest = Disk(), 0, 0
    streams: dict[str, bytearray] = defaultdict(bytearray)
    for line in trace.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, call = found.groups()
        if (resumed := _RESUMED.match(call)) is not None:
            if resumed[1] in ("fsync", "fdatasync") and resumed[2] == "0" and thread in disk._syncing:
                disk.end_sync(thread)
            continue
        made = _CALL.match(call)
        if made is None:
            continue
        name, fd, hex_path, rest = made.groups()
        path = bytes.fromhex(hex_path.replace("\\x", "")).decode()
        file = path.rpartition("/")[2]
        if file in ("journal.db", "journal.db-wal"):
            if name == "pwrite64":
                offset = re.search(r", (\d+)(?:\)| <unfinished)", rest)
                assert offset is not None, call[-80:]
                disk.write(file, int(offset[1]), data_of(rest))
            elif name in ("fsync", "fdatasync"):
                disk.begin_sync(thread, file)
                if rest.endswith("= 0"):
                    disk.end_sync(thread)
            elif name == "ftruncate":
                del disk.written[file][int(re.findall(r"\d+", rest)[0]) :]
            else:
                raise AssertionError(
                    f"the journal is written in a way this test does not follow: {call[:80]}"
                )
        elif path.startswith(("socket:", "TCP")):
            stream = streams[fd]
            stream += data_of(rest)
            for node, epoch, stored in list(answers(stream)):
                through, kept = disk.positions_after_power_cut(scratch / str(checked))
                sender = next(
                    (key for key in through if key[0].endswith("/" + node) and key[1] == epoch), None
                )
                durable = through[sender] if sender else 0
                assert durable >= stored, f"{node} was told {stored}; the disk had {durable}"
                lacking = [p for p in range(1, stored + 1) if (node, epoch, p) not in kept]
                assert not lacking, f"{node} was told {stored}; payloads {lacking[:10]} were not on the disk"
                checked, highest = checked + 1, max(highest, stored)
    assert highest > 100, "too little was acknowledged to show anything"
    return checked


def test_the_journal_is_on_disk_before_the_acknowledgement_leaves(
    hub: Hub, sender: Callable[..., Sender], program: Callable[[str], Path], tmp_path: Path, broker: Any
) -> None:
    strace, trace = program("strace"), tmp_path / "trace"
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"strace may not trace processes here: {probe.stderr.strip()[:200]}")
    hub.start([str(strace), "-f", "-y", "-xx", "-s", "1000000", "-o", str(trace), "-e", CALLS])
    agent = sender(nodes=2, per_s=100).start()
    for _ in range(6):  # each takes an acknowledgement at least, however slow the machine
        agent.wait_for_progress(100)
    agent.drain()
    agent.stop()
    assert hub.process is not None
    child = Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text().split()
    subprocess.run(["kill", "-TERM", *child], check=True)
    assert hub.process.wait(20) == 0
    assert check(trace, tmp_path) >= 6
