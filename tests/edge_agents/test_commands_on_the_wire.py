"""Commands as they travel: a real broker, a real agent, real files, and real kills."""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kinds
from devices.simulation import RoomConditions, UnreachableError
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload
from devices.wire.topics import MessageType, Topic
from edge_agents.command_journal import FileJournal
from edge_agents.commanding import Record, State
from edge_agents.day_plan import DayPlan
from edge_agents.driver import PolledDevice
from edge_agents.executing import Commands
from edge_agents.node import DeviceDescription
from edge_agents.requests import Requests
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_double import HubDouble

pytestmark = pytest.mark.mosquitto


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def order(
    hub: HubDouble, device: str, id_: str, metric: str, value: Any, left_ms: int = 30_000
) -> None:
    """As the hub sends a command; its clock is ten years behind the agent's, which must not matter."""
    sent_ms = now_ms() - 10 * 365 * 86_400_000
    datatype = {bool: DataType.Boolean, str: DataType.String}.get(type(value), DataType.Float)
    metrics = [
        MetricValue(metric, datatype=datatype, value=value),
        MetricValue("Command/Id", datatype=DataType.String, value=id_),
        MetricValue("Command/Expires", datatype=DataType.Int64, value=sent_ms + left_ms),
    ]
    topic = str(Topic(GROUP, MessageType.DCMD, NODE, device))
    await hub.client.publish(topic, encode_payload(Payload(ts_ms=sent_ms, seq=None, metrics=metrics)))


async def request(hub: HubDouble, **document: Any) -> None:
    document.setdefault("expires_ms", now_ms() + 30_000)
    metrics = [MetricValue("Agent/Request", datatype=DataType.String, value=json.dumps(document))]
    topic = str(Topic(GROUP, MessageType.NCMD, NODE))
    await hub.client.publish(topic, encode_payload(Payload(ts_ms=now_ms(), seq=None, metrics=metrics)))


def results(hub: HubDouble, device: str) -> list[tuple[str, str, str]]:
    """Id, state and detail of every result that the hub has heard, in order, shown ones as well."""
    found = []
    for one in hub.heard:
        for name in ("Command/Result", "Agent/Result"):
            if (
                one.topic.device == (device or None)
                and one.kind.endswith("DATA")
                and (text := one.values.get(name))
            ):
                said = json.loads(text)
                found.append((said["id"], said["state"], said["detail"]))
    return found


class Simulated:
    """A kind's simulation that stands in a room where nothing happens, and may be slow or gone."""

    def __init__(self, kind_id: str) -> None:
        self.device = kinds()[kind_id].simulate(random.Random(1))
        self.answering = asyncio.Event()
        self.answering.set()
        self.gone = False

    async def connect(self) -> None:
        await self.poll()

    async def poll(self) -> Mapping[str, Any]:
        if self.gone:
            raise UnreachableError("no_route")
        self.device.step(RoomConditions(outdoor_c=25), 0.05)
        return self.device.read()

    async def write(self, metric: str, value: Any) -> None:
        await self.answering.wait()
        self.device.write(metric, value)

    async def close(self) -> None: ...


class Commanded:
    """An agent with devices in one room, on files."""

    def __init__(self, agent: Running, folder: Path, timeout_s: float = 0.5, **kind_of: str) -> None:
        self.agent, self.node = agent, agent.node
        self.journal = FileJournal(folder / "commands.db")
        self.commands = Commands(agent.node, self.journal)
        self.requests = Requests(agent.node, self.commands, version="1")
        self.plan = DayPlan(agent.node, self.commands, self.requests)
        self.drivers = {name: Simulated(kind) for name, kind in kind_of.items()}
        self.polled = {}
        for name, kind_id in kind_of.items():
            kind = kinds()[kind_id]
            agent.node.declare(DeviceDescription.of(kind, name, room="LAB1"))
            self.polled[name] = PolledDevice(
                agent.node,
                name,
                self.drivers[name],
                kind,
                poll_s=0.2,
                timeout_s=timeout_s,
                commands=self.commands,
            )
            self.commands.add(name, kind, "LAB1", self.polled[name])
        self.requests.start(self.commands.start())
        self.plan.start()

    async def __aenter__(self) -> "Commanded":
        self.agent.start()
        self.tasks = [asyncio.create_task(one.run(self.agent.stop)) for one in self.polled.values()]
        await until(lambda: self.node.connected)
        await until(lambda: all(self.node.devices[name].reported.last[0] is not None for name in self.polled))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.plan.close()
        await self.requests.close()
        self.agent.stop.set()
        await asyncio.gather(*self.tasks)
        await self.agent.end()
        await self.journal.close()


