"""School time is real time shifted or sped up, and says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.clock import ClockError, parse_clock
from simulators.school_day import SATURDAY, local_time

instants = st.integers(1_700_000_000_000, 2_000_000_000_000)


@given(instants, st.integers(0, 10**9))
def test_the_real_clock_is_real(now_ms: int, later_ms: int) -> None:
    clock = parse_clock("real", now_ms)
    assert clock.school_ms(now_ms + later_ms) == now_ms + later_ms
    assert clock.offset_ms(now_ms + later_ms) == 0


@given(instants, st.integers(0, 10**7))
def test_a_shifted_clock_shows_a_school_morning_at_any_hour_of_any_day(now_ms: int, later_ms: int) -> None:
    clock = parse_clock("shifted:09:05", now_ms)
    start = local_time(clock.school_ms(now_ms))
    assert start.second == 9 * 3600 + 5 * 60
    assert start.weekday < SATURDAY
    assert clock.offset_ms(now_ms + later_ms) == clock.offset_ms(now_ms), "the offset stays"


@given(instants, st.integers(0, 10**7))
def test_a_compressed_clock_runs_faster(now_ms: int, later_ms: int) -> None:
    clock = parse_clock("compressed:60x@06:45", now_ms)
    assert clock.school_ms(now_ms + later_ms) - clock.school_ms(now_ms) == later_ms * 60
    assert clock.elapsed_s(now_ms + later_ms) == later_ms * 60 / 1000
    assert parse_clock("compressed:2.5x", now_ms).school_ms(now_ms) == now_ms


@pytest.mark.parametrize(
    "text", ["", "9:05", "shifted", "shifted:25:00", "compressed:0x", "compressed:60", "compressed:9999x"]
)
def test_a_wrong_clock_is_named_with_its_fix(text: str) -> None:
    with pytest.raises(ClockError, match=r"clock: .*write"):
        parse_clock(text, 1_700_000_000_000)


@given(instants, st.sampled_from(["real", "compressed:60x@06:30", "compressed:600x", "shifted:13:00"]))
def test_a_stamped_run_is_of_a_school_day_that_is_over(now_ms: int, text: str) -> None:
    clock = parse_clock(text, now_ms)
    duration_s = clock.seconds_until(17, 30)
    stamped = clock.stamped(duration_s, now_ms)
    assert stamped.is_stamped
    end_ms = stamped.school_ms(now_ms + round(duration_s * 1000))
    assert end_ms <= now_ms
    assert local_time(stamped.school_started_ms).weekday < SATURDAY
    assert local_time(stamped.school_started_ms).second == local_time(clock.school_started_ms).second
    end = local_time(end_ms).second
    assert min(abs(end - 17.5 * 3600), abs(end - 17.5 * 3600 - 86_400)) < 2
    assert 0 < duration_s <= 86_400 / clock.factor
