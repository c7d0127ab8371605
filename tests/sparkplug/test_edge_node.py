"""Our edge node as a broker sees it: one life with data, death, rebirth, a cut line and a goodbye."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import aiomqtt
import pytest

from devices import province
from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import bd_seq_metric, decode_payload
from devices.wire.sparkplug_b_pb2 import Payload
from edge_agents.node import DeviceDescription
from edge_agents.outbox import OutboxFile
from edge_agents.settings import SettingsError, load
from simulators.plan import plan_province
from tests.conftest import Broker
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_double import HubDouble
from tests.sparkplug.tap import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, Packet, Tap

pytestmark = pytest.mark.mosquitto

OBSERVATIONS = 600
DATA = ("NDATA", "DDATA")


@dataclass
class Life:
    """What an edge node said, and what was true at the time."""

    packets: list[Packet] = field(default_factory=list)
    began_ms: int = 0
    ended_ms: int = 0
    offline_ignored: bool = False
    old_offline_ignored: bool = False
    foreign_host_ignored: bool = False
    seen: list[str] = field(default_factory=list)

    def of(self, *types: str) -> list[Packet]:
        return [each for each in self.packets if each.type and (not types or each.type in types)]

    def lines(self) -> list[list[Packet]]:
        return [[p for p in self.packets if p.line == n] for n in sorted({p.line for p in self.packets})]


async def _live(port: int, folder: Path) -> Life:
    life = Life(began_ms=_now_ms())
    async with Tap(port) as tap, HubDouble(port) as hub:
        agent = Running(tap.port, folder / "outbox.db")
        node = agent.node
        node.declare(DeviceDescription.of(kinds()["uplink"], "uplink", room="-", name="Đường truyền"))
        node.observe("p101-air", {"Temperature": 27.25, "CO2": 640})
        agent.start()
        await until(lambda: node.connected)
        for number in range(OBSERVATIONS):
            node.observe("p101-air", {"CO2": 400 + 100 * (number % 2), "Humidity": 60.0})
            await asyncio.sleep(0)
        node.device_dead("uplink", "timeout")
        await until(lambda: agent.outbox.stored >= OBSERVATIONS)
        await until(lambda: hub.of("DDEATH") and hub.of("NDATA"))
        for number in range(100):
            node.observe("p101-air", {"CO2": 1000 + 100 * (number % 2)})
        await hub.rebirth(GROUP, NODE)
        await until(lambda: len(hub.of("NBIRTH")) == 2)
        await hub.client.publish("spBv1.0/STATE/another", b'{"online":false,"timestamp":1}', qos=1)
        now_ms = _now_ms()
        await hub.state(online=True, ts_ms=now_ms)
        await until(lambda: node.host.online)
        life.foreign_host_ignored = node.host.ts_ms == now_ms
        await hub.state(online=False, ts_ms=now_ms - 5)
        await asyncio.sleep(0.1)
        life.old_offline_ignored = bool(node.host.online) and node.connected
        await hub.state(online=False, ts_ms=now_ms + 1)
        await until(lambda: node.host.online is False)
        await asyncio.sleep(0.1)
        life.offline_ignored = node.connected
        tap.cut()
        await until(lambda: len(hub.of("NBIRTH")) == 3 and node.connected)
        node.observe("p101-air", {"CO2": 777})
        await agent.end()
        await until(lambda: len(hub.of("NDEATH")) == 2)
        life.packets, life.ended_ms = list(tap.packets), _now_ms()
        life.seen = [one.kind for one in hub.heard]
    return life


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def life(module_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Ho_Chi_Minh"  # seven hours off, so that a local time would show
    time.tzset()
    try:
        yield asyncio.run(_live(module_broker.port, tmp_path_factory.mktemp("life")))
    finally:
        os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
        time.tzset()


# ---------------------------------------------------------------- the connection and its will


@pytest.mark.sparkplug(
    "tck-id-principles-persistence-clean-session-311",
    "tck-id-message-flow-edge-node-birth-publish-will-message",
    "tck-id-message-flow-edge-node-birth-publish-will-message-topic",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-qos",
    "tck-id-message-flow-edge-node-birth-publish-will-message-will-retained",
    "tck-id-payloads-ndeath-will-message",
    "tck-id-payloads-ndeath-will-message-qos",
    "tck-id-payloads-ndeath-will-message-retain",
    "tck-id-payloads-ndeath-seq",
    "tck-id-topics-ndeath-seq",
    "tck-id-topics-ndeath-topic",
    "tck-id-topics-ndeath-payload",
)
def test_connect_is_clean_and_carries_the_death_as_will(life: Life) -> None:
    connects = [each for each in life.packets if each.kind == CONNECT]
    assert len(connects) == 2
    for number, each in enumerate(connects):
        assert (each.level, each.is_clean, each.client_id) == (4, True, NODE)
        assert (each.will.topic, each.will.qos, each.will.retain) == (
            f"spBv1.0/{GROUP}/NDEATH/{NODE}",
            1,
            False,
        )
        death = decode_payload(each.will.payload)
        assert death.metrics == [bd_seq_metric(number)]
        assert death.metrics[0].datatype is DataType.Int64
        assert death.seq is None


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-bdseq-matching",
    "tck-id-topics-nbirth-bdseq-included",
    "tck-id-topics-nbirth-bdseq-increment",
    "tck-id-payloads-nbirth-bdseq",
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-payloads-ndeath-bdseq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
)
def test_births_and_deaths_name_the_bd_seq_of_their_connect(life: Life) -> None:
    for number, line in enumerate(life.lines()):
        will = decode_payload(line[0].will.payload)
        spoken = [p for p in line if p.type in ("NBIRTH", "NDEATH")]
        assert spoken
        for each in spoken:
            metric = each.said.metric("bdSeq")
            assert metric is not None
            assert (metric.value, metric.datatype) == (number, DataType.Int64)
            assert metric.value == will.metrics[0].value
    assert [len([p for p in line if p.type == "NBIRTH"]) for line in life.lines()] == [2, 1]


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-bdseq-increment",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
)
async def test_bd_seq_counts_from_zero_and_wraps_at_255(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "outbox.db", commit_interval_ms=0)
    outbox = file.outbox(NODE)
    given = [await outbox.next_bd_seq() for _ in range(260)]
    assert given == [number % 256 for number in range(260)]
    await file.close()


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-ncmd-subscribe",
    "tck-id-message-flow-device-dcmd-subscribe",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-id",
)
def test_it_subscribes_to_its_commands_at_qos_1_before_it_speaks(life: Life) -> None:
    for line in life.lines():
        assert [each.kind for each in line[:2]] == [CONNECT, SUBSCRIBE]
        assert line[1].filters == [
            (f"spBv1.0/{GROUP}/NCMD/{NODE}", 1),
            (f"spBv1.0/{GROUP}/DCMD/{NODE}/+", 1),
            ("spBv1.0/STATE/hub", 1),
        ]
    assert life.foreign_host_ignored


# ---------------------------------------------------------------- order and numbers


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-connect",
    "tck-id-message-flow-device-birth-publish-nbirth-wait",
    "tck-id-principles-birth-certificates-order",
    "tck-id-payloads-dbirth-order",
    "tck-id-payloads-ndata-order",
    "tck-id-payloads-ddata-order",
)
def test_births_come_before_everything_else_in_each_session(life: Life) -> None:
    for line in life.lines():
        said = [p.type for p in line if p.kind == PUBLISH]
        assert said[:2] == ["NBIRTH", "DBIRTH"]
        first_data = next(n for n, kind in enumerate(said) if kind in DATA)
        assert set(said[:first_data]) <= {"NBIRTH", "DBIRTH", "DDEATH"}
        assert said[:first_data].count("NBIRTH") == 1
    assert [p.parsed.device for p in life.of("DBIRTH")[:2]] == ["p101-air", "uplink"]


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-seq-num",
    "tck-id-topics-ndata-seq-num",
    "tck-id-topics-ddata-seq-num",
    "tck-id-topics-dbirth-seq",
    "tck-id-topics-ddeath-seq-num",
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-sequence-num-req-nbirth",
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-dbirth-seq",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-payloads-ndata-seq",
    "tck-id-payloads-ndata-seq-inc",
    "tck-id-payloads-ddata-seq",
    "tck-id-payloads-ddata-seq-inc",
    "tck-id-payloads-ddeath-seq",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-payloads-ddeath-seq-number",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq",
    "tck-id-message-flow-device-birth-publish-dbirth-payload-seq",
)
def test_one_sequence_runs_through_all_messages_and_wraps(life: Life) -> None:
    seen = {each.type for each in life.of()}
    assert seen == {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH"}
    expected, wraps = 0, 0
    for each in life.of():
        if each.type == "NDEATH":
            assert each.said.seq is None
            continue
        if each.type == "NBIRTH":
            expected = 0
        assert each.said.seq == expected, each.topic
        wraps += expected == 255
        expected = (expected + 1) % 256
    assert wraps >= 2


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-data-commands-rebirth-action-1",
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
)
def test_a_rebirth_is_complete_before_data_go_on(life: Life) -> None:
    said = [(p.type, p.parsed.device) for p in life.lines()[0] if p.kind == PUBLISH]
    again = len(said) - 1 - said[::-1].index(("NBIRTH", None))
    assert again > OBSERVATIONS
    following = said[again + 1 : again + 3]
    assert following[0] == ("DBIRTH", "p101-air")
    assert following[1][0] in (*DATA, "DDEATH"), "the dead device is not born"


# ---------------------------------------------------------------- how each message is published


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-mqtt", "tck-id-topics-dbirth-mqtt", "tck-id-topics-ndata-mqtt",
    "tck-id-topics-ddata-mqtt", "tck-id-topics-ddeath-mqtt",
    "tck-id-payloads-nbirth-qos", "tck-id-payloads-nbirth-retain",
    "tck-id-payloads-dbirth-qos", "tck-id-payloads-dbirth-retain",
    "tck-id-payloads-ndata-qos", "tck-id-payloads-ndata-retain",
    "tck-id-payloads-ddata-qos", "tck-id-payloads-ddata-retain",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-qos",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-retained",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-retained",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"])
def test_everything_goes_out_at_qos_0_and_not_retained(life: Life, kind: str) -> None:
    assert {(each.qos, each.retain) for each in life.of(kind)} == {(0, False)}


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-topic",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-ndata-topic",
    "tck-id-topics-ddata-topic",
    "tck-id-topics-ddeath-topic",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    "tck-id-intro-group-id-string",
    "tck-id-intro-edge-node-id-string",
    "tck-id-intro-device-id-string",
)
def test_topics_name_group_node_and_device(life: Life) -> None:
    devices = {"p101-air", "uplink"}
    for each in life.of():
        parts = each.topic.split("/")
        assert parts[:2] == ["spBv1.0", GROUP]
        assert parts[3] == NODE
        assert (set(parts[4:]) <= devices and len(parts) == 5) if each.type[0] == "D" else len(parts) == 4


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-timestamp", "tck-id-topics-dbirth-timestamp", "tck-id-topics-ndata-timestamp",
    "tck-id-topics-ddata-timestamp", "tck-id-payloads-nbirth-timestamp", "tck-id-payloads-dbirth-timestamp",
    "tck-id-payloads-ndata-timestamp", "tck-id-payloads-ddata-timestamp", "tck-id-payloads-ddeath-timestamp",
    "tck-id-payloads-timestamp-in-UTC", "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-name-birth-data-requirement",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"])
def test_payload_and_metrics_carry_utc(life: Life, kind: str) -> None:
    for each in life.of(kind):
        assert each.said.ts_ms is not None
        assert life.began_ms <= each.said.ts_ms <= life.ended_ms
        for metric in each.said.metrics:
            assert metric.ts_ms is not None
            assert life.began_ms - 1000 <= metric.ts_ms <= life.ended_ms


# ---------------------------------------------------------------- what is in them


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-metrics",
    "tck-id-topics-dbirth-metrics",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-metric-datatype-value-type",
    "tck-id-payloads-name-requirement",
    "tck-id-operational-behavior-data-publish-nbirth-values",
    "tck-id-operational-behavior-data-publish-dbirth-values",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
)
@pytest.mark.parametrize("kind", ["NBIRTH", "DBIRTH"])
def test_births_give_name_datatype_and_a_value_or_null(life: Life, kind: str) -> None:
    nulls = 0
    for each in life.of(kind):
        for metric in Payload.FromString(each.payload).metrics:
            assert metric.name
            assert 1 <= metric.datatype <= 34
            assert (metric.WhichOneof("value") is None) is metric.is_null
            nulls += metric.is_null
    assert nulls or kind == "NBIRTH"


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-metric-reqs",
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-operational-behavior-data-publish-nbirth",
    "tck-id-operational-behavior-data-publish-dbirth",
)
def test_nothing_is_published_that_a_birth_did_not_declare(life: Life) -> None:
    declared: dict[str | None, set[str | None]] = {}
    checked = set()
    for each in life.of():
        device, names = each.parsed.device, {metric.name for metric in each.said.metrics}
        if each.type in ("NBIRTH", "DBIRTH"):
            declared[device] = names
        else:
            checked.add(each.type)
            assert names <= declared[device], each.type
    assert checked == {"NDATA", "DDATA", "DDEATH", "NDEATH"}


@pytest.mark.sparkplug(
    "tck-id-topics-nbirth-rebirth-metric",
    "tck-id-payloads-nbirth-rebirth-req",
    "tck-id-operational-behavior-data-commands-rebirth-name",
    "tck-id-operational-behavior-data-commands-rebirth-name-aliases",
    "tck-id-operational-behavior-data-commands-rebirth-datatype",
    "tck-id-operational-behavior-data-commands-rebirth-value",
)
def test_every_nbirth_offers_a_rebirth(life: Life) -> None:
    assert len(life.of("NBIRTH")) == 3
    for each in life.of("NBIRTH"):
        metric = each.said.metric("Node Control/Rebirth")
        assert metric is not None
        assert (metric.datatype, metric.value, metric.alias) == (DataType.Boolean, False, None)


@pytest.mark.sparkplug("tck-id-payloads-alias-uniqueness")
def test_no_metric_has_an_alias_so_none_is_used_twice(life: Life) -> None:
    assert {metric.alias for each in life.of() for metric in each.said.metrics} == {None}


@pytest.mark.sparkplug(
    "tck-id-topics-ddata-payload",
    "tck-id-principles-rbe-recommended",
    "tck-id-operational-behavior-data-publish-dbirth-change",
)
def test_data_hold_what_changed_and_nothing_twice(life: Life) -> None:
    values: list[object] = []
    for each in life.of("DDATA"):
        values += [m.value for m in each.said.metrics if m.name == "CO2" and not m.is_historical]
    assert len(values) > OBSERVATIONS
    assert all(one != next_ for one, next_ in pairwise(values))
    humid = [e for e in life.of("DDATA") if "Humidity" in e.values and not e.said.metrics[-1].is_historical]
    assert len(humid) == 1, "it did not change again"


@pytest.mark.sparkplug(
    "tck-id-topics-ndata-payload", "tck-id-operational-behavior-data-publish-nbirth-change"
)
def test_data_of_the_node_itself_tell_a_new_position(life: Life) -> None:
    told = [each.values for each in life.of("NDATA") if not each.said.metrics[0].is_historical]
    assert told
    assert all("Outbox/Stored" in values for values in told)
    positions = [values["Outbox/Position"] for values in told]
    assert all(one < next_ for one, next_ in pairwise(positions))


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-data-publish-nbirth-order",
    "tck-id-operational-behavior-data-publish-dbirth-order",
)
def test_values_of_a_metric_are_in_chronological_order(life: Life) -> None:
    last: dict[tuple[str | None, str | None], int] = {}
    for each in life.of("NBIRTH", "DBIRTH", "NDATA", "DDATA"):
        names = [metric.name for metric in each.said.metrics]
        assert len(set(names)) == len(names), "a metric stands once in a payload"
        if each.type in DATA:
            for metric in each.said.metrics:
                if not metric.is_historical and not str(metric.name).startswith("Outbox/"):
                    key = each.parsed.device, metric.name
                    assert (metric.ts_ms or 0) > last.get(key, 0)
                    last[key] = metric.ts_ms or 0
    assert last


# ---------------------------------------------------------------- deaths and ends


@pytest.mark.sparkplug("tck-id-operational-behavior-device-ddeath")
def test_a_device_that_does_not_answer_dies_by_name(life: Life) -> None:
    deaths = life.of("DDEATH")
    assert {each.parsed.device for each in deaths} == {"uplink"}
    assert deaths[0].values["Properties/Reason"] == "timeout"


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-packet",
    "tck-id-payloads-ndeath-will-message-publisher",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311",
)
def test_the_end_is_ndeath_then_disconnect(life: Life) -> None:
    last = life.lines()[-1]
    assert (last[-2].type, last[-1].kind) == ("NDEATH", DISCONNECT)
    assert life.seen.count("NDEATH") == 2, "the will of the line that was cut, and the goodbye"


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server"
)
def test_one_connection_at_a_time(life: Life) -> None:
    order = [each.line for each in life.packets]
    assert order == sorted(order), "nothing is said on a line once the next one is open"


# ---------------------------------------------------------------- the primary host


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-termination-host-offline-timestamp",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp",
)
def test_an_offline_message_older_than_the_last_online_one_says_nothing(life: Life) -> None:
    assert life.old_offline_ignored


@pytest.mark.sparkplug(
    "tck-id-message-flow-edge-node-birth-publish-phid-wait",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-online",
    "tck-id-message-flow-edge-node-birth-publish-phid-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline-reconnect",
    "tck-id-operational-behavior-edge-node-birth-sequence-wait",
)
def test_without_a_host_it_is_born_stays_and_buffers(life: Life) -> None:
    """What we do instead of the primary-host rule: see `deviates` in docs/sparkplug/verdicts.toml."""
    assert life.offline_ignored
    first, second = ([p for p in line if p.kind == PUBLISH] for line in life.lines())
    assert first[0].type == "NBIRTH", "no STATE had been published yet"
    assert second[0].type == "NBIRTH", "STATE said offline"
    assert [each.type for each in first].count("NDEATH") == 0


# ---------------------------------------------------------------- names and ids


@pytest.mark.sparkplug(
    "tck-id-intro-edge-node-id-uniqueness",
    "tck-id-topic-structure-namespace-unique-edge-node-descriptor",
    "tck-id-payloads-nbirth-edge-node-descriptor",
)
async def test_of_two_nodes_with_one_id_only_one_stays(module_broker: Broker, tmp_path: Path) -> None:
    """The node id is the MQTT client id, so the broker itself ends the elder session."""
    port = module_broker.port
    first = Running(port, tmp_path / "a.db").start()
    await until(lambda: first.node.connected)
    elder = first.node.session
    second = Running(port, tmp_path / "b.db")
    will = aiomqtt.Will(f"spBv1.0/{GROUP}/NDEATH/{NODE}", b"", qos=1)
    async with second.node.mqtt.client(second.node.node_id, will):
        # Not "is not connected": the first comes back within a tenth of a second, and takes the place itself.
        await until(lambda: first.node.session is not elder)
        first.stop.set()
    await first.end()
    await second.file.close()


@pytest.mark.sparkplug(
    "tck-id-case-sensitivity-sparkplug-ids",
    "tck-id-topic-structure-namespace-unique-edge-node-descriptor",
    "tck-id-topic-structure-namespace-unique-device-id",
    "tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node",
)
def test_ids_of_the_whole_province_are_unique_also_in_lower_case() -> None:
    plans = plan_province(province.schools(), seed=1)
    descriptors = [f"{plan.school.code}/{plan.node}".lower() for plan in plans]
    assert len(set(descriptors)) == len(descriptors) > 400
    for plan in plans:
        ids = [device.device.lower() for device in plan.devices]
        assert len(set(ids)) == len(ids) > 3
    assert plans[0].devices[0].device == plans[1].devices[0].device, "two nodes may have a device of one id"


@pytest.mark.sparkplug(
    "tck-id-case-sensitivity-sparkplug-ids", "tck-id-topic-structure-namespace-unique-device-id"
)
@pytest.mark.parametrize("other", ["p101-air", "P101-Air"])
def test_an_agent_refuses_two_devices_of_one_id(tmp_path: Path, other: str) -> None:
    device = '[[devices]]\nid = "{}"\nkind = "room_air"\nroom = "P101"\ndriver = "simulated"\n'
    file = tmp_path / "agent.toml"
    file.write_text(
        f'[agent]\nschool = "{GROUP}"\nnode = "{NODE}"\n' + device.format("p101-air") + device.format(other)
    )
    with pytest.raises(SettingsError, match="used more than once"):
        load(file)


@pytest.mark.sparkplug("tck-id-case-sensitivity-metric-names")
def test_metric_names_are_unique_also_in_lower_case(life: Life) -> None:
    for each in life.of("NBIRTH", "DBIRTH"):
        names = [str(metric.name).lower() for metric in each.said.metrics]
        assert len(set(names)) == len(names)
    for kind in kinds().values():
        names = [metric.name.lower() for metric in kind.metrics]
        assert len(set(names)) == len(names), kind.id
        assert not any(name.startswith(("outbox/", "properties/", "node control/")) for name in names)
