"""The driver without a device: alive in real time, and restless where a measurement wants it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.kind import DeviceKind, kinds
from devices.wire.sparkplug_b_pb2 import Payload
from edge_agents.rules import Columns, Reported
from edge_agents.settings import load
from edge_agents.simulated import SimulatedDriver
from hub.benchmarks.agent import Acknowledger, config


def seconds() -> Iterator[float]:
    yield from map(float, range(1_764_036_300, 1_764_036_400))


@pytest.mark.parametrize("one", kinds().values(), ids=lambda one: one.id)
async def test_a_restless_device_has_a_change_at_every_poll(one: DeviceKind) -> None:
    clock = seconds()
    driver = SimulatedDriver(one, 1, lambda: next(clock), restless=True)
    told = Reported(Columns(one.metrics))
    for poll in range(20):
        changes = told.changes(await driver.poll(), 1000 * poll + 1)
        assert changes
        told.accept(changes)
    assert told.rejected == 0


def test_the_benchmark_gives_an_agent_sixty_devices_of_all_kinds(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(config("mqtt://127.0.0.1:1", 60, 1.0), encoding="utf-8")
    settings = load(file)
    assert len(settings.devices) == 60
    assert {device.kind for device in settings.devices} == set(kinds())
    assert {device.poll_s for device in settings.devices} == {1.0}


def test_what_stands_for_the_hub_answers_through_what_has_no_hole() -> None:
    def data(position: int) -> tuple[bytes, bytes]:
        payload = Payload()
        payload.metrics.add(name="Outbox/Epoch", long_value=7)
        payload.metrics.add(name="Outbox/Position", long_value=position)
        payload.metrics.add(name="CO2", int_value=400)
        return b"spBv1.0/S/DDATA/n/air", payload.SerializeToString()

    stored = Payload()
    stored.metrics.add(name="Outbox/Stored", datatype=8, long_value=3)
    hub = Acknowledger()
    assert hub.answer() is None
    hub.hear([data(1), data(3), data(3), data(2), data(5)])
    answer = hub.answer()
    assert answer is not None
    assert answer.endswith(stored.SerializeToString())
    assert (hub.payloads, hub.values) == (4, 4)
    assert hub.answer() is None
