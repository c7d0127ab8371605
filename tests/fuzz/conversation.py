"""One conversation of a hostile node with the hub, and what has to hold after it."""

from __future__ import annotations

from pathlib import Path

from hub.ingest.journal import pack, unpack
from hub.ingest.mirror import Mirror
from hub.ingest.state import FollowerState, snapshot_of
from tests.fuzz.seeds import births, topic_of
from tests.hub.ingest.parts import Parts, Sender, number

_BIRTHS = [(topic_of(topic), raw) for topic, raw in births()]


def check(folder: Path, messages: list[tuple[bytes, bytes]]) -> None:
    """Send the messages, some at once; then everything adds up and a good neighbour is well."""
    parts = Parts(folder)
    try:
        good = Sender(parts, node="good").born("air")
        parts.send_all(_BIRTHS)
        assert list(unpack(pack(messages))) == messages
        half = len(messages) // 2
        for part, seconds in ((messages[:half], 1), (messages[half:], 3), ([], 70)):
            parts.send_all(part)
            parts.tick(seconds)
        _adds_up(parts)
        before = len(parts.rows)
        good.data("air", number("Temperature", 22.25))
        assert parts.value("air", "Temperature", "S1/good") == 22.25
        assert len(parts.rows) == before + 1
        parts.telemetry.write(parts.rows)
        _is_shown(parts)
        _is_remembered(parts, folder)
    finally:
        parts.telemetry.close()


def _adds_up(parts: Parts) -> None:
    gate = parts.applier.quarantine
    assert gate.total == sum(gate.by_reason.values())
    assert "hub_error" not in gate.by_reason, "something was raised that nobody expected"
    assert gate.unkept + len(parts.effects.quarantine) <= gate.total
    for node in parts.directory.nodes.values():
        for known in node.positions.values():
            assert known.through >= 0
            assert all(a <= b for a, b in known.beyond)
            ends = zip(known.beyond, known.beyond[1:], strict=False)
            assert all(end + 1 < start for (_, end), (start, _) in ends)


def _is_shown(parts: Parts) -> None:
    mirror = Mirror(parts.directory, lambda topic, payload: None, 500)
    for node in parts.directory.nodes.values():
        for device in (node.itself, *node.devices.values()):
            mirror.publish(device, parts.now_ms)


def _is_remembered(parts: Parts, folder: Path) -> None:
    """After a restart values, births and presence are what they were."""
    state = FollowerState(folder / "state.db")
    fresh = Parts(folder / "restarted")
    try:
        devices = [
            device
            for node in parts.directory.nodes.values()
            for device in (node.itself, *node.devices.values())
        ]
        state.save(snapshot_of(devices, parts.entry))
        state.restore(fresh.directory)
        for device in devices:
            found = fresh.directory.nodes[device.node.sender]
            again = found.devices[device.id] if device.id else found.itself
            if device.birth is not None:
                assert again.birth == device.birth
                shown = {slot.name: repr(slot.value) for slot in device.slots.values()}
                assert {slot.name: repr(slot.value) for slot in again.slots.values()} == shown
    finally:
        state.close()
        fresh.telemetry.close()
