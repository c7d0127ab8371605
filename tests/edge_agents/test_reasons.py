"""Every reason code for which a device is away: met on a real socket, written down, and said in words."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kind, kinds
from devices.protocols.modbus.options import registers_of
from edge_agents.doctor import ADVICE
from edge_agents.driver import PolledDevice
from edge_agents.node import DeviceDescription
from edge_agents.power import Switched
from hub.registry.reasons import REASONS as WORDS
from simulators.protocols.modbus import ModbusDevice
from simulators.protocols.pjlink import PJLinkProjector
from simulators.protocols.served import LineFault, Served
from tests.devices.protocols.lines import driver_of, free_port, simulated
from tests.edge_agents.conftest import Running, until

STABLE = (
    "no_route", "refused", "auth_failed", "timeout", "protocol_error", "powered_off", "unplugged",
)  # fmt: skip
AIR = [{"metric": "Power", "address": 0, "table": "coil"}]


@contextlib.asynccontextmanager
async def away(reason: str) -> AsyncIterator[tuple[str, Served | None, dict[str, Any]]]:
    """A device that is away for this reason, as kind, server and what an agent is told of it."""
    server: Served
    match reason:
        case "no_route":
            yield "projector", None, {"host": "no-such-host.invalid", "port": 4352}
        case "refused":
            yield "projector", None, {"port": free_port()}
        case "unplugged":
            told = {"host": "127.0.0.1", "registers": AIR}
            map_ = registers_of("air_conditioner").model_validate(told)
            async with ModbusDevice(simulated("air_conditioner"), map_) as server:
                assert isinstance(server, ModbusDevice)
                server.moods = {"behind_gateway"}
                yield "air_conditioner", server, {"port": server.port, "registers": AIR, "answer_s": 0.3}
        case _:
            password = "right" if reason == "auth_failed" else ""
            async with PJLinkProjector(simulated("projector"), password=password) as server:
                faults = {"timeout": LineFault.SILENCE, "protocol_error": LineFault.HALF}
                server.fault = faults.get(reason)
                yield "projector", server, {"port": server.port, "answer_s": 0.3}


@pytest.mark.parametrize("reason", STABLE)
async def test_a_device_that_is_away_says_why(reason: str, tmp_path: Path) -> None:
    running = Running(free_port(), tmp_path / "outbox.db")
    async with away(reason) as (kind_id, server, options):
        running.node.declare(DeviceDescription.of(kind(kind_id), "it", room="P101"))
        device = PolledDevice(running.node, "it", driver_of(kind_id, **options), kind(kind_id), poll_s=0.2)
        stop = asyncio.Event()
        task = asyncio.create_task(device.run(stop))
        told = running.node.devices["it"]
        if reason == "powered_off":
            assert server is not None
            await until(lambda: told.alive, 20)
            device.write("Power", "off")
            power = running.node.devices["it"].reported.columns.by_name["Power"]
            await until(lambda: told.reported.last[power] in ("cooling", "off"), 20)
            await server.stop()
        await until(lambda: told.reason, 20)
        stop.set()
        await task
    assert (told.alive, told.reason) == (False, reason)
    await running.file.close()


def test_every_code_is_written_down_and_has_words_everywhere() -> None:
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
    assert [code for code in STABLE if f"| `{code}` |" not in page] == []
    assert set(STABLE) <= set(WORDS)
    assert set(STABLE) == set(ADVICE)


def test_drivers_use_no_other_code() -> None:
    folder = Path(__file__).parents[2] / "devices" / "protocols"
    used = {
        code
        for file in folder.rglob("*.py")
        for code in re.findall(r'UnreachableError\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert used
    assert used <= set(STABLE)


def test_off_is_what_was_told_until_it_is_told_or_seen_otherwise() -> None:
    one = Switched(kinds()["projector"])
    assert one.reason("timeout") == "timeout"
    one.wrote("Power", "off")
    one.saw({"Power": "on"})
    assert one.reason("timeout") == "powered_off", "it has not obeyed yet, and goes while it does"
    assert one.reason("auth_failed") == "auth_failed", "who answers is not off"
    one.saw({"Power": "off"})
    one.wrote("Input", "HDMI1")
    assert one.reason("no_route") == "powered_off"
    one.saw({"Power": "on"})
    assert one.reason("refused") == "refused", "somebody switched it on by hand"
    one.wrote("Power", "off")
    one.wrote("Power", "on")
    assert one.reason("timeout") == "timeout"
    bare = Switched(kinds()["ups"])
    bare.wrote("Power", False)
    assert bare.reason("timeout") == "timeout"
