"""Samsung MDC: displays and cells of a wall, also those that hang up, stay silent or answer in pieces."""

from pathlib import Path

import pytest

from devices.kind import kind
from devices.protocols.failures import RefusedError
from simulators.protocols.samsung_mdc import MdcDisplay
from simulators.protocols.served import LineFault
from tests.devices.protocols.lines import (
    REASONS,
    ROOM,
    driver_of,
    free_port,
    polled,
    reason,
    simulated,
    survives,
)
from tests.devices.protocols.replay import recorded, replay


@pytest.mark.parametrize("path", recorded("samsung_mdc"))
async def test_recorded_conversations(path: Path) -> None:
    await replay(path)


async def test_a_wall_cell_knows_its_place_and_obeys() -> None:
    device = simulated("wall_cell")
    device.place("operations_centre", 7)
    async with MdcDisplay(device) as server:
        driver = driver_of("wall_cell", port=server.port)
        await driver.connect()
        for power in ("on", "standby", "off", "on"):
            await driver.write("Power", power)
            device.step(ROOM, 1)
            values = await driver.poll()
            assert values["Power"] == power
        assert set(values) == {metric.name for metric in kind("wall_cell").metrics}
        assert values["Position"] == "2-3"
        assert values["Operating Hours"] == device.read()["Operating Hours"]
        assert values["Temperature"] == pytest.approx(device.read()["Temperature"], abs=1)
        await driver.write("Input", "HDMI 2")
        await driver.write("Brightness", 35)
        device.fail("no_signal")
        device.step(ROOM, 1)
        values = await driver.poll()
        assert (values["Input"], values["Brightness"], values["Fault"]) == ("HDMI 2", 35, "no_signal")
        assert server.sessions == 1, "one connection, kept open"
        await driver.close()


async def test_an_interactive_display() -> None:
    device = simulated("interactive_display")
    async with MdcDisplay(device, display_id=7) as server:
        driver = driver_of("interactive_display", port=server.port, display_id=7)
        await driver.connect()
        await driver.write("Power", True)
        await driver.write("Input", "OPS")
        await driver.write("Brightness", 80)
        device.fail("panel")
        device.step(ROOM, 1)
        values = await driver.poll()
        assert set(values) == {metric.name for metric in kind("interactive_display").metrics}
        assert (values["Power"], values["Input"], values["Brightness"]) == (True, "OPS", 80)
        assert (values["Firmware"], values["Fault"]) == (device.read()["Firmware"], "panel")
        await driver.close()


async def test_standby_is_not_offline_and_no_is_not_either() -> None:
    device = simulated("wall_cell")
    device.write("Power", "off")
    device.step(ROOM, 1)
    async with MdcDisplay(device) as server:
        assert isinstance(server, MdcDisplay)
        server.moods = {"mute_in_standby"}
        driver = driver_of("wall_cell", port=server.port, inputs={"HDMI 1": "HDMI1", "Bàn": "NOWHERE"})
        await driver.connect()
        assert await driver.poll() == {"Power": "off", "Input": "DISPLAY_PORT_1"}
        for metric, value in (("Brightness", 5), ("Input", "HDMI 1"), ("Input", "Bàn"), ("Position", "1-1")):
            with pytest.raises(RefusedError):
                await driver.write(metric, value)
        assert (await driver.poll())["Power"] == "off", "the session goes on"
        server.moods = {"odd_power"}
        assert await reason(driver.poll()) == "protocol_error"
        await driver.close()


async def test_a_display_that_hangs_up_between_polls_is_called_again() -> None:
    async with MdcDisplay(simulated("wall_cell")) as server:
        driver = driver_of("wall_cell", port=server.port)
        assert await polled(driver) == "fine"
        await server.hang_up()
        assert await reason(driver.poll()) == "fine"
        assert server.sessions == 2
        await driver.close()


async def test_another_display_of_the_line_does_not_answer() -> None:
    async with MdcDisplay(simulated("wall_cell"), display_id=2) as server:
        driver = driver_of("wall_cell", port=server.port, answer_s=0.1)
        assert await polled(driver) == "timeout"
        await driver.close()
    assert await polled(driver_of("wall_cell", port=free_port())) == "refused"


@pytest.mark.parametrize("fault", REASONS)
async def test_a_bad_line_has_a_reason_and_heals(fault: LineFault) -> None:
    async with MdcDisplay(simulated("wall_cell")) as server:
        await survives(driver_of("wall_cell", port=server.port, answer_s=0.15), server, fault)


async def test_a_slow_line_is_only_slow() -> None:
    async with MdcDisplay(simulated("wall_cell")) as server:
        server.fault = LineFault.TRICKLE
        driver = driver_of("wall_cell", port=server.port)
        assert await polled(driver) == "fine", "answers come in pieces"
        await driver.close()
