"""A living school: its rooms follow the day, its devices age, break and are struck by faults. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from devices.kind import DeviceKind, RoomConditions, UnreachableError
from devices.simulation import Simulation as DeviceSimulation
from simulators.plan import WHOLE_SCHOOL, DevicePlan, SchoolPlan
from simulators.scenario import FaultKind
from simulators.school_day import (
    DAY_S,
    LocalTime,
    RoomTraits,
    conditions,
    failures_per_hour,
    local_time,
    uplink_load,
)
from simulators.weather import Weather, weather_at

WARM_UP_STEP_S = 300.0
WARM_UP_STEPS = 9  # the three quarters of an hour before the start: air and lamps are as they would be
REPAIR_S = (240.0, 1_500.0)

# What strikes any device that is aimed at; whom every other fault breaks is in the kinds' `simulated`.
ANY_DEVICE = {FaultKind.UNPLUGGED: "unplugged", FaultKind.EQUIPMENT: ""}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a poll brought: the values that changed enough to report, or why there are none.

    `values` None means that the device just stopped answering, for `reason`; `returned` that it answers
    again, perhaps with nothing changed.
    """

    device: str
    values: Mapping[str, Any] | None
    reason: str = ""
    returned: bool = False


class LivingDevice:
    """One simulated device, polled by exception: only changes beyond the kind's deadbands come out."""

    def __init__(self, plan: DevicePlan, kind: DeviceKind, luck: Random) -> None:
        self.plan = plan
        self.kind = kind
        self.simulated = kind.simulate(luck)
        self.values: dict[str, Any] = {}  # what the last poll read
        self.answers = True
        self.reason = ""
        self._reported: dict[str, Any] = {}
        self._faults: Counter[str] = Counter()
        self._luck = luck
        self._wear = kind.simulated.wear
        self._worn: str | None = None
        self._wear_due_s = luck.expovariate(failures_per_hour(plan.age_years)) * 3600

    def age(self, lived_s: float) -> None:
        """Break by wear, or come back from repair, when the time has come."""
        if lived_s < self._wear_due_s or not self._wear:
            return
        if self._worn is None:
            self._worn = self._luck.choice(self._wear)
            self.fail(self._worn)
            self._wear_due_s = lived_s + self._luck.uniform(*REPAIR_S)
        else:
            self.heal(self._worn)
            self._worn = None
            self._wear_due_s = lived_s + self._luck.expovariate(failures_per_hour(self.plan.age_years)) * 3600

    def fail(self, fault: str) -> None:
        """Break in one of the kind's ways; the same fault twice needs healing twice."""
        self._faults[fault] += 1
        if self._faults[fault] == 1:
            self.simulated.fail(fault)

    def heal(self, fault: str) -> None:
        """Undo one `fail`."""
        if self._faults[fault] == 0:
            return
        self._faults[fault] -= 1
        if self._faults[fault] == 0:
            self.simulated.heal(fault)

    def forget(self, values: Mapping[str, Any]) -> None:
        """Offer these values again with the next poll: nobody took them."""
        for name in values:
            self._reported.pop(name, None)

    def poll(self) -> Observation | None:
        """Read the device; None if nothing is worth a report."""
        try:
            self.values = self.simulated.read()
        except UnreachableError as error:
            if not self.answers and self.reason == error.reason:
                return None
            already, self.answers, self.reason = not self.answers, False, error.reason
            return None if already else Observation(self.plan.device, None, error.reason)
        returned, self.answers, self.reason = not self.answers, True, ""
        changed = {
            name: value
            for name, value in self.values.items()
            if name not in self._reported
            or (
                (metric := self.kind.metric(name)) is not None and metric.changed(self._reported[name], value)
            )
        }
        if not changed and not returned:
            return None
        self._reported.update(changed)
        return Observation(self.plan.device, changed, returned=returned)


