"""The follower's memory on disk: births, current values and presence as of one journal entry.

Written every few seconds for what changed. After a restart the follower loads it and reads the journal from
the entry it names: sessions, aliases and values are then exactly what they were, and nobody is asked for a
rebirth who need not be.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from devices.wire.sparkplug_b_pb2 import Payload
from hub.ingest.model import Device, Node, Presence
from hub.ingest.sessions import Directory

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_SCHEMA = """
CREATE TABLE IF NOT EXISTS remembered (
    sender TEXT, device TEXT, body BLOB NOT NULL, PRIMARY KEY (sender, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), entry_id INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be remembered: encoded (sender, device id, body), and the entry up to which it holds."""

    entry_id: int
    bodies: list[tuple[str, str, bytes]]


class FollowerState:
    """One SQLite file; `save` blocks on the disk and is called from a worker thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT entry_id FROM cursor").fetchone()
        self.cursor: int = row[0] if row else 0

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot and its cursor in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO remembered VALUES (?,?,?)", snapshot.bodies)
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (snapshot.entry_id,))
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise
        self.cursor = snapshot.entry_id

    def restore(self, directory: Directory) -> None:
        """Rebuild nodes, devices and values; nodes first, because a device hangs on its node."""
        rows = self._db.execute("SELECT sender, device, body FROM remembered ORDER BY sender, device")
        for sender, device_id, body in rows:
            group, _, node_id = sender.partition("/")
            node = directory.node(group, node_id)
            if node is None:
                continue
            remembered = _decode(body)
            try:
                if not device_id:
                    _restore_node(directory, node, remembered)
                else:
                    _restore_device(directory, node, device_id, remembered)
            except (
                ValueError
            ) as error:  # another version took this birth: its node will be asked for a new one
                log.warning("%s/%s: its birth cannot be taken any more: %s", sender, device_id, error)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def snapshot_of(devices: list[Device], entry_id: int) -> Snapshot:
    """Encode the devices (a node is its device "")."""
    return Snapshot(
        entry_id, [(device.node.sender, device.id, _encode(_remember(device))) for device in devices]
    )


def _remember(device: Device) -> dict[str, Any]:
    presence = device.presence
    body: dict[str, Any] = {
        "birth": device.birth,
        "presence": (presence.state, presence.reason, presence.since_ms),
        "values": [(slot.name, slot.value, slot.ts_ms) for slot in device.slots.values() if slot.ts_ms],
        "topic": device.topic,
        "gap": (device.gap_ms, device.gap_is_own),
    }
    if not device.id:
        node = device.node
        body["expected"] = node.tracker.expected
        body["heard_ms"] = node.heard_ms
        body["skew_ms"] = node.skew_ms
        body["epoch"] = node.epoch
    return body


def _restore_node(directory: Directory, node: Node, body: dict[str, Any]) -> None:
    node.heard_ms, node.skew_ms, node.epoch = body["heard_ms"], body["skew_ms"], body["epoch"]
    if body["birth"] is not None:
        directory.node_birth(node, Payload.FromString(body["birth"]), body["birth"])
    node.tracker.expected = body["expected"]
    _restore_values(node.itself, body)


def _restore_device(directory: Directory, node: Node, device_id: str, body: dict[str, Any]) -> None:
    device = directory.device(node, device_id)
    if body["birth"] is not None:
        directory.device_birth(node, device, Payload.FromString(body["birth"]), body["birth"])
    _restore_values(device, body)


def _restore_values(device: Device, body: dict[str, Any]) -> None:
    device.presence = Presence(*body["presence"])
    device.topic = body["topic"]
    device.gap_ms, device.gap_is_own = body.get("gap", (0, False))
    for name, value, ts_ms in body["values"]:
        slot = device.slots.get(name)
        if slot is not None:
            slot.value, slot.ts_ms = value, ts_ms
