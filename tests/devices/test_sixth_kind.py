"""A new kind of device is one file: dropped in, it is found, declared on the wire and simulated."""

import random
import sys
from pathlib import Path

import pytest

import devices.kinds
from devices.kind import KindError, RoomConditions, kind, kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import Payload, decode_payload, encode_payload

TANK = '''
"""Water tank on the roof."""

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, Severity, Tile
from devices.simulation import GENERAL_FAULTS, Simulation
from devices.wire.datatypes import DataType


class Tank(Simulation):
    FAULTS = ("leak",)

    def __init__(self, rng):
        super().__init__(rng)
        self.level = 90.0

    def advance(self, room, dt_s):
        per_hour = room.occupied_people + 50 * ("leak" in self.faults)
        self.level = max(0.0, self.level - per_hour * dt_s / 3600)
        self.values = {"Level": self.level, "Pump": self.level < 40}


KIND = DeviceKind(
    id="tank_of_a_test", label_vi="Bồn nước", label_en="Water tank",
    metrics=(
        Metric(name="Level", datatype=DataType.Double, unit="%", low=0, high=100, deadband=1,
               label_vi="Mực nước", label_en="Level",
               limits=(Limit(severity=Severity.MINOR, below=20, hysteresis=5, title_vi="Sắp hết nước",
                             title_en="Nearly empty"),)),
        Metric(name="Pump", datatype=DataType.Boolean, label_vi="Bơm", label_en="Pump"),
    ),
    tile=Tile(("Level",)),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=60, title_vi="Mất", title_en="Gone"),
    simulate=Tank, faults=(*GENERAL_FAULTS, *Tank.FAULTS),
)
'''


def test_a_file_in_a_folder_of_ones_own_is_a_kind(tmp_path: Path) -> None:
    (tmp_path / "tank_of_a_test.py").write_text(TANK, encoding="utf-8")
    found = kinds(tmp_path)
    assert set(found) == {*kinds(), "tank_of_a_test"}

    tank = found["tank_of_a_test"]
    device = tank.simulate(random.Random(1))
    device.fail("leak")
    device.step(RoomConditions(occupied_people=20), 3600)
    values = device.read()
    assert values == {"Level": 20.0, "Pump": True}

    birth = decode_payload(encode_payload(Payload(5, 1, tank.declare(values, ts_ms=5))))
    level, pump = birth.metrics
    assert (level.name, level.datatype, level.value) == ("Level", DataType.Double, 20.0)
    assert level.properties == {"engUnit": "%"}
    assert (pump.name, pump.value) == ("Pump", True)
    assert tank.metrics[0].limits[0].breached(19.9)


def test_a_file_dropped_beside_the_others_is_found_by_being_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tank_of_a_test.py").write_text(TANK, encoding="utf-8")
    monkeypatch.setattr(devices.kinds, "__path__", [*devices.kinds.__path__, str(tmp_path)])
    try:
        assert kind("tank_of_a_test").label_vi == "Bồn nước"
    finally:
        sys.modules.pop("devices.kinds.tank_of_a_test", None)
        vars(devices.kinds).pop("tank_of_a_test", None)
    monkeypatch.undo()
    assert "tank_of_a_test" not in kinds()


def test_a_file_that_is_no_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    with pytest.raises(KindError, match=r"empty\.py"):
        kinds(tmp_path)


def test_a_fault_that_simulated_names_and_the_kind_has_not_is_refused(tmp_path: Path) -> None:
    wrong = TANK.replace("simulate=Tank,", 'simulate=Tank, simulated=Simulated(wear=("rust",)),')
    wrong = wrong.replace("Severity, Tile", "Severity, Simulated, Tile")
    (tmp_path / "tank_of_a_test.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(KindError, match=r"\['rust'\]"):
        kinds(tmp_path)


def test_two_kinds_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(TANK.replace("tank_of_a_test", "relay"), encoding="utf-8")
    with pytest.raises(KindError, match="relay"):
        kinds(tmp_path)