class LivingSchool:
    """All devices of a school and what befalls them; time is school time in UTC ms."""

    def __init__(
        self, plan: SchoolPlan, kinds: Mapping[str, DeviceKind], seed: int, *, ageing: bool = True
    ) -> None:
        self.plan = plan
        self.ageing = ageing
        self.devices = {
            each.device: LivingDevice(each, kinds[each.kind], Random(f"{seed}/{plan.node}/{each.device}"))
            for each in plan.devices
        }
        self._by_room: dict[str, list[LivingDevice]] = {}
        for device in self.devices.values():
            device.simulated.place(plan.room_type(device.plan.room), device.plan.number)
            self._by_room.setdefault(device.plan.room, []).append(device)
        # few devices change their room: only those are asked
        self._movers = {
            room: [device for device in here if type(device.simulated).affect is not DeviceSimulation.affect]
            for room, here in self._by_room.items()
        }
        self._seed = seed
        self._felt: dict[str, RoomConditions] = {}
        self._rooms: dict[str, RoomTraits] = {room.code: room for room in plan.rooms}
        self._dark: Counter[str] = Counter()
        self._crowded: Counter[str] = Counter()
        self._lived_s = 0.0
        self._at_ms: int | None = None

    def _step(self, school_ms: int, dt_s: float) -> None:
        moment = local_time(school_ms)
        weather = weather_at(self._seed, moment.day, min(moment.second, DAY_S - 1))
        for room, felt in self._conditions(moment, weather):
            for mover in self._movers.get(room, ()):
                felt = mover.simulated.affect(felt)
            self._felt[room] = felt
            for device in self._by_room.get(room, ()):
                device.simulated.step(felt, dt_s)

    def _conditions(self, moment: LocalTime, weather: Weather) -> Iterator[tuple[str, RoomConditions]]:
        school = self.plan.school
        load = uplink_load(school.code, school.level, moment, self._seed)
        yield (
            WHOLE_SCHOOL,
            RoomConditions(
                outdoor_c=weather.outdoor_c,
                outdoor_lux=weather.outdoor_lux,
                load_fraction=load,
                age_years=self.plan.age_years,
            ),
        )
        for code, traits in self._rooms.items():
            crowd = traits.seats if self._crowded[code] else 0
            yield (
                code,
                conditions(
                    traits, moment, weather, self._seed, powered=not self._dark[code], extra_people=crowd
                ),
            )

    def live(self, school_ms: int) -> list[Observation]:
        """Let time pass until `school_ms` and poll everything; the first call also lives what came before."""
        if self._at_ms is None:
            for number in range(WARM_UP_STEPS, 0, -1):
                self._step(school_ms - int(number * WARM_UP_STEP_S * 1000), WARM_UP_STEP_S)
            self._at_ms = school_ms
        dt_s = (school_ms - self._at_ms) / 1000
        if dt_s > 0:
            self._lived_s += dt_s
            self._at_ms = school_ms
            self._step(school_ms, dt_s)
            if self.ageing:
                for device in self.devices.values():
                    device.age(self._lived_s)
        return [seen for device in self.devices.values() if (seen := device.poll()) is not None]

    def obey(self, device_id: str, metric: str, value: Any) -> Observation | None:
        """Let a device obey at once; returns what can be seen of it, None if that is nothing new.

        Raises what the simulation raises: KeyError, RefusedError, UnreachableError.
        """
        device = self.devices[device_id]
        device.simulated.write(metric, value)
        if (felt := self._felt.get(device.plan.room)) is not None:
            device.simulated.step(felt, 0.0)
        return device.poll()

    def strike(
        self, fault: FaultKind, rooms: Sequence[str], kind: str = "", detail: str = "", *, begins: bool = True
    ) -> None:
        """Let a fault begin or end in the rooms given; school-wide faults ignore the rooms."""
        if fault in (FaultKind.POWER_CUT, FaultKind.STUFFY_AIR):
            counted = self._dark if fault is FaultKind.POWER_CUT else self._crowded
            counted.update(dict.fromkeys(rooms, 1 if begins else -1))
            return
        for device in self.devices.values():
            own = device.kind
            breaks = detail or ANY_DEVICE.get(fault, own.simulated.breaks.get(fault, ""))
            aimed_at = fault in ANY_DEVICE or fault in own.simulated.breaks
            # a school-wide fault, such as of the uplink, belongs to no room
            here = device.plan.room in rooms or (own.simulated.per_school and fault in own.simulated.breaks)
            if aimed_at and here and kind in ("", own.id) and breaks in own.faults:
                (device.fail if begins else device.heal)(breaks)
