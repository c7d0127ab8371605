"""The contract, and the check that says which of its rules a foreign agent breaks."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from typer.testing import CliRunner

from devices.cancelling import cancelled
from devices.conformance import RULES, Conformance
from devices.contract import VERSION, document
from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, bd_seq_metric, encode_payload, ndeath_payload
from hub.cli import app
from tests.conftest import Broker
from tests.edge_agents.conftest import NODE, Running, hub, running, until  # noqa: F401 — fixtures
from tests.edge_agents.hub_double import HubDouble

NOW_MS = 1_760_000_000_000
GOOD_BIRTH = [bd_seq_metric(3), MetricValue("Node Control/Rebirth", datatype=DataType.Boolean, value=False)]
GOOD_DEVICE = [
    MetricValue("Properties/Kind", datatype=DataType.String, value="room_air"),
    MetricValue("Temperature", alias=7, datatype=DataType.Float, value=28.5),
]
OUTBOX = [
    MetricValue("Outbox/Epoch", datatype=DataType.UInt64, value=1),
    MetricValue("Outbox/Position", datatype=DataType.UInt64, value=1),
]


def packed(metrics: list[MetricValue], seq: int | None, ts_ms: int | None = NOW_MS) -> bytes:
    return encode_payload(Payload(ts_ms=ts_ms, seq=seq, metrics=metrics))


def talk(*others: tuple[str, bytes], birth: list[MetricValue] | None = None, **manners: Any) -> Conformance:
    """A node and a device that are born well (or with another birth), and then say something else."""
    heard = Conformance(kinds())
    for topic, data in (
        ("NBIRTH/n", packed(GOOD_BIRTH if birth is None else birth, 0)),
        ("DBIRTH/n/d", packed(GOOD_DEVICE, 1)),
        *others,
    ):
        heard.hear(f"spBv1.0/S/{topic}", data, NOW_MS, **manners)
    return heard


def data(*metrics: MetricValue, seq: int | None = 2, ts_ms: int | None = NOW_MS) -> tuple[str, bytes]:
    return "DDATA/n/d", packed([*OUTBOX, *metrics], seq, ts_ms)


def reading(value: float, name: str | None = "Temperature", **more: Any) -> MetricValue:
    return MetricValue(name, value=value, **{"datatype": DataType.Float, **more})


def test_who_keeps_the_rules_hears_nothing() -> None:
    heard = talk(
        data(reading(29.0)),
        data(MetricValue(alias=7, datatype=DataType.Float, value=29.5), seq=3),
        ("DDEATH/n/d", packed([], 4)),
        ("NDEATH/n", ndeath_payload(3)),
    )
    assert (heard.finished(), heard.messages) == ([], 6)


@pytest.mark.parametrize(
    ("rule", "heard"),
    [
        ("topic", talk(("NWHAT/n", b""))),
        ("payload", talk(("DDATA/n/d", b"\xff\xfe"))),
        ("timestamp", talk(data(ts_ms=None))),
        ("clock", talk(data(ts_ms=NOW_MS - 61_000))),
        ("birth_first", talk(("DDATA/n/e", packed(OUTBOX, 2)))),
        ("birth_seq", talk(("NBIRTH/n", packed(GOOD_BIRTH, 1)))),
        ("seq", talk(data(seq=5))),
        ("bd_seq", talk(("NDEATH/n", ndeath_payload(4)))),
        ("bd_seq", talk(birth=GOOD_BIRTH[1:])),
        ("rebirth", talk(birth=GOOD_BIRTH[:1])),
        ("declared", talk(data(reading(1, "Weather")))),
        ("declared", talk(data(reading(1, None, alias=99)))),
        ("declared", talk(birth=[*GOOD_BIRTH, MetricValue(datatype=DataType.Float, value=1.0)])),
        ("datatype", talk(data(reading(29, datatype=DataType.Int32)))),
        ("alias", talk(("DBIRTH/n/e", packed([GOOD_DEVICE[0], reading(1, "CO2", alias=7)], 2)))),
        ("retained", talk(retain=True)),
        ("qos", talk(qos=1)),
        ("kind", talk(("DBIRTH/n/e", packed([reading(1)], 2)))),
        ("range", talk(data(reading(900.0)))),
        ("outbox", talk(("DDATA/n/d", packed([reading(29.0)], 2)))),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_m36_every_rule_is_told_by_its_code_with_what_was_wrong(rule: str, heard: Conformance) -> None:
    found = {one.rule: one for one in heard.finished()}
    assert found[rule].level == RULES[rule][0]
    assert found[rule].detail
    assert found[rule].times >= 1


def test_the_same_mistake_is_one_finding() -> None:
    heard = talk(*(data(reading(900.0), seq=seq) for seq in range(2, 12)))
    assert [(one.rule, one.times, one.sender) for one in heard.finished()] == [("range", 10, "S/n/d")]


@pytest.mark.mosquitto
async def test_m36_our_own_agent_conforms(
    hub: HubDouble,  # noqa: F811
    running: Callable[..., Running],  # noqa: F811
) -> None:
    agent = running().start()
    agent.node.observe("p101-air", {"Temperature": 27.5, "CO2": 600})
    await until(lambda: hub.values[NODE, "p101-air"])
    await agent.end()
    await until(lambda: hub.of("NDEATH"))
    heard = Conformance(kinds())
    for one in hub.heard:
        heard.hear(str(one.topic), one.raw, time.time_ns() // 1_000_000, retain=one.retain)
    assert heard.messages >= 4
    assert heard.finished() == []


@pytest.mark.mosquitto
async def test_m36_the_command_says_what_a_foreign_agent_breaks(broker: Broker) -> None:
    arguments = ["conform", "--mqtt-url", broker.url, "--group", "S", "--node", "n", "--json", "--rebirth"]
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("spBv1.0/S/NCMD/n")

        async def foreign() -> None:
            async for _ in client.messages:  # asked for its births, it sends a bad one
                await client.publish("spBv1.0/S/NBIRTH/n", packed(GOOD_BIRTH[:1], 0, None))

        task = asyncio.create_task(foreign())
        try:
            said = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--seconds", "1"])
        finally:
            await cancelled(task)
    assert said.exit_code == 1
    report = json.loads(said.stdout)
    assert (report["messages"], report["conforms"]) == (1, False)
    assert {one["rule"] for one in report["findings"]} == {"timestamp", "rebirth"}


def test_m36_the_contract_is_published_with_a_version_and_made_from_the_kinds() -> None:
    page = Path(__file__).parents[2] / "docs" / "contract.schema.json"
    published = json.loads(page.read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(document())), "hub conform --schema > docs/contract.schema.json"
    assert published["version"] == VERSION
    assert VERSION in published["$id"]
    assert set(published["$defs"]["kinds"]) == set(kinds())
    for name, kind in kinds().items():
        assert list(published["$defs"]["kinds"][name]["properties"]) == [one.name for one in kind.metrics]
