"""Sessions, order, presence and values, message by message."""

from pathlib import Path

import pytest

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload, ndeath_payload
from hub.ingest.mirror import Mirror
from hub.ingest.model import BORN, DEAD
from hub.ingest.state import FollowerState, snapshot_of
from tests.hub.ingest.parts import EPOCH, START_MS, Parts, Sender, number


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def test_a_birth_and_a_change_become_state_and_history(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 27.5))
    assert parts.value("air", "Temperature") == 27.5
    assert [(row.series.key, row.ts_ms, row.ordinal, row.values) for row in parts.rows] == [
        (("S1", "n1", "air"), START_MS, EPOCH << 40 | 1, [27.5])
    ]
    assert parts.directory.nodes["S1/n1"].devices["air"].presence.state == BORN
    assert parts.reasons == {}


def test_a_compressed_clock_is_known_at_every_instant_from_the_birth_on(parts: Parts) -> None:
    offset_ms, factor = -7_200_000, 60.0  # at the birth the school is two hours behind, and gains
    clock = [number("Simulation/Clock Offset", offset_ms, DataType.Int64)]
    clock.append(number("Simulation/Clock Factor", factor, DataType.Double))
    Sender(parts).send("NBIRTH", "", [number("bdSeq", 0, DataType.Int64), *clock])
    node = parts.directory.nodes["S1/n1"]

    def school_ms(utc_ms: int) -> float:
        return node.clock_factor * utc_ms + node.clock_offset_ms

    assert school_ms(parts.now_ms) == parts.now_ms + offset_ms
    assert school_ms(parts.now_ms + 60_000) == parts.now_ms + offset_ms + 3_600_000


def test_births_of_a_node_without_outbox_are_history_too(parts: Parts) -> None:
    sender = Sender(parts, "Plant", "tahu", outbox=False)
    sender.send("NBIRTH", "", [number("bdSeq", 0, DataType.Int64), number("Load", 3.0)])
    assert [row.values for row in parts.rows] == [[3.0]]
    assert not parts.directory.nodes["Plant/tahu"].claimed


@pytest.mark.sparkplug("tck-id-operational-behavior-host-reordering-success")
def test_messages_that_overtook_each_other_are_put_right(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 2.0, ts_ms=START_MS + 2), position=2, seq=3)
    assert parts.value("air", "Temperature") is None, "it waits for its turn"
    sender.data("air", number("Temperature", 1.0, ts_ms=START_MS + 1), position=1, seq=2)
    assert parts.value("air", "Temperature") == 2.0
    parts.tick(10)
    assert parts.asked() == []


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-host-reordering-param",
    "tck-id-operational-behavior-host-reordering-start",
    "tck-id-operational-behavior-host-reordering-rebirth",
)
def test_a_gap_that_stays_asks_for_a_rebirth_and_loses_nothing(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 2.0), position=2, seq=9)
    assert parts.applier.held_entry() == parts.entry, "the journal must keep what waits"
    parts.tick(1.9)
    assert parts.asked() == []
    parts.tick(0.2)
    assert parts.asked() == ["sequence_gap"]
    assert parts.value("air", "Temperature") == 2.0
    assert parts.applier.held_entry() is None


def test_rebirths_have_a_cooldown(parts: Parts) -> None:
    for _ in range(5):
        parts.send("spBv1.0/S1/NDATA/stranger", encode_payload(Payload(ts_ms=START_MS, seq=7)))
    assert parts.asked() == ["unborn"]
    parts.send("spBv1.0/S1/NDATA/stranger", encode_payload(Payload(ts_ms=START_MS, seq=8)))
    assert parts.asked() == []
    parts.now_ms += 61_000
    assert parts.asked() == ["unborn"]


def test_data_before_the_birth_is_held_and_applied_after_it(parts: Parts) -> None:
    sender = Sender(parts, outbox=False)
    sender.data("air", number("Temperature", 20.0), seq=5)
    assert parts.asked() == ["unborn"]
    sender.born("air")
    assert parts.value("air", "Temperature") == 20.0
    assert [row.values for row in parts.rows][-1] == [20.0]


def test_data_of_an_outbox_before_its_birth_is_neither_kept_nor_acknowledged(parts: Parts) -> None:
    sender = Sender(parts)
    sender.data("air", number("Temperature", 20.0), seq=5)
    assert parts.rows == []
    assert EPOCH not in parts.directory.nodes["S1/n1"].positions, "the node must hold it"
    sender.born("air")
    sender.data("air", number("Temperature", 20.0), position=1)
    assert [row.values for row in parts.rows] == [[20.0]]


def test_data_whose_birth_never_comes_goes_to_quarantine(parts: Parts) -> None:
    Sender(parts, outbox=False).data("air", number("Temperature", 20.0), seq=5)
    parts.tick(61)
    assert parts.reasons == {"unborn": 1}
    assert parts.effects.quarantine[0].payload


