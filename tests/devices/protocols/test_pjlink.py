"""PJLink: a projector of either class, with and without a password, in every mood."""

from pathlib import Path

import pytest

from devices.kind import kind
from devices.protocols.failures import RefusedError
from simulators.protocols.pjlink import PJLinkProjector
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


@pytest.mark.parametrize("path", recorded("pjlink"))
async def test_recorded_conversations(path: Path) -> None:
    await replay(path)


@pytest.mark.parametrize("pjlink_class", [1, 2])
@pytest.mark.parametrize("password", ["", "mật khẩu"])
async def test_switching_on_is_seen_as_it_happens(pjlink_class: int, password: str) -> None:
    device = simulated("projector")
    server = PJLinkProjector(device, password=password, pjlink_class=pjlink_class)
    async with server:
        driver = driver_of("projector", port=server.port, **({"password": password} if password else {}))
        await driver.connect()
        values = await driver.poll()
        assert set(values) == {metric.name for metric in kind("projector").metrics}
        assert values["Power"] == "off"
        assert values["Temperature"] is None, "PJLink knows none: unknown is not zero"
        await driver.write("Power", "on")
        device.step(ROOM, 1)
        assert (await driver.poll())["Power"] == "warming"
        device.step(ROOM, 3600)
        await driver.write("Input", "HDMI 2")
        device.step(ROOM, 1)
        values = await driver.poll()
        assert (values["Power"], values["Input"], values["Fault"]) == ("on", "HDMI 2", "")
        assert values["Lamp Hours"] <= device.read()["Lamp Hours"], "asked once a minute"
        await driver.connect()
        assert (await driver.poll())["Lamp Hours"] == device.read()["Lamp Hours"]
        await driver.write("Power", "off")
        device.step(ROOM, 1)
        assert (await driver.poll())["Power"] == "cooling"
        with pytest.raises(RefusedError, match="unavailable"):
            await driver.write("Power", "on")
        another = driver_of("projector", port=server.port, **({"password": password} if password else {}))
        assert await polled(another) == "fine", "one session at a time: nobody keeps it from others"


async def test_standby_is_not_offline() -> None:
    async with PJLinkProjector(simulated("projector")) as server:
        assert isinstance(server, PJLinkProjector)
        server.moods = {"standby_err3", "no_power_in_standby"}
        driver = driver_of("projector", port=server.port)
        await driver.connect()
        values = await driver.poll()
        assert values == {"Power": "off", "Temperature": None}
        with pytest.raises(RefusedError):
            await driver.write("Input", "HDMI 1")


async def test_what_it_says_of_itself_that_is_not_fine() -> None:
    device = simulated("projector")
    device.fail("lamp")
    device.step(ROOM, 1)
    async with PJLinkProjector(device) as server:
        assert isinstance(server, PJLinkProjector)
        driver = driver_of("projector", port=server.port)
        await driver.connect()
        assert (await driver.poll())["Fault"] == "lamp"
        server.moods = {"no_lamp"}
        await driver.connect()
        assert (await driver.poll())["Lamp Hours"] is None, "a laser has no lamp; its hours are not 0"
        server.moods = {"failure"}
        values = await driver.poll()
        assert (values["Power"], values["Fault"]) == (None, "other")
        server.moods = {"odd_power"}
        assert await reason(driver.poll()) == "protocol_error"


async def test_an_input_of_ones_own_and_one_that_is_not_there() -> None:
    async with PJLinkProjector(simulated("projector")) as server:
        driver = driver_of("projector", port=server.port, inputs={"Bục giảng": "31"})
        await driver.connect()
        values = await driver.poll()
        assert values["Input"] in {"Bục giảng", "Digital 2"}
        with pytest.raises(RefusedError, match=r"options\.inputs"):
            await driver.write("Input", "VGA")


@pytest.mark.parametrize(("given", "set_"), [(None, "secret"), ("wrong", "secret")])
async def test_a_wrong_password_is_said_as_such(given: str | None, set_: str) -> None:
    async with PJLinkProjector(simulated("projector"), password=set_) as server:
        driver = driver_of("projector", port=server.port, **({"password": given} if given else {}))
        assert await polled(driver) == "auth_failed"


async def test_nobody_there() -> None:
    assert await polled(driver_of("projector", port=free_port())) == "refused"
    assert await polled(driver_of("projector", host="localhost", port=free_port())) == "refused"
    assert await polled(driver_of("projector", host="no-such-host.invalid")) == "no_route"


@pytest.mark.parametrize("fault", REASONS)
async def test_a_bad_line_has_a_reason_and_heals(fault: LineFault) -> None:
    async with PJLinkProjector(simulated("projector")) as server:
        driver = driver_of("projector", port=server.port, answer_s=0.15)
        await survives(driver, server, fault)


async def test_a_slow_line_is_only_slow() -> None:
    async with PJLinkProjector(simulated("projector"), password="secret") as server:
        server.fault = LineFault.TRICKLE
        driver = driver_of("projector", port=server.port, password="secret")
        assert await polled(driver) == "fine"
