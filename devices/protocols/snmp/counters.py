"""What counters of interfaces mean: rates out of two readings, through wraps and restarts.

No rate is better than a wrong one: where a restart, a lost counter or more than one wrap may lie between two
readings, there is none for that stretch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TICKS_PER_S = 100
_WRAP_TICKS = 2**32  # sysUpTime begins again after 497 days without any restart
_CLOCK_SLACK_S = 30.0  # how far a device's clock and ours may be apart between two readings
_FASTER_THAN_LINE = 1.1  # counters are not read at the very moment that the clock is


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One row of ifTable and ifXTable. `bits` is the width of the octet counters, 32 or 64."""

    index: int
    name: str
    up: bool
    speed_kbps: int
    octets_in: int | None
    octets_out: int | None
    bits: int
    errors: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """All interfaces at one time; `at_s` is of our monotonic clock, `uptime_ticks` the device's sysUpTime."""

    at_s: float
    uptime_ticks: int
    interfaces: Mapping[int, Interface]


@dataclass(frozen=True, slots=True)
class Rates:
    """What runs over one interface; None where it cannot be known."""

    rx_kbps: float | None
    tx_kbps: float | None
    errors_per_min: float | None


def comparable(before: Reading, after: Reading) -> bool:
    """False if the device began anew between two readings, or one of the clocks stood still.

    sysUpTime coming round is neither.
    """
    passed_ticks = (after.at_s - before.at_s) * TICKS_PER_S
    slack_ticks = _CLOCK_SLACK_S * TICKS_PER_S
    if (
        after.uptime_ticks < before.uptime_ticks
        and before.uptime_ticks + passed_ticks + slack_ticks < _WRAP_TICKS
    ):
        return False
    apart = (after.uptime_ticks - before.uptime_ticks - passed_ticks) % _WRAP_TICKS
    return min(apart, _WRAP_TICKS - apart) <= slack_ticks


def counted(
    before: int | None, after: int | None, *, bits: int, seconds: float, most_per_s: float
) -> int | None:
    """How far a counter of `bits` went in `seconds`, through one wrap at most; None where that is not sure.

    `most_per_s` is the fastest it can count; 0 means unknown.
    """
    if before is None or after is None or seconds <= 0:
        return None
    most = most_per_s * seconds * _FASTER_THAN_LINE
    if most_per_s and most >= 2**bits:
        return None  # it may have come round more than once
    if after >= before:
        steps = after - before
    elif bits >= 64 or not most_per_s:
        return None  # no line fills 64 bits: somebody cleared it; or nothing says how many wraps are likely
    else:
        steps = after - before + 2**bits
    return None if most_per_s and steps > most else steps


def rates(before: Reading, after: Reading) -> dict[int, Rates]:
    """What ran over each interface that is in both readings."""
    seconds = after.at_s - before.at_s
    if seconds <= 0 or not comparable(before, after):
        return {}
    found = {}
    for index, now in after.interfaces.items():
        then = before.interfaces.get(index)
        if then is None or then.name != now.name or then.bits != now.bits:
            continue  # a module was changed: the number is another interface's now
        octets_per_s = now.speed_kbps * 125.0

        def kbps(
            first: int | None, last: int | None, bits: int = now.bits, most: float = octets_per_s
        ) -> float | None:
            octets = counted(first, last, bits=bits, seconds=seconds, most_per_s=most)
            return None if octets is None else octets / 125 / seconds

        errors = counted(then.errors, now.errors, bits=32, seconds=seconds, most_per_s=0)
        found[index] = Rates(
            kbps(then.octets_in, now.octets_in),
            kbps(then.octets_out, now.octets_out),
            None if errors is None else errors * 60 / seconds,
        )
    return found


def load_percent(rate: Rates, speed_kbps: int) -> float | None:
    """How full an interface is in its busier direction, 0 … 100."""
    known = [kbps for kbps in (rate.rx_kbps, rate.tx_kbps) if kbps is not None]
    if not known or speed_kbps <= 0:
        return None
    return min(100.0, 100 * max(known) / speed_kbps)
