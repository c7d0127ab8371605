"""A steady, chosen rate of changes over all schools: what benchmarks of hub and wall are fed with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from devices.kind import DeviceKind
from devices.wire.datatypes import NUMERIC, DataType
from simulators.province import Member, Province, epoch_ms
from simulators.school import LivingDevice

LOOKED_AT = 1000
ALARM_METRIC = "Water Leak"


def next_values(kind: DeviceKind, current: dict[str, Any], turn: int) -> dict[str, Any]:
    """Values of the kind's tile twice their deadband away from the current ones, to and fro."""
    changed: dict[str, Any] = {}
    for name in kind.tile.metrics:
        metric = kind.metric(name)
        value = current.get(name)
        if metric is None or metric.datatype not in NUMERIC or not isinstance(value, (int, float)):
            continue
        step = 2 * metric.deadband or 1
        if metric.high is not None and value + step > metric.high:
            step = -step
        moved = value + (step if turn % 2 else 0)
        changed[name] = moved if metric.datatype in (DataType.Float, DataType.Double) else round(moved)
    return changed


class Burst:
    """Emits `changes_per_s` payloads a second, one device each; each `alarm_every`th is a leak.

    Schools and devices come in an order shuffled by the seed. The rooms do not live meanwhile: nothing but
    the chosen rate is produced.
    """

    def __init__(self, province: Province, changes_per_s: float, seed: int, *, alarm_every: int = 20) -> None:
        self.changes = 0
        self._province = province
        self._rate = changes_per_s
        self._alarm_every = alarm_every
        luck = Random(f"{seed}/burst")
        ordinary = [(member, each) for member in province.members for each in member.school.devices.values()]
        self._devices = self._endless([pair for pair in ordinary if pair[1].kind.tile.metrics], luck)
        leaking = [pair for pair in ordinary if pair[1].kind.metric(ALARM_METRIC) is not None]
        self._leaks = self._endless(leaking, luck)
        self._alarms = alarm_every > 0 and bool(leaking)

    @staticmethod
    def _endless(
        pairs: list[tuple[Member, LivingDevice]], luck: Random
    ) -> Iterator[tuple[int, Member, LivingDevice]]:
        luck.shuffle(pairs)
        turn = 0
        while pairs:
            turn += 1
            for member, device in pairs:
                yield turn, member, device

    def emit(self, count: int, now_ms: int) -> None:
        """Make `count` changes now."""
        for _ in range(count):
            self.changes += 1
            if self._alarms and self.changes % self._alarm_every == 0:
                turn, member, device = next(self._leaks)
                self._province.report(member, device.plan.device, {ALARM_METRIC: bool(turn % 2)}, now_ms)
                continue
            for turn, member, device in islice(self._devices, LOOKED_AT):
                if values := next_values(device.kind, device.values, turn):
                    self._province.report(member, device.plan.device, values, now_ms)
                    break  # a device of which nothing is a number now, such as an idle codec, is passed over

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the rate until `stop` is set, in steps of 10 ms; more than a second late is not made up."""
        owed, at_s = 0.0, time.monotonic()
        while not stop.is_set():
            await asyncio.sleep(0.01)
            now_s = time.monotonic()
            owed = min(owed + (now_s - at_s) * self._rate, self._rate)
            at_s = now_s
            self.emit(int(owed), epoch_ms())
            owed -= int(owed)
