"""Network switch: uptime, ports, what runs over them, errors, the busiest port."""

from __future__ import annotations

import random

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.protocols.options import DriverChoice, Drivers
from devices.protocols.snmp.options import SnmpOptions
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

PORTS = (8, 16, 24, 24, 48)
UPLINK_KBPS = 1_000_000


class NetworkSwitch(Simulation):
    """A switch: ports go up with the devices of the room, traffic follows the wanted share of the line."""

    FAULTS = ("bad_cable", "loop")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.ports = rng.choice(PORTS)
        self.always_up = rng.randint(2, self.ports // 2)
        self.uptime_s = rng.uniform(1, 200) * 86_400
        self.carried = 0.01

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Age, carry what is wanted; a loop fills the ports, a bad cable spoils frames."""
        self.uptime_s = self.uptime_s + dt_s if room.powered else 0.0
        loop = "loop" in self.faults
        goal = 0.97 if loop else clamp(0.2 * room.load_fraction, 0.002, 0.9)
        self.carried = approach(self.carried, goal, dt_s, 20)
        rx_kbps = self.carried * UPLINK_KBPS * (1 + self.noise(0.02))
        self.values = {
            "Uptime": round(self.uptime_s / 3600, 2),
            "Ports": self.ports,
            "Ports Up": self.ports if room.lesson else self.always_up,
            "Rx": round(rx_kbps),
            "Tx": round(rx_kbps * (0.95 if loop else 0.3)),
            "Errors": 240 if "bad_cable" in self.faults else 0,
            "Busiest Load": round(clamp(100 * self.carried + self.noise(0.5), 0, 100), 1),
            "Busiest Port": f"gi1/0/{self.ports}",
        }


KIND = DeviceKind(
    id="network_switch",
    label_vi="Bộ chuyển mạch",
    label_en="Network switch",
    metrics=(
        Metric(
            name="Uptime", datatype=DataType.Double, unit="h", low=0, high=1_000_000, deadband=1,
            label_vi="Thời gian chạy", label_en="Uptime",
        ),
        Metric(
            name="Ports", datatype=DataType.Int32, low=0, high=4096, deadband=1,
            label_vi="Số cổng", label_en="Ports",
        ),
        Metric(
            name="Ports Up", datatype=DataType.Int32, low=0, high=4096, deadband=1,
            label_vi="Cổng đang nối", label_en="Ports up",
        ),
        Metric(
            name="Rx", datatype=DataType.Int64, unit="kbit/s", low=0, high=10_000_000_000, deadband=2000,
            label_vi="Nhận", label_en="Received",
        ),
        Metric(
            name="Tx", datatype=DataType.Int64, unit="kbit/s", low=0, high=10_000_000_000, deadband=2000,
            label_vi="Gửi", label_en="Sent",
        ),
        Metric(
            name="Errors", datatype=DataType.Int32, unit="1/min", low=0, high=1_000_000_000, deadband=5,
            label_vi="Khung lỗi", label_en="Errors",
            limits=(
                Limit(severity=Severity.MINOR, above=60, hysteresis=30, on_delay_s=300, off_delay_s=120,
                      title_vi="Bộ chuyển mạch nhận nhiều khung lỗi", title_en="Switch sees many bad frames"),
            ),
        ),
        Metric(
            name="Busiest Load", datatype=DataType.Float, unit="%", low=0, high=100, deadband=5.0,
            label_vi="Cổng bận nhất", label_en="Busiest port's load",
            limits=(
                Limit(severity=Severity.MINOR, above=90.0, hysteresis=10.0, on_delay_s=300, off_delay_s=120,
                      title_vi="Cổng mạng gần đầy", title_en="Port nearly full"),
            ),
        ),
        Metric(
            name="Busiest Port", datatype=DataType.String, label_vi="Tên cổng bận nhất",
            label_en="Busiest port",
        ),
    ),
    tile=Tile(("Ports Up", "Busiest Load", "Errors", "Rx", "Tx")),
    offline=OfflineRule(severity=Severity.MAJOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Bộ chuyển mạch mất kết nối", title_en="Switch unreachable"),
    simulate=NetworkSwitch,
    simulated=Simulated(suffix="switch", rooms={"server_room": 1}),
    driver=Drivers(DriverChoice("snmp", SnmpOptions, "devices.protocols.snmp.driver:SnmpSwitch")),
    faults=(*GENERAL_FAULTS, *NetworkSwitch.FAULTS),
)  # fmt: skip
