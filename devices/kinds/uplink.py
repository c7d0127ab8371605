"""Uplink: a school's line to the province, what runs over it and how well."""

from __future__ import annotations

import random
from typing import Any

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.protocols.options import DriverChoice, Drivers
from devices.protocols.reachability.options import PingLineOptions
from devices.protocols.snmp.options import SnmpLineOptions
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

CAPACITIES_KBPS = (50_000, 80_000, 100_000, 150_000, 200_000)
CARRIED_AT_MOST = 0.985  # headers and gaps: a full line shows a little less than its nominal rate
BUFFER_MS = 180.0


class Uplink(Simulation):
    """A fibre line: delay grows with load as a queue does, loss begins when more is wanted than fits."""

    FAULTS = ("fibre_cut", "saturated", "degraded")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.capacity_kbps = rng.choices(CAPACITIES_KBPS, (2, 3, 5, 2, 1))[0]
        self.distance_ms = rng.uniform(4.0, 14.0)
        self.upward_share = rng.uniform(0.14, 0.3)
        self.wanted = 0.02

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Carry what is wanted, up to what fits."""
        goal = 1.3 if "saturated" in self.faults else max(0.004, room.load_fraction)
        self.wanted = approach(self.wanted, goal, dt_s, 20) * (1 + self.noise(0.01))
        if "fibre_cut" in self.faults:
            # no line: how late and how lossy it is cannot be measured, and is not zero
            dead: dict[str, Any] = {"Rx": 0, "Tx": 0, "Utilisation": 0.0, "Latency": None, "Loss": None}
            self.values = {**dead, "Capacity": self.capacity_kbps, "Link Up": False}
            return
        carried = min(self.wanted, CARRIED_AT_MOST)
        queue_ms = min(BUFFER_MS, 0.9 * carried / max(1e-3, 1.0 - carried)) if self.wanted < 1 else BUFFER_MS
        loss = 0.01 + max(0.0, 1 - CARRIED_AT_MOST / self.wanted) * 25 + 4.0 * ("degraded" in self.faults)
        latency_ms = self.distance_ms + queue_ms + 55.0 * ("degraded" in self.faults)
        rx_kbps = round(carried * self.capacity_kbps)
        self.values = {
            "Rx": rx_kbps,
            "Tx": round(rx_kbps * self.upward_share),
            "Capacity": self.capacity_kbps,
            "Utilisation": round(100 * carried, 1),
            "Latency": round(latency_ms * (1 + self.noise(0.02)), 1),
            "Loss": round(clamp(loss * (1 + self.noise(0.1)), 0, 100), 2),
            "Link Up": True,
        }


KIND = DeviceKind(
    id="uplink",
    label_vi="Đường truyền",
    label_en="Uplink",
    metrics=(
        Metric(
            name="Rx", datatype=DataType.Int64, unit="kbit/s", low=0, high=100_000_000, deadband=250,
            label_vi="Tải xuống", label_en="Received", role="rx",
        ),
        Metric(
            name="Tx", datatype=DataType.Int64, unit="kbit/s", low=0, high=100_000_000, deadband=100,
            label_vi="Tải lên", label_en="Sent", role="tx",
        ),
        Metric(
            name="Capacity", datatype=DataType.Int64, unit="kbit/s", low=0, high=100_000_000,
            label_vi="Băng thông", label_en="Capacity", role="capacity",
        ),
        Metric(
            name="Utilisation", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0, decimals=0,
            label_vi="Mức sử dụng", label_en="Utilisation", role="utilisation",
            limits=(
                Limit(severity=Severity.MINOR, above=85.0, hysteresis=5.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Đường truyền gần đầy", title_en="Uplink nearly full"),
                Limit(severity=Severity.MAJOR, above=95.0, hysteresis=5.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Đường truyền bão hòa", title_en="Uplink saturated"),
            ),
        ),
        Metric(
            name="Latency", datatype=DataType.Float, unit="ms", low=0, high=60_000, deadband=3.0, decimals=0,
            label_vi="Độ trễ", label_en="Latency", role="latency",
            limits=(
                Limit(severity=Severity.MINOR, above=100.0, hysteresis=20.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Độ trễ cao", title_en="Latency high"),
                Limit(severity=Severity.MAJOR, above=300.0, hysteresis=50.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Độ trễ rất cao", title_en="Latency very high"),
            ),
        ),
        Metric(
            name="Loss", datatype=DataType.Float, unit="%", low=0, high=100, deadband=0.2, decimals=1,
            label_vi="Mất gói", label_en="Packet loss", role="loss",
            limits=(
                Limit(severity=Severity.MINOR, above=1.0, hysteresis=0.4, on_delay_s=120, off_delay_s=60,
                      title_vi="Mất gói", title_en="Packet loss"),
                Limit(severity=Severity.MAJOR, above=5.0, hysteresis=1.5, on_delay_s=120, off_delay_s=60,
                      title_vi="Mất gói nặng", title_en="Heavy packet loss"),
            ),
        ),
        Metric(
            name="Link Up", datatype=DataType.Boolean, label_vi="Kết nối", label_en="Link", role="link",
            states={False: ("Đứt", "Down"), True: ("Thông", "Up")},
            limits=(
                Limit(severity=Severity.CRITICAL, equals=False, on_delay_s=5, off_delay_s=10,
                      title_vi="Trường mất kết nối", title_en="School disconnected"),
            ),
        ),
    ),
    tile=Tile(("Utilisation", "Rx", "Tx", "Latency", "Loss")),
    offline=OfflineRule(severity=Severity.CRITICAL, on_delay_s=30, off_delay_s=10,
                        title_vi="Trường mất kết nối", title_en="School disconnected"),
    simulate=Uplink,
    simulated=Simulated(
        per_school=True, name="Đường truyền Internet",
        breaks={
            "fibre_cut": "fibre_cut", "uplink_down": "fibre_cut",
            "uplink_degraded": "degraded", "uplink_saturation": "saturated",
        },
    ),
    driver=Drivers(
        DriverChoice("snmp", SnmpLineOptions, "devices.protocols.snmp.driver:SnmpLine"),
        DriverChoice("ping", PingLineOptions, "devices.protocols.reachability.probe:PingedLine"),
    ),
    faults=(*GENERAL_FAULTS, *Uplink.FAULTS),
)  # fmt: skip
