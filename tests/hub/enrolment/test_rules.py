"""Revocation lists renewed long before their end."""

from hypothesis import given
from hypothesis import strategies as st

from hub.certificates.rules import CLOCK_SKEW_MS, DAY_MS
from hub.enrolment.rules import CRL_DAYS, Crl, crl_due, crl_problem, crl_times_ms


@given(st.integers(2 * 10**12, 3 * 10**12), st.integers(0, CRL_DAYS * DAY_MS))
def test_a_revocation_list_is_renewed_long_before_its_end(now_ms: int, later_ms: int) -> None:
    begin_ms, end_ms = crl_times_ms(None, now_ms)
    crl = Crl(begin_ms, end_ms, frozenset({7}), b"k")
    assert crl_due(crl, [7], b"k", now_ms) == ""
    due = crl_due(crl, [7], b"k", now_ms + later_ms)
    assert bool(due) == (later_ms > 5 * DAY_MS)
    assert crl_due(crl, [7, 8], b"k", now_ms)
    assert crl_due(crl, [7], b"other", now_ms)
    again_ms, _ = crl_times_ms(crl, now_ms)
    assert begin_ms < again_ms <= now_ms
    assert begin_ms >= now_ms - CLOCK_SKEW_MS - 1000
    days = (end_ms - now_ms - later_ms) // DAY_MS
    assert bool(crl_problem(end_ms, now_ms + later_ms)) == (days < 20)
    assert crl_problem(None, now_ms)
    assert "lets nobody in" in crl_problem(end_ms, end_ms)
