"""Real protocols under the agent's own loop: bad devices beside good ones, a refusal that kills none."""

import asyncio
from collections.abc import Callable

import pytest

from devices.kind import kind
from edge_agents.driver import PolledDevice
from edge_agents.node import DeviceDescription
from simulators.protocols.nut import Upsd
from simulators.protocols.pjlink import PJLinkProjector
from simulators.protocols.samsung_mdc import MdcDisplay
from simulators.protocols.served import LineFault
from tests.devices.protocols.lines import driver_of, simulated
from tests.edge_agents.conftest import NODE, Running, hub, running, until  # noqa: F401 — fixtures
from tests.edge_agents.hub_double import HubDouble


@pytest.mark.mosquitto
async def test_a_room_goes_on_beside_a_silent_and_a_locked_device(
    hub: HubDouble,  # noqa: F811
    running: Callable[..., Running],  # noqa: F811
) -> None:
    locked = PJLinkProjector(simulated("projector"), password="secret")
    projector, silent = PJLinkProjector(simulated("projector")), MdcDisplay(simulated("wall_cell"))
    silent.fault, projector.moods = LineFault.SILENCE, {"standby_err3"}
    async with locked, projector, silent, Upsd(simulated("ups")) as power:
        agent, loops = running(), {}
        for name, kind_id, port in (
            ("locked", "projector", locked.port),
            ("projector", "projector", projector.port),
            ("cell", "wall_cell", silent.port),
            ("ups", "ups", power.port),
        ):
            agent.node.declare(DeviceDescription.of(kind(kind_id), name, room="P101"))
            driver = driver_of(kind_id, port=port, answer_s=0.2)
            loops[name] = PolledDevice(agent.node, name, driver, kind(kind_id), poll_s=0.1, timeout_s=1)
        agent.start()
        await until(lambda: agent.node.connected)
        tasks = [asyncio.create_task(loop.run(agent.stop)) for loop in loops.values()]
        await until(lambda: hub.values[NODE, "ups"] and hub.values[NODE, "projector"])
        await until(lambda: len(hub.of("DDEATH")) >= 2)
        reasons = {one.topic.device: one.values["Properties/Reason"] for one in hub.of("DDEATH")}
        assert reasons == {"locked": "auth_failed", "cell": "timeout"}
        loops["projector"].write("Input", "HDMI 2")
        await until(lambda: loops["projector"].rejected_writes == 1)
        silent.fault = None
        await until(lambda: hub.values[NODE, "cell"], 5)
        assert {one.topic.device for one in hub.of("DDEATH")} == {"locked", "cell"}
        agent.stop.set()
        await asyncio.gather(*tasks)
