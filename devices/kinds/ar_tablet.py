"""AR tablet: what a headset tells, without controllers; it lies in a dock and is held in the hand."""

from __future__ import annotations

from dataclasses import replace

from devices.kind import DeviceKind, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.kinds import vr_headset
from devices.protocols.mqtt_json.options import ClassroomOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS


class ArTablet(vr_headset.VrHeadset):
    """A tablet with an AR app: lent out in lessons, docked and charging between them."""

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """As a headset, which has controllers besides."""
        super().advance(room, dt_s)
        del self.values["Controllers"]


def _of_a_tablet(metric: Metric) -> Metric:
    limits = tuple(
        replace(
            limit,
            title_vi=limit.title_vi.replace("kính", "máy tính bảng AR").replace("Kính", "Máy tính bảng AR"),
            title_en=limit.title_en.replace("Headset", "AR tablet"),
        )
        for limit in metric.limits
    )
    return replace(metric, limits=limits)


KIND = DeviceKind(
    id="ar_tablet",
    label_vi="Máy tính bảng AR",
    label_en="AR tablet",
    metrics=tuple(_of_a_tablet(one) for one in vr_headset.KIND.metrics if one.name != "Controllers"),
    tile=Tile(("Battery", "Charging", "In Use", "Tracking")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=900, off_delay_s=10,
                        title_vi="Máy tính bảng AR mất kết nối", title_en="AR tablet unreachable"),
    simulate=ArTablet,
    simulated=Simulated(suffix="ar", rooms={}, wear=("tracking_lost", "battery_worn")),
    driver=Drivers(DriverChoice("classroom", ClassroomOptions, "devices.protocols.mqtt_json.driver:tablet")),
    faults=(*GENERAL_FAULTS, *ArTablet.FAULTS),
)  # fmt: skip
