"""Rates out of counters, by the properties they promise: right, or none at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.snmp.counters import (
    Interface,
    Rates,
    Reading,
    comparable,
    counted,
    load_percent,
    rates,
)

SECONDS = st.floats(0.5, 300)
SPEEDS_KBPS = st.sampled_from([10_000, 100_000, 1_000_000, 10_000_000])
TICKS = st.integers(0, 2**32 - 1)


def reading(
    at_s: float, uptime: int, octets: int | None, *, bits: int = 64, kbps: int = 1_000_000
) -> Reading:
    port = Interface(
        index=1, name="gi1", up=True, speed_kbps=kbps, octets_in=octets, octets_out=octets,
        bits=bits, errors=octets and octets % 2**32,
    )  # fmt: skip
    return Reading(at_s, uptime % 2**32, {1: port})


@given(start=st.integers(0, 2**64), seconds=SECONDS, kbps=SPEEDS_KBPS, load=st.floats(0, 1), uptime=TICKS,
       bits=st.sampled_from([32, 64]))  # fmt: skip
def test_what_ran_is_what_is_said_through_any_wrap(
    start: int, seconds: float, kbps: int, load: float, uptime: int, bits: int
) -> None:
    """Also when sysUpTime comes round at the same time."""
    octets = int(kbps * 125 * seconds * load)
    before = reading(0, uptime, start % 2**bits, bits=bits, kbps=kbps)
    after = reading(seconds, uptime + int(seconds * 100), (start + octets) % 2**bits, bits=bits, kbps=kbps)
    found = rates(before, after)[1].rx_kbps
    wrapped = (start % 2**bits) + octets >= 2**bits
    if found is None:
        assert (bits == 32 and kbps * 125 * seconds * 1.1 >= 2**32) or (bits == 64 and wrapped)
    else:
        assert found == pytest.approx(octets / 125 / seconds)


@given(before=st.integers(0, 2**64 - 1), after=st.integers(0, 2**64 - 1), seconds=SECONDS, kbps=SPEEDS_KBPS,
       bits=st.sampled_from([32, 64]))  # fmt: skip
def test_no_rate_is_ever_more_than_the_line_carries(
    before: int, after: int, seconds: float, kbps: int, bits: int
) -> None:
    steps = counted(before % 2**bits, after % 2**bits, bits=bits, seconds=seconds, most_per_s=kbps * 125)
    assert steps is None or 0 <= steps <= kbps * 125 * seconds * 1.1


@given(uptime=st.integers(60_000, 2**32 - 40_000), seconds=SECONDS, since=st.floats(0, 1))
def test_a_restart_in_between_gives_no_rate(uptime: int, seconds: float, since: float) -> None:
    before = reading(0, uptime, 10**9)
    after = reading(seconds, int(seconds * since * 100), 2 * 10**9)
    assert rates(before, after) == {}


@given(uptime=TICKS, seconds=SECONDS, drift=st.floats(-0.02, 0.02))
def test_a_clock_that_drifts_or_comes_round_is_no_restart(uptime: int, seconds: float, drift: float) -> None:
    later = reading(seconds, uptime + int(seconds * 100 * (1 + drift)), 0)
    assert comparable(reading(0, uptime, 0), later) or later.uptime_ticks < uptime < 2**32 - 40_000


def test_what_cannot_be_known_is_not_said() -> None:
    assert rates(reading(0, 5000, None), reading(10, 6000, None)) == {1: Rates(None, None, None)}
    assert rates(reading(10, 5000, 1), reading(10, 5000, 2)) == {}, "no time has passed"
    assert rates(reading(0, 5000, 1, bits=32), reading(10, 6000, 2, bits=64)) == {}, "another counter"
    cleared = rates(reading(0, 5000, 10**12), reading(10, 6000, 5))
    assert cleared[1].rx_kbps is None, "64 bits do not wrap: somebody cleared them"
    asleep = rates(reading(0, 5000, 0), reading(10, 500_000, 10**9))
    assert asleep == {}, "our clock stood still"


def test_the_busier_direction_is_the_load() -> None:
    assert load_percent(Rates(10.0, 500.0, None), 1000) == 50
    assert load_percent(Rates(None, 2000.0, None), 1000) == 100
    assert load_percent(Rates(None, None, 0), 1000) is None
    assert load_percent(Rates(5.0, 5.0, 0), 0) is None