def test_a_death_counts_only_for_the_birth_it_belongs_to(parts: Parts) -> None:
    sender = Sender(parts).born("air", bd_seq=4)
    node = parts.directory.nodes["S1/n1"]
    parts.send(sender.topic("NDEATH"), ndeath_payload(3))
    assert node.itself.presence.state == BORN
    parts.send(sender.topic("NDEATH"), ndeath_payload(4))
    assert (node.itself.presence.state, node.itself.presence.reason) == (DEAD, "will")
    assert (node.devices["air"].presence.state, node.devices["air"].presence.reason) == (DEAD, "node_lost")
    sender.born("air", bd_seq=5)
    assert node.devices["air"].presence.state == BORN
    assert [(change.device, change.state) for change in parts.effects.presence] == [
        ("", "born"), ("air", "born"), ("", "dead"), ("", "born"), ("air", "born"),
    ]  # fmt: skip


def test_a_node_that_falls_silent_is_dead_since_its_heartbeat_was_due(parts: Parts) -> None:
    Sender(parts).born("air")
    parts.tick(29)
    node = parts.directory.nodes["S1/n1"]
    assert node.itself.presence.state == BORN
    parts.tick(2)
    assert node.itself.presence.state == DEAD
    assert node.itself.presence.reason == "silence"
    assert node.itself.presence.since_ms == START_MS + 30_000


def test_a_device_that_is_not_born_again_with_its_node_is_dead(parts: Parts) -> None:
    sender = Sender(parts).born("air", "second")
    parts.now_ms += 1000
    sender.born("air", bd_seq=1)
    parts.tick(16)
    devices = parts.directory.nodes["S1/n1"].devices
    assert devices["air"].presence.state == BORN
    assert (devices["second"].presence.state, devices["second"].presence.reason) == (DEAD, "not_reborn")


def test_a_device_that_dies_says_why(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.send("DDEATH", "air", [number("Properties/Reason", "timeout", DataType.String)])
    presence = parts.directory.nodes["S1/n1"].devices["air"].presence
    assert (presence.state, presence.reason) == (DEAD, "timeout")


def test_replayed_data_goes_to_history_only(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 30.0, ts_ms=START_MS))
    late = MetricValue(
        "Temperature", datatype=DataType.Float, value=10.0, ts_ms=START_MS - 500_000, is_historical=True
    )
    sender.data("air", late)
    assert parts.value("air", "Temperature") == 30.0
    assert [(row.ts_ms, row.values) for row in parts.rows] == [
        (START_MS, [30.0]),
        (START_MS - 500_000, [10.0]),
    ]


def test_twice_is_once(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    for _ in range(3):
        sender.data("air", number("Temperature", 30.0), position=1)
    assert len(parts.rows) == 1
    assert parts.directory.nodes["S1/n1"].positions[EPOCH].through == 1


def test_an_outbox_put_back_from_an_old_copy_is_told_how_far_it_once_was(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    for position in (1, 2, 5):
        sender.data("air", number("Temperature", 20.0), position=position)
    node = parts.directory.nodes["S1/n1"]
    old = encode_payload(Payload(ts_ms=START_MS, seq=0, metrics=sender.about_outbox(3)))
    batch = parts.decoder.batch([(sender.topic("NBIRTH").encode(), old)], parts.now_ms)
    assert batch.acknowledge[-1] == (node, EPOCH, 5)
    newer = encode_payload(Payload(ts_ms=START_MS, seq=0, metrics=sender.about_outbox(6)))
    batch = parts.decoder.batch([(sender.topic("NBIRTH").encode(), newer)], parts.now_ms)
    assert batch.acknowledge[-1] == (node, EPOCH, 2)


def test_a_gap_is_asked_about_when_it_stays_not_while_a_backlog_closes_it(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 20.0), position=100)
    for position in range(1, 10):
        parts.tick(20)
        assert parts.asked() == [], f"the backlog has come as far as {position}"
        sender.data("air", number("Temperature", 20.0), position=position)
    parts.tick()
    parts.tick(29)
    assert parts.asked() == []
    parts.tick(2)
    assert parts.asked() == ["position_gap"]


def test_the_same_position_of_two_epochs_is_two_rows(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 30.0), position=1)
    sender.epoch = EPOCH + 1
    sender.born("air")
    sender.data("air", number("Temperature", 31.0), position=1)
    assert len({(row.ts_ms, row.ordinal) for row in parts.rows}) == 2


def test_a_flood_is_an_alarm_at_once_and_only_in_a_known_school(parts: Parts) -> None:
    wet = MetricValue("Water Leak", datatype=DataType.Boolean, value=True, ts_ms=START_MS)
    Sender(parts).born("air").data("air", wet)
    Sender(parts, "Elsewhere", "n9").born("air").data("air", wet)
    parts.tick()
    assert [(change.alarm.school, change.alarm.metric) for change in parts.effects.alarms] == [
        ("S1", "Water Leak")
    ]


