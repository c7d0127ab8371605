"""What the contract promises who sends something else: quarantine with reasons, a place for the unknown."""

from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue
from hub.commands.asking import check_value
from hub.errors import Invalid
from tests.hub.ingest.parts import Parts, Sender, number


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def test_m36_a_payload_that_does_not_conform_is_kept_aside_with_its_reason(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Nobody declared me", 1.0))
    parts.send(sender.topic("DDATA", "air"), b"\xff not protobuf")
    kept = {one.reason: one for one in parts.effects.quarantine}
    assert set(kept) == set(parts.reasons)
    assert len(kept) == 2
    assert kept["malformed"].payload == b"\xff not protobuf"
    assert all((one.group, one.node) == ("S1", "n1") and one.topic for one in kept.values())


def test_a_iii_0_an_unknown_model_is_registered_counted_shown_and_not_controlled(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    about = [
        MetricValue("Properties/Kind", datatype=DataType.String, value="acme_board_x1"),
        MetricValue("Properties/Room", datatype=DataType.String, value="P101"),
        number("Brilliance", 40.0),
        MetricValue("Power", datatype=DataType.Boolean, value=True),
    ]
    sender.send("DBIRTH", "board", [*sender.about_outbox(0), *about])
    sender.data("board", number("Brilliance", 55.0))
    node = parts.directory.nodes["S1/n1"]
    assert set(node.devices) == {"air", "board"}, "counted like any other"
    assert parts.value("board", "Brilliance") == 55.0
    assert {one.device for one in parts.effects.devices.values()} == {"air", "board"}
    assert parts.reasons == {}
    for command, value in (("power", False), ("Power", False), ("brilliance", 1.0)):
        with pytest.raises(Invalid):
            check_value("acme_board_x1", command, value)
