"""What whole rooms have to tell the hub: devices on real sockets, a real agent, the hub's own ingest."""

from pathlib import Path
from typing import Any

import pytest

from devices.kind import kinds
from edge_agents.node import utc_ms
from hub.ingest.model import BORN, DEAD
from hub.ingest.model import Device as Shown
from simulators.rooms.room import LESSON, RoomPlan, opened
from tests.conftest import Broker
from tests.edge_agents.conftest import until
from tests.edge_agents.hub_double import HubDouble
from tests.hub.ingest.parts import Parts
from tests.simulators.rooms.test_room import GROUP, NODE, agent_in

pytestmark = pytest.mark.mosquitto


class Ingest:
    """The hub's decoder, sessions and state, behind what a double hears and acknowledges."""

    def __init__(self, folder: Path, hub: HubDouble, ahead_ms: int = 0) -> None:
        folder.mkdir()
        self.parts = Parts(folder, (GROUP,))
        self._hub, self._ahead_ms, self._taken = hub, ahead_ms, 0

    def devices(self) -> dict[str, Shown]:
        """What the hub knows by now; its clock is `ahead_ms` of the agent's."""
        heard = self._hub.heard
        for one in heard[self._taken :]:
            self.parts.now_ms = utc_ms() + self._ahead_ms
            self.parts.send(str(one.topic), one.raw)
        self._taken = len(heard)
        node = self.parts.directory.nodes.get(f"{GROUP}/{NODE}")
        return {} if node is None else dict(node.devices)

    def values(self, metric: str) -> dict[str, Any]:
        """The present value of a metric by device, of those that have it."""
        return {name: one.slots[metric].value for name, one in self.devices().items() if metric in one.slots}


async def lent_out(kind_id: str, broker: Broker, folder: Path) -> None:
    """Ten of them through a lesson: battery, whether in use, and the minutes that make hours of use."""
    plan = RoomPlan({kind_id: kinds()[kind_id]}, each=10, broker_url=broker.url)
    async with (
        HubDouble(broker.port) as hub,
        opened(plan) as room,
        agent_in(room, broker, folder),
    ):
        ingest = Ingest(folder / "hub", hub)
        await until(lambda: sum(one is not None for one in ingest.values("Battery").values()) == 10, 20)
        before_min = {name: value for name, value in ingest.values("Session").items() if value}
        for stand in room.stands:
            stand.device.step(LESSON, 45 * 60)
        truth = {one.id: one.device.read() for one in room.stands}
        in_use = {name for name, one in truth.items() if one["In Use"]}
        assert len(in_use) >= 5
        await until(
            lambda: (
                {name for name, value in ingest.values("Session").items() if value and value >= 45} == in_use
            ),
            20,
        )
        assert {name for name, value in ingest.values("In Use").items() if value} == in_use
        minutes = ingest.values("Session")
        hours = sum(minutes[name] - before_min.get(name, 0) for name in in_use) / 60
        assert hours == pytest.approx(len(in_use) * 0.75, abs=0.2)
        levels = ingest.values("Battery")
        assert all(levels[name] < 90 for name in in_use), "what is used drains"
        assert all(one.presence.state == BORN for one in ingest.devices().values())
        assert ingest.parts.reasons == {}


async def test_m08_ten_headsets_tell_battery_use_and_the_minutes_of_it(
    broker: Broker, tmp_path: Path
) -> None:
    await lent_out("vr_headset", broker, tmp_path)


async def test_m09_ten_ar_tablets_tell_the_same(broker: Broker, tmp_path: Path) -> None:
    await lent_out("ar_tablet", broker, tmp_path)


async def test_m17_an_exam_room_says_which_pc_is_away_and_why_and_whose_clock_is_wrong(
    broker: Broker, tmp_path: Path
) -> None:
    known = {one: kinds()[one] for one in ("lab_pc", "ups", "network_switch")}
    async with (
        HubDouble(broker.port) as hub,
        opened(RoomPlan(known, each=2, broker_url=broker.url)) as room,
        agent_in(room, broker, tmp_path),
    ):
        ingest = Ingest(tmp_path / "hub", hub)
        stands = {one.id: one for one in room.stands}
        pcs = [name for name, one in stands.items() if one.kind.id == "lab_pc"]
        for name in pcs:
            stands[name].device.write("Power", True)

        def not_ready() -> dict[str, str]:
            """Why the room is not ready, by device: what a check of readiness reads."""
            why = {}
            for name, one in ingest.devices().items():
                if one.presence.state != BORN:
                    why[name] = one.presence.reason
                elif name in pcs and one.slots["Power"].value is not True:
                    why[name] = "off"
            return why

        await until(lambda: len(ingest.devices()) == 6 and not not_ready(), 20)
        assert all(value == "online" for value in ingest.values("Status").values() if value is not None)
        stands[pcs[0]].device.write("Power", False)
        await stands["p101-ups-1"].strike("reset")
        # a PC that goes cuts its session; the next poll knows that it is off
        await until(lambda: not_ready() == {pcs[0]: "off", "p101-ups-1": "protocol_error"}, 20)
        assert ingest.devices()["p101-ups-1"].presence.state == DEAD
        stands[pcs[0]].device.write("Power", True)
        await stands["p101-ups-1"].heal("reset")
        await until(lambda: not not_ready(), 20)
        node = ingest.parts.directory.nodes[f"{GROUP}/{NODE}"]
        assert node.skew_ms == 0
        late = Ingest(tmp_path / "an-hour-ahead", hub, 3_600_000)
        assert late.devices()
        assert late.parts.directory.nodes[f"{GROUP}/{NODE}"].skew_ms == pytest.approx(3_600_000, abs=60_000)