@pytest.mark.parametrize("hours", [-56 * 365 * 24, -1, 1, 365 * 24])
def test_a_wrong_clock_is_measured_corrected_and_flagged(parts: Parts, hours: int) -> None:
    sender = Sender(parts).born("air")
    wrong_ms = max(START_MS + hours * 3_600_000, 86_400_000)
    sender.data("air", number("Temperature", 21.0, ts_ms=wrong_ms + 500), ts_ms=wrong_ms + 600)
    (row,) = parts.rows
    assert abs(row.ts_ms - START_MS) < 1000
    assert abs(parts.directory.nodes["S1/n1"].skew_ms - (START_MS - wrong_ms)) < 1000
    assert parts.value("air", "Temperature") == 21.0


def test_one_metric_with_an_absurd_time_takes_that_of_its_payload(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data(
        "air", number("Temperature", 21.0, ts_ms=5), number("Humidity", 50.0, ts_ms=START_MS + 10**11)
    )
    assert {row.ts_ms for row in parts.rows} == {START_MS}


def test_a_negative_number_in_data_without_datatype_is_read_by_the_birth(parts: Parts) -> None:
    sender = Sender(parts).born("eye", kind="camera")
    sender.position += 1
    offset = number("Clock Offset", -1, DataType.Int32)
    data = pb.Payload.FromString(sender.encode([*sender.about_outbox(1), offset]))
    data.metrics[-1].ClearField("datatype")
    assert data.metrics[-1].int_value == 0xFFFF_FFFF
    parts.send(sender.topic("DDATA", "eye"), data.SerializeToString())
    assert parts.value("eye", "Clock Offset") == -1
    assert parts.rows[-1].values == [-1]
    device = parts.directory.nodes["S1/n1"].devices["eye"]
    mirror = Mirror(parts.directory, lambda topic, document: None, 0)
    assert mirror.document(device, parts.now_ms)["metrics"]["Clock Offset"]["value"] == -1


def test_restored_state_is_what_was_remembered(parts: Parts, tmp_path: Path) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 27.5), number("Occupancy", 31, DataType.Int32))
    node = parts.directory.nodes["S1/n1"]
    state = FollowerState(tmp_path / "state.db")
    state.save(snapshot_of([node.itself, *node.devices.values()], parts.entry))
    state.close()

    (tmp_path / "again").mkdir()
    again = Parts(tmp_path / "again")
    restored = FollowerState(tmp_path / "state.db")
    restored.restore(again.directory)
    assert restored.cursor == parts.entry
    assert again.value("air", "Temperature") == 27.5
    assert again.value("air", "Occupancy") == 31
    assert again.directory.nodes["S1/n1"].claimed
    again.entry, again.now_ms = parts.entry, parts.now_ms
    sender.parts = again
    sender.data("air", number("Temperature", 28.0))
    assert again.value("air", "Temperature") == 28.0
    assert again.asked() == [], "nobody is asked for a rebirth who need not be"


def test_a_node_given_up_for_its_silence_is_back_as_soon_as_it_is_heard(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    parts.tick(31)
    node = parts.directory.nodes["S1/n1"]
    assert node.itself.presence.state == DEAD
    sender.data("air", number("Temperature", 20.0, ts_ms=parts.now_ms))
    assert (node.itself.presence.state, node.itself.presence.reason) == (BORN, "heard_again")
    assert node.devices["air"].presence.state == BORN
    assert parts.asked() == []


def test_a_goodbye_is_an_alarm_only_if_the_node_stays_away(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    node = parts.directory.nodes["S1/n1"]
    parts.send(sender.topic("NDEATH"), ndeath_payload(0, parts.now_ms))
    assert (node.itself.presence.state, node.itself.presence.reason) == (DEAD, "goodbye")
    parts.tick(50)
    sender.born("air", bd_seq=1)
    parts.tick(25)
    assert parts.effects.alarms == []
    parts.send(sender.topic("NDEATH"), ndeath_payload(1, parts.now_ms))
    for _ in range(4):
        parts.tick(30)
    assert [(change.alarm.node, change.alarm.device) for change in parts.effects.alarms][:1] == [("n1", None)]
    assert "in order" in parts.effects.alarms[0].alarm.detail_en


def test_a_will_is_an_alarm_at_once(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    parts.send(sender.topic("NDEATH"), ndeath_payload(0))
    parts.tick(6)
    assert "without goodbye" in parts.effects.alarms[0].alarm.detail_en


def test_a_birth_tells_the_type_of_its_room(parts: Parts) -> None:
    sender = Sender(parts).born()
    words = {"Kind": "room_air", "Room": "P101", "Room Type": "library"}
    about = [MetricValue(f"Properties/{n}", datatype=DataType.String, value=v) for n, v in words.items()]
    sender.send("DBIRTH", "air", [*sender.about_outbox(0), *about])
    assert parts.effects.rooms["S1", "P101"].type == "library"
    assert "Properties/Room Type" not in parts.directory.nodes["S1/n1"].devices["air"].slots
