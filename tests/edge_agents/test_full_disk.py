"""The agent's disk full: said, values still seen, nothing sent as if it were safe, all of it once later."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agents.main import command
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_in_hand import HubInHand, hub_in_hand
from tests.faults.disk import SmallDisk

__all__ = ["hub_in_hand"]
pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


async def test_a_full_disk_is_said_and_values_are_shown(
    hub_in_hand: HubInHand, running: Callable[..., Running], tmp_path: Path
) -> None:
    hub, disk = hub_in_hand, SmallDisk(tmp_path / "small", 2)
    try:
        agent = running(path=disk.path / "outbox.db").start()
        await until(lambda: agent.node.connected)
        agent.node.observe("p101-air", {"Temperature": -1.0})
        await until(lambda: -1.0 in hub.samples())
        disk.fill()
        number = 0
        while not agent.outbox.failure:
            number += 1
            agent.node.observe("p101-air", {"Temperature": float(number)})
            await asyncio.sleep(0.01)
        stored, durable = agent.outbox.stored, agent.outbox.durable
        for _ in range(40):
            number += 1
            agent.node.observe("p101-air", {"Temperature": float(number)})
            await asyncio.sleep(0.02)
        sender = f"{GROUP}/{NODE}"
        await until(lambda: hub.parts.value("p101-air", "Temperature", sender) == number)
        assert "full" in str(hub.parts.directory.nodes[sender].itself.slots["Outbox/Failure"].value)
        assert float(number) not in hub.samples(), "shown, not kept"
        assert agent.outbox.durable == durable
        assert stored <= agent.outbox.stored <= durable, "nothing is acknowledged that is not on disk"
        disk.free()
        await until(lambda: float(number) in hub.samples(), 20)
        assert sorted(hub.samples()) == [-1.0, *map(float, range(1, number + 1))]
        kept = sum(len(row.values) for row in hub.parts.rows if row.series.key[2] == "p101-air")
        assert kept == number + 1, "each once"
        await until(lambda: hub.parts.directory.nodes[sender].itself.slots["Outbox/Failure"].value == "")
        assert hub.parts.reasons == {}
        await agent.end()
    finally:
        disk.unmount()


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_disk_that_takes_nothing_at_the_start_is_said_in_words_and_hurts_nothing(
    how: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = SmallDisk(tmp_path / "small", 1)
    config = tmp_path / "agent.toml"
    config.write_text(
        '[agent]\ngroup = "S"\nnode = "S-a1"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n'
        f'[outbox]\npath = "{disk.path}/outbox.db"\n'
    )
    try:
        disk.fill()
        if how == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", disk.path], check=True)
        before = sorted(disk.path.iterdir())
        ended = subprocess.run(
            [sys.executable, "-m", "hub.cli", "agent", "--config", config],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        said = ended.stderr
        assert ended.returncode == 1
        assert "outbox.path" in said
        assert how.replace("-", "") in said.lower().replace("-", "")
        assert "make room on its disk, remount it for writing" in said
        assert "Traceback" not in said
        assert command(["doctor", "--config", str(config)]) == 1
        told = capfd.readouterr().out
        assert "✗ disk:" in told or "✗ data folder:" in told
        assert not [one for one in disk.path.iterdir() if "damaged" in one.name], "a full disk is no damage"
        assert set(before) <= set(disk.path.iterdir())
    finally:
        disk.unmount()
