"""NUT: a simulated upsd in every mood, and NUT's own upsd with its dummy-ups."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aionut import AIONUTClient, NUTError
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import RoomConditions, kind
from devices.protocols.failures import RefusedError
from devices.protocols.nut.driver import values_of
from simulators.protocols.nut import Upsd, variables_of
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

DUMMY = next(
    (path for folder in ("/lib/nut", "/usr/lib/nut") if (path := Path(folder, "dummy-ups")).exists()), None
)
# Debian's upsd in sbin is a script that wants to be enabled first; the program itself is with the drivers
UPSD = shutil.which(
    "upsd", path=f"/lib/nut:/usr/lib/nut:{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
)


@pytest.mark.parametrize("path", recorded("nut"))
async def test_recorded_conversations(path: Path) -> None:
    await replay(path)


async def test_a_power_cut_is_followed_to_its_end() -> None:
    device = simulated("ups")
    dark = RoomConditions(powered=False)
    async with Upsd(device) as server:
        driver = driver_of("ups", port=server.port)
        await driver.connect()
        values = await driver.poll()
        assert set(values) == {metric.name for metric in kind("ups").metrics}
        assert values == pytest.approx(device.read(), abs=0.1)
        seen = [values["Status"]]
        while seen[-1] != "unplugged":
            device.step(dark, 60)
            try:
                seen.append((await driver.poll())["Status"])
            except Exception as error:  # noqa: BLE001 — the loop of a device takes any
                seen.append(getattr(error, "reason", repr(error)))
        assert list(dict.fromkeys(seen)) == ["online", "on_battery", "low_battery", "unplugged"]
        await driver.close()


async def test_commands_need_an_account() -> None:
    device = simulated("ups")
    async with Upsd(device, account=("hub", "secret")) as server:
        options = {"port": server.port, "username": "hub"}
        driver = driver_of("ups", **options, password="secret")
        await driver.write("Beeper", False)
        device.step(ROOM, 1)
        assert (await driver.poll())["Beeper"] is False
        with pytest.raises(RefusedError):
            await driver.write("Charge", 100)
        await driver.close()
        for wrong in (driver_of("ups", **options, password="guess"), driver_of("ups", port=server.port)):
            with pytest.raises(RefusedError, match=r"options\.username"):
                await wrong.write("Beeper", True)
            assert await reason(wrong.poll()) == "fine", "a refused command is no reason to be offline"
            await wrong.close()


async def test_moods_have_reasons() -> None:
    async with Upsd(simulated("ups")) as server:
        assert isinstance(server, Upsd)
        driver = driver_of("ups", port=server.port)
        for mood, said in (("stale", "unplugged"), ("no_driver", "unplugged"), ("closed", "auth_failed")):
            server.moods = {mood}
            assert await polled(driver) == said
        server.moods = {"odd_status", "odd_numbers"}
        values = await driver.poll()
        assert (values["On Battery"], values["Status"], values["Charge"]) == (None, None, None)
        await driver.close()
        assert await polled(driver_of("ups", port=server.port, ups="other")) == "protocol_error"
    assert await polled(driver_of("ups", port=free_port())) == "refused"


async def test_a_server_that_hangs_up_between_polls_is_called_again() -> None:
    async with Upsd(simulated("ups")) as server:
        driver = driver_of("ups", port=server.port)
        assert await polled(driver) == "fine"
        await server.hang_up()
        assert await polled(driver) == "fine"
        assert server.sessions == 2
        await driver.close()


@pytest.mark.parametrize("fault", REASONS)
async def test_a_bad_line_has_a_reason_and_heals(fault: LineFault) -> None:
    async with Upsd(simulated("ups")) as server:
        await survives(driver_of("ups", port=server.port, answer_s=0.15), server, fault)


async def test_a_slow_line_is_only_slow() -> None:
    async with Upsd(simulated("ups")) as server:
        server.fault, server.trickle_s = LineFault.TRICKLE, 0.0002
        driver = driver_of("ups", port=server.port)
        assert await polled(driver) == "fine"
        await driver.close()


@given(st.dictionaries(st.sampled_from(sorted(variables_of(simulated("ups").read()))), st.text(max_size=12)))
def test_whatever_a_ups_says_becomes_values_of_the_kind(variables: dict[str, str]) -> None:
    values = values_of(variables)
    for metric in kind("ups").metrics:
        value = values[metric.name]
        assert value is None or metric.states is None or value in metric.states
        assert not (isinstance(value, float) and value != value)


@pytest.fixture
def upsd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """NUT's own server with dummy-ups, which reads a file: its port, and the file."""
    if DUMMY is None or UPSD is None:
        pytest.skip("needs NUT's upsd and dummy-ups (Debian: nut-server)")
    port, state = free_port(), tmp_path / "state"
    state.mkdir()
    told = tmp_path / "ups.dev"
    tell(told, simulated("ups").read())
    (tmp_path / "ups.conf").write_text(
        f"pollinterval = 1\n[ups]\n driver = dummy-ups\n port = {told}\n mode = dummy-once\n"
    )
    (tmp_path / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\n")
    (tmp_path / "upsd.users").write_text("[hub]\n password = secret\n instcmds = ALL\n")
    for file in tmp_path.glob("ups*"):
        file.chmod(0o640)
    user = ["-u", "root"] if os.geteuid() == 0 else []
    environment = {**os.environ, "NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(state)}
    environment |= {"NUT_ALTPIDPATH": str(state), "NUT_PIDPATH": str(state)}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    driver = subprocess.Popen([str(DUMMY), "-a", "ups", "-F", *user], **quiet)  # type: ignore[call-overload]
    server = subprocess.Popen([UPSD, "-F", *user], **quiet)  # type: ignore[call-overload]
    try:
        yield port, told
    finally:
        for process in (server, driver):
            process.terminate()
            process.wait(5)


def tell(file: Path, values: dict[str, object], at_s: int = 1_000_000_000) -> None:
    """Let dummy-ups say this.

    It reads the file when its time is another one, in whole seconds: the file comes there in one piece
    with a time of its own, and its last line says that all was read.
    """
    beside = file.with_suffix(".new")
    variables = {**variables_of(values), "ups.serial": str(at_s)}
    beside.write_text("".join(f"{name}: {value}\n" for name, value in variables.items()))
    os.utime(beside, (at_s, at_s))
    beside.chmod(0o640)
    beside.replace(file)


async def told_of(port: int, at_s: int) -> None:
    """Wait until upsd has the last line of what dummy-ups was told."""
    client = AIONUTClient("127.0.0.1", port)
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(NUTError, OSError):
                if (await client.list_vars("ups")).get("ups.serial") == str(at_s):
                    client.disconnect()
                    return
            await asyncio.sleep(0.02)


async def test_nuts_own_server(upsd: tuple[int, Path]) -> None:
    port, told = upsd
    driver = driver_of("ups", port=port, username="hub", password="secret")
    device = simulated("ups")
    for minute in (0, 5):
        device.step(RoomConditions(powered=minute == 0), minute * 60)
        tell(told, device.read(), at_s=minute + 1)
        await told_of(port, minute + 1)
        await driver.connect()
        assert await driver.poll() == pytest.approx(device.read(), abs=0.1)
    with pytest.raises(RefusedError):
        await driver.write("Beeper", False)
    other = driver_of("ups", port=port, ups="other")
    assert await polled(other) == "protocol_error"
    await other.close()
    await driver.close()