async def test_a_command_is_taken_done_and_observed_and_told_again_when_asked_again(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path
) -> None:
    async with Commanded(running(), tmp_path, lights="relay", slow="relay") as commanded:
        await until(lambda: len(hub.of("DBIRTH")) == 3)
        births = {one.topic.device: one.values for one in hub.of("DBIRTH")}
        assert births["lights"]["Command/Result"] is None
        assert "Command/Result" not in births["p101-air"], "it has no commands"
        commanded.drivers["slow"].answering.clear()
        await order(hub, "slow", "s" * 26, "Relay 1", True)
        await order(hub, "lights", "a" * 26, "Relay 1", True)
        await order(hub, "lights", "b" * 26, "Energy", 1.0)
        await until(lambda: len(results(hub, "lights")) == 3)
        assert sorted(results(hub, "lights")) == [
            ("a" * 26, "done", ""), ("a" * 26, "taken", ""), ("b" * 26, "refused", "not_allowed"),
        ]  # fmt: skip
        await until(lambda: ("Relay 1", True) in [value[:2] for value in hub.values[NODE, "lights"]])
        commanded.drivers["lights"].device.write("Relay 1", False)
        await order(hub, "lights", "a" * 26, "Relay 1", True)
        await until(lambda: len(results(hub, "lights")) == 4)
        assert results(hub, "lights")[-1] == ("a" * 26, "done", "")
        await until(lambda: commanded.drivers["lights"].device.read()["Relay 1"] is False)  # not done again
        await until(lambda: results(hub, "slow")[-1] == ("s" * 26, "failed", "timeout"))
        commanded.drivers["slow"].answering.set()
        commanded.drivers["slow"].gone = True
        await until(lambda: not commanded.node.devices["slow"].alive)
        dead = len(hub.of("DBIRTH"))
        await order(hub, "slow", "d" * 26, "Relay 1", True)
        await until(lambda: results(hub, "slow")[-1] == ("d" * 26, "failed", "no_route"))
        assert len(hub.of("DBIRTH")) == dead, "what the agent says of it does not bring it to life"


async def test_a_queue_is_bounded_and_what_waits_too_long_expires(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path
) -> None:
    async with Commanded(running(), tmp_path, timeout_s=20, lights="relay") as commanded:
        commanded.drivers["lights"].answering.clear()
        await order(hub, "lights", "first", "Relay 1", True)
        await until(lambda: results(hub, "lights") == [("first", "taken", "")])
        await asyncio.sleep(0.5)  # it hangs in its write: what comes now waits
        await order(hub, "lights", "late", "Relay 2", True, left_ms=300)
        for number in range(40):
            await order(hub, "lights", f"more-{number}", "Relay 3", True)
        await until(lambda: len([one for one in results(hub, "lights") if one[2] == "busy"]) == 9)
        await asyncio.sleep(0.3)
        commanded.drivers["lights"].answering.set()
        await until(lambda: len({id_ for id_, state, _ in results(hub, "lights") if state != "taken"}) == 42)
        ends = {id_: (state, detail) for id_, state, detail in results(hub, "lights") if state != "taken"}
        assert (ends["first"], ends["late"]) == (("done", ""), ("expired", ""))
        assert Counter(ends.values()) == {("done", ""): 32, ("expired", ""): 1, ("refused", "busy"): 9}
        assert commanded.drivers["lights"].device.read()["Relay 2"] is False


