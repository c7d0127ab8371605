"""Any other device with an address (a gateway, a printer): whether it is there, how late, how lossy."""

from __future__ import annotations

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.protocols.options import DriverChoice, Drivers
from devices.protocols.reachability.options import PingOptions
from devices.simulation import GENERAL_FAULTS, Simulation, clamp
from devices.wire.datatypes import DataType


class NetworkDevice(Simulation):
    """Something that answers when asked, a little later under load."""

    FAULTS = ("bad_line",)

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Answer."""
        bad = "bad_line" in self.faults
        self.values = {
            "Latency": round(max(0.1, 0.6 + 2 * room.load_fraction + 80 * bad + self.noise(0.1)), 2),
            "Loss": round(clamp(12.0 * bad + self.noise(1.0) * bad, 0, 100), 2),
        }


KIND = DeviceKind(
    id="network_device",
    label_vi="Thiết bị mạng khác",
    label_en="Other network device",
    metrics=(
        Metric(
            name="Latency", datatype=DataType.Float, unit="ms", low=0, high=60_000, deadband=3.0, decimals=1,
            label_vi="Độ trễ", label_en="Latency", role="latency",
        ),
        Metric(
            name="Loss", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0, decimals=1,
            label_vi="Mất gói", label_en="Packet loss", role="loss",
            limits=(
                Limit(severity=Severity.MINOR, above=10.0, hysteresis=5.0, on_delay_s=300, off_delay_s=120,
                      title_vi="Thiết bị trả lời chập chờn", title_en="Device answers now and then"),
            ),
        ),
    ),
    tile=Tile(("Latency", "Loss")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Thiết bị mạng mất kết nối", title_en="Network device unreachable"),
    simulate=NetworkDevice,
    simulated=Simulated(suffix="gateway", name="Cổng mạng", rooms={"server_room": 1}),
    driver=Drivers(DriverChoice("ping", PingOptions, "devices.protocols.reachability.probe:PingedDevice")),
    faults=(*GENERAL_FAULTS, *NetworkDevice.FAULTS),
)  # fmt: skip
