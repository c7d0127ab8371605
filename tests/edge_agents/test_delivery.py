"""Nothing acknowledged is lost: lossy hub, restarted broker, killed agent, outboxes put back and cloned."""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_double import HubDouble
from tests.kills import KILLS

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def told(hub: HubDouble) -> list[Any]:
    """Every CO2 value that the hub has, in order of its time."""
    return [
        value for _, value in sorted({(v[2], v[1]) for v in hub.values[NODE, "p101-air"] if v[0] == "CO2"})
    ]


async def observe(agent: Running, values: range) -> None:
    for value in values:
        agent.node.observe("p101-air", {"CO2": 1000 * (value % 2) + value}, 1_000_000 + value)
        await asyncio.sleep(0.001)


def expected(values: range) -> list[int]:
    return [1000 * (value % 2) + value for value in values]


async def test_lost_payloads_come_again_as_history_and_live_goes_on(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    await observe(agent, range(5))
    await until(lambda: agent.outbox.stored >= 5)
    hub.lose_next = 3
    await observe(agent, range(5, 20))
    await until(lambda: agent.outbox.stored >= 20)
    assert told(hub) == expected(range(20))
    again = [v for v in hub.values[NODE, "p101-air"] if v[3]]
    assert {v[2] for v in again} == {1_000_005, 1_000_006, 1_000_007}
    history = next(one for one in hub.of("DDATA") if one.payload.metrics[0].is_historical)
    assert all(metric.is_historical for metric in history.payload.metrics)


async def test_a_hub_that_was_away_gets_everything_live_before_backlog(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    await hub.state(online=False)
    await until(lambda: agent.node.host.online is False)
    hub.deaf = True
    await observe(agent, range(1500))
    hub.deaf = False
    hub._seq.clear()
    await hub.state(online=True)
    await asyncio.sleep(0.3)
    await observe(agent, range(1500, 1510))
    await until(lambda: 1_001_509 in {v[2] for v in hub.values[NODE, "p101-air"]}, 5)
    assert len(told(hub)) < 1510  # the newest did not wait for the oldest
    await until(lambda: agent.outbox.stored >= 1510, 20)
    assert told(hub) == expected(range(1510))


async def test_the_broker_is_restarted(broker: Any, running: Callable[..., Running]) -> None:
    agent = running().start()
    async with HubDouble(broker.port) as hub:
        await until(lambda: agent.node.connected)
        await observe(agent, range(50))
        await until(lambda: hub.of("DDATA"))
        stored = {**hub.epochs[NODE]}
        values = list(hub.values[NODE, "p101-air"])
        for task in hub._tasks:
            task.cancel()
        broker.restart(down_s=0.3)
    await observe(agent, range(50, 80))
    async with HubDouble(broker.port) as hub:
        hub.epochs[NODE].update(stored)
        hub.values[NODE, "p101-air"] = values
        await until(lambda: agent.outbox.stored >= 80, 20)
        assert told(hub) == expected(range(80))
        assert len(hub.epochs[NODE]) == 1


async def test_new_data_waits_until_the_hub_knows_the_outbox(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    await observe(agent, range(3))
    await until(lambda: agent.outbox.stored >= 3)
    await agent.end()
    hub.answering = False
    again = running().start()
    await until(lambda: again.node.connected)
    before = len(hub.of("DDATA", "NDATA"))
    again.node.observe("p101-air", {"CO2": 7}, 2_000_000)
    await asyncio.sleep(0.5)
    asked = hub.of("DDATA", "NDATA")[before:]
    assert all(one.payload.metrics[0].is_historical for one in asked)
    assert all(one.values["Outbox/Position"] <= again.outbox.opened_at for one in asked)
    hub.answering = True
    await until(lambda: told(hub)[-1] == 7)
    await until(lambda: again.outbox.stored >= again.outbox.opened_at + 1)
    assert len(hub.epochs[NODE]) == 1


@pytest.mark.parametrize("how", ["deleted", "put back", "image put back"])
async def test_an_outbox_that_is_not_what_it_was(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path, how: str
) -> None:
    """What the agent forgot is at the hub; what is still held arrives; no key is used for two payloads."""
    path = tmp_path / "agent" / "o.db"
    first = running(path).start()
    await until(lambda: first.node.connected)
    await observe(first, range(10))
    await until(lambda: first.outbox.stored >= 10)
    hub.answering = False
    await observe(first, range(10, 20))
    await first.crash()
    shutil.copytree(path.parent, tmp_path / "copy")
    hub.answering = True
    second = running(path).start()
    await observe(second, range(20, 40))
    await until(lambda: second.outbox.stored >= 40)
    await second.end()
    if how == "deleted":
        for file in path.parent.iterdir():
            file.unlink()
    elif how == "put back":
        shutil.copy(tmp_path / "copy" / "o.db", path)
    else:  # the token with it, into the same inode
        for name in ("o.db", "o.db.generation"):
            shutil.copy(tmp_path / "copy" / name, path.parent / name)
    third = running(path).start()
    await observe(third, range(40, 60))
    third.node.observe("p101-air", {"CO2": 5000}, 2_000_000)
    await until(lambda: told(hub)[-1] == 5000)
    await until(lambda: third.outbox.stored >= third.outbox.position - 1 and third.outbox.stored)
    assert third.outbox.epoch != second.outbox.epoch
    assert set(expected(range(40))) <= set(told(hub))
    assert len(told(hub)) == 61
    assert not hub.sequence_errors


async def test_a_clone_and_its_original_both_arrive_whole(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path
) -> None:
    """Both run under one name; the broker throws one out for the other, again and again."""
    path = tmp_path / "agent" / "o.db"
    original = running(path).start()
    await until(lambda: original.node.connected)
    await observe(original, range(10))
    await until(lambda: original.outbox.stored >= 10)
    await original.end()
    shutil.copytree(path.parent, tmp_path / "clone")
    one, two = running(path).start(), running(tmp_path / "clone" / "o.db").start()
    assert one.outbox.epoch != two.outbox.epoch
    for value in range(10, 50):
        (one if value % 2 else two).node.observe(
            "p101-air", {"CO2": 1000 * (value // 2 % 2) + value}, 1_000_000 + value
        )
        await asyncio.sleep(0.02)
    await one.end()
    await until(lambda: two.outbox.stored >= two.outbox.position - 1, 20)
    await two.end()
    running(path).start()
    running(tmp_path / "clone" / "o.db").start()
    everything = {1_000_000 + n for n in range(50)}
    await until(lambda: {v[2] for v in hub.values[NODE, "p101-air"] if v[0] == "CO2"} == everything, 20)


CONFIG = """
[agent]
group = "{group}"
node = "{node}"
simulated = true
heartbeat_s = 5
[mqtt]
url = "{url}"
[outbox]
path = "o.db"
resend_after_s = 1
"""
DEVICE = """
[[devices]]
id = "p{number}-uplink"
kind = "uplink"
room = "P{number}"
driver = "simulated"
poll_s = 0.1
"""


def write_config(folder: Path, url: str, devices: int = 2) -> Path:
    config = folder / "agent.toml"
    text = CONFIG.format(group=GROUP, node=NODE, url=url)
    config.write_text(text + "".join(DEVICE.format(number=number) for number in range(devices)))
    return config


def held_on_disk(path: Path, scratch: Path) -> tuple[int, set[int]]:
    """Position and held positions as a start after the kill would find them."""
    scratch.mkdir()
    for file in path.parent.glob("o.db*"):
        shutil.copy(file, scratch / file.name)
    db = sqlite3.connect(scratch / path.name)
    position = db.execute("SELECT position FROM node").fetchone()
    held = {row[0] for row in db.execute("SELECT position FROM entry")}
    db.close()
    return (position[0] if position else 0), held


BUSY_AGENT = """
import asyncio, sys
from functools import partial
from pathlib import Path
from tests.edge_agents.conftest import Running

async def main():
    agent = Running(int(sys.argv[1]), Path(sys.argv[2])).start()
    number = 0
    while True:
        number += 1
        agent.node.observe("p101-air", {"CO2": 400 + 1000 * (number % 2), "Humidity": number % 7 * 10.0})
        await asyncio.sleep(0.005)

asyncio.run(main())
"""


async def test_kill_minus_nine_again_and_again(broker: Any, hub: HubDouble, tmp_path: Path) -> None:
    """What is no longer in the file is at the hub, and nothing left before it was in the file."""
    path = tmp_path / "agent" / "o.db"
    (tmp_path / "busy.py").write_text(BUSY_AGENT)
    command = [sys.executable, str(tmp_path / "busy.py"), str(broker.port), str(path)]
    before, position = 0, 0
    for kill in range(KILLS):
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
        try:
            await until(partial(hub.has_through, NODE, before + 10), 20)
            await asyncio.sleep(0.14 * kill / KILLS)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        await asyncio.sleep(0.1)  # what is under way to the hub
        position, held = held_on_disk(path, tmp_path / f"kill{kill}")
        (epoch,) = hub.epochs[NODE].values()
        forgotten = set(range(1, position + 1)) - held
        assert forgotten <= set(epoch.stored), "forgotten, but not at the hub"
        assert max(epoch.stored) <= position, "sent before it was on disk"
        before = epoch.through
    last = Running(broker.port, path).start()
    await until(lambda: last.outbox.stored >= position, 20)
    await last.end()
    assert set(epoch.stored) >= set(range(1, position + 1))
    assert len(hub.epochs[NODE]) == 1
    assert not [error for error in hub.sequence_errors if "NBIRTH" in error]


async def test_the_agent_as_a_process_ends_as_asked(broker: Any, hub: HubDouble, tmp_path: Path) -> None:
    config = write_config(tmp_path, broker.url)
    process = subprocess.Popen([sys.executable, "-m", "edge_agents.main", "--config", str(config)])
    try:
        await until(lambda: len(hub.of("DDATA")) >= 2, 20)
        second = subprocess.run(process.args, capture_output=True, text=True)
        assert second.returncode == 1
        assert "in use by another process" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        await until(lambda: hub.of("NDEATH"))
        assert hub.of("NBIRTH")[0].values["Properties/Simulated"] is True
    finally:
        process.kill()


MARKING_AGENT = """
import asyncio, sys
from functools import partial
from pathlib import Path
from devices.kind import kinds
from edge_agents.connection import MqttSettings
from edge_agents.node import DeviceDescription, Node
from edge_agents.outbox import OutboxFile

async def main():
    file = OutboxFile(Path(sys.argv[2]), commit_interval_ms=5)
    node = Node("G", "N", file.outbox("N"), MqttSettings(port=int(sys.argv[1])))
    node.declare(DeviceDescription.of(kinds()["projector"], "d", room="P1"))
    stop = asyncio.Event()
    task = asyncio.create_task(node.run(stop))
    while not node.connected:
        await asyncio.sleep(0.01)
    for number in range(40):
        node.observe("d", {"Input": f"marker-{number:04d}"})
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    stop.set()
    await task
    await file.close()

asyncio.run(main())
"""


def test_the_outbox_is_on_disk_before_the_payload_leaves(
    broker: Any, program: Callable[[str], Path], tmp_path: Path
) -> None:
    """By system-call trace: the write to the log, then a finished fsync of it, then the send."""
    strace, trace = program("strace"), tmp_path / "trace"
    (tmp_path / "agent.py").write_text(MARKING_AGENT)
    calls = "trace=write,pwrite64,fsync,fdatasync,sendto,sendmsg,openat,close"
    command = [
        str(strace), "-f", "-s", "70000", "-o", str(trace), "-e", calls,
        sys.executable, str(tmp_path / "agent.py"), str(broker.port), str(tmp_path / "o.db"),
    ]  # fmt: skip
    run = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, timeout=60, capture_output=True, text=True
    )
    if "Operation not permitted" in run.stderr:
        pytest.skip("strace may not trace processes here")
    assert run.returncode == 0, run.stderr
    written, durable, sent = set(), set(), set()
    log_fds: set[str] = set()
    syncing: dict[str, set[str]] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid = line.split()[0]
        if (opened := re.search(r'openat\(.*"[^"]*o\.db-wal".*\) = (\d+)', line)) is not None:
            log_fds.add(opened.group(1))
        markers = set(re.findall(r"marker-\d{4}", line))
        if (write := re.search(r"pwrite64\((\d+),", line)) is not None and write.group(1) in log_fds:
            written |= markers
        elif (sync := re.search(r"f(?:data)?sync\((\d+)", line)) is not None and sync.group(1) in log_fds:
            syncing[pid] = set(written)  # what was written when it began
            if line.endswith("= 0"):
                durable |= syncing.pop(pid)
        elif re.search(r"f(?:data)?sync resumed.*= 0$", line):
            durable |= syncing.pop(pid, set())
        elif " send" in line:
            # births show the last value as a snapshot; only data payloads carry a position of their own
            data = {m for m in markers if "DDATA" in line}
            assert data <= durable, f"sent before it was on disk: {sorted(data - durable)}"
            sent |= data
    assert len(sent) == 40