async def test_m07_a_lab_goes_off_with_the_line_cut_and_stays_off_until_a_technician_releases_it(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path
) -> None:
    """Gas over the limit opens the interlock, which is a critical limit of its kind."""
    interlock = kinds()["lab_safety"].interlock
    assert interlock is not None
    assert [limit.severity.value for limit in interlock.limits] == ["critical"]
    agent = running()
    async with Commanded(agent, tmp_path, safety="lab_safety", lights="relay", pc="lab_pc") as lab:
        for id_, device, metric in (("l", "lights", "Relay 4"), ("p", "pc", "Power")):
            await order(hub, device, id_, metric, True)
        await until(lambda: results(hub, "lights") and results(hub, "pc"))
        await until(
            lambda: (
                lab.drivers["pc"].device.read()["Power"] and lab.drivers["lights"].device.read()["Relay 4"]
            )
        )
        agent.node.session.client._client.socket().shutdown(2)  # type: ignore[union-attr]
        gas: Any = lab.drivers["safety"].device
        gas.gas_ppm = 5000.0
        await until(lambda: not lab.drivers["lights"].device.read()["Relay 4"])
        await until(lambda: not lab.drivers["pc"].device.read()["Power"])
        await until(lambda: lab.node.connected)
        await order(hub, "pc", "on-again", "Power", True)
        await order(hub, "safety", "too-early", "Interlock Open", False)
        await until(lambda: results(hub, "pc")[-1] == ("on-again", "refused", "interlock_open"))
        await until(lambda: results(hub, "safety") == [("too-early", "refused", "beyond_limit")])
        assert FileJournal(tmp_path / "commands.db").held("interlock/"), "it is held over a restart"
        gas.gas_ppm = 10.0
        await until(lambda: lab.node.devices["safety"].reported.last[0] < 100)
        await order(hub, "safety", "release", "Interlock Open", False)
        await until(lambda: results(hub, "safety")[-1] == ("release", "done", ""))
        await order(hub, "pc", "now", "Power", True)
        await until(lambda: results(hub, "pc")[-1] == ("now", "done", ""))


async def test_a_plan_is_done_with_the_line_cut_and_requests_are_answered_once(
    hub: HubDouble, running: Callable[..., Running], tmp_path: Path
) -> None:
    asked = []

    async def answer(document: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(document["what"])
        return {"state": "refused", "detail": "no_mood"} if document["what"] == "no" else {"lines": ["x"]}

    agent = running()
    async with Commanded(agent, tmp_path, lights="relay") as commanded:
        commanded.requests.register("diagnose", answer)
        birth = hub.of("NBIRTH")[-1].values
        assert (birth["Agent/Version"], birth["Agent/Plan Version"], birth["Agent/Problem"]) == (
            "1",
            None,
            "",
        )
        for what in ("log", "log", "no"):
            await request(hub, id=f"ask-{what}", kind="diagnose", what=what)
        await request(hub, id="other", kind="dance")
        await until(lambda: ("other", "refused", "not_allowed") in results(hub, ""))
        await until(lambda: ("ask-no", "refused", "no_mood") in results(hub, ""))
        assert sorted(asked) == ["log", "no"]
        await request(hub, id="ask-log", kind="diagnose", what="log")
        await until(lambda: results(hub, "")[-1] == ("ask-log", "done", ""))

        at_ms = now_ms()
        steps = [
            {
                "at_ms": at_ms - late,
                "device": "lights",
                "metric": "Relay 1",
                "value": value,
                "step_id": f"s{late}",
            }
            for late, value in ((700_000, True), (60_000, False), (0, True), (-1_500, False))
        ]
        plan = {"version": 7, "from_ms": at_ms - 800_000, "until_ms": at_ms + 80_000, "steps": steps}
        await request(hub, id="the-plan", kind="plan", **plan)
        await until(lambda: ("the-plan", "done", "") in results(hub, ""))
        await until(lambda: ("s0", "done", "") in results(hub, "lights"))
        agent.node.mqtt = agent.node.mqtt.from_url("mqtt://127.0.0.1:1")
        agent.node.session.client._client.socket().shutdown(2)  # type: ignore[union-attr]
        await until(lambda: commanded.commands.lives.find("s-1500") is not None)
        await until(lambda: not commanded.drivers["lights"].device.read()["Relay 1"])
        ends = {f"s{late}": commanded.commands.lives.find(f"s{late}") for late in (700_000, 60_000)}
        assert {id_: one and one.state for id_, one in ends.items()} == dict.fromkeys(ends, State.EXPIRED)
        assert agent.node.facts["Agent/Plan Version"][1] == 7
    again = FileJournal(tmp_path / "commands.db")
    assert json.loads(again.held("plan")["plan"])["plan"]["version"] == 7
    await again.close()


def test_kill_minus_nine_at_any_moment_never_does_a_command_twice(broker: Any, tmp_path: Path) -> None:
    """The hub sends each command again and again until it hears of it, over kills of the agent."""
    asyncio.run(_kills(broker.port, tmp_path))
    done = Counter(float(line) for line in (tmp_path / "effects").read_text().split())
    assert done
    assert set(done.values()) == {1}


def _born_since(hub: HubDouble, births: int) -> bool:
    return len(hub.of("DBIRTH")) > births


async def _kills(port: int, folder: Path) -> None:
    chance = random.Random(7)
    sent: dict[str, float] = {}
    async with HubDouble(port) as hub:
        for _ in range(4):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.edge_agents.commanded_agent", str(port), str(folder)]
            )
            try:
                births = len(hub.of("DBIRTH"))
                await until(partial(_born_since, hub, births))
                for _ in range(chance.randrange(10, 40)):
                    value = 18 + (len(sent) % 1000) / 100
                    sent[f"command-{len(sent):04d}"] = value
                    for id_, setpoint in list(sent.items())[-5:]:
                        await order(hub, "ac", id_, "Setpoint", setpoint)
                    await asyncio.sleep(0.01)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        heard = {(id_, state) for id_, state, _ in results(hub, "ac")}
        assert any(state == "done" for _, state in heard)


# ---------------------------------------------------------------- the journal's file


async def _keep(journal: FileJournal, record: Record) -> Exception | None:
    told: list[Exception | None] = []
    journal.keep(record, told.append)
    await until(lambda: told)
    return told[0]


async def test_a_damaged_journal_is_set_aside_and_what_can_be_read_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "commands.db"
    journal = FileJournal(path)
    assert await _keep(journal, Record("a", "ac", State.DONE, "", 1, 2, {"lines": ["é"]})) is None
    path.unlink()  # somebody tidied up: this process still knows
    assert await _keep(journal, Record("b", "ac", State.TAKEN)) is None
    await journal.close()
    again = FileJournal(path)
    assert [(one.id, one.state) for one in again.records()] == [("a", State.DONE), ("b", State.TAKEN)]
    assert again.records()[0].fields == {"lines": ["é"]}
    await again.close()
    path.write_bytes(b"not a database at all" * 500)
    fresh = FileJournal(path)
    assert fresh.set_aside
    assert not fresh.records()
    assert await _keep(fresh, Record("c", "ac", State.TAKEN)) is None
    await fresh.close()


async def test_a_disk_that_refuses_is_said_and_nothing_is_done_until_it_takes_again(tmp_path: Path) -> None:
    path = tmp_path / "commands.db"
    journal = FileJournal(path)
    other = sqlite3.connect(path)
    journal._db.execute("PRAGMA query_only = ON")  # type: ignore[union-attr]
    assert isinstance(await _keep(journal, Record("a", "ac", State.TAKEN)), sqlite3.OperationalError)
    assert journal.failure
    journal._db.execute("PRAGMA query_only = OFF")  # type: ignore[union-attr]
    assert await _keep(journal, Record("b", "ac", State.TAKEN)) is None
    assert other.execute("SELECT id FROM command").fetchall() == [("b",)]
    assert not journal.failure
    other.close()
    await journal.close()
    nowhere = FileJournal(Path("/proc/nowhere/commands.db"))
    assert nowhere.failure
    assert isinstance(await _keep(nowhere, Record("a", "ac", State.TAKEN)), OSError)
    await nowhere.close()
