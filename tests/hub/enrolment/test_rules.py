"""Codes read back, typing mistakes found, ACLs that bind, revocation lists renewed long before their end."""

import random

from hypothesis import given
from hypothesis import strategies as st

from hub.certificates.rules import CLOCK_SKEW_MS, DAY_MS
from hub.enrolment import rules
from hub.enrolment.rules import ALPHABET, CRL_DAYS, Crl, crl_due, crl_times_ms, new_code, read_code

CODES = st.builds(
    lambda seed, key: new_code(random.Random(seed).choice, key),
    st.integers(),
    st.binary(min_size=32, max_size=32),
)


@given(CODES)
def test_a_code_is_read_back_however_it_is_typed(code: rules.Code) -> None:
    typed = str(code).lower().replace("-", " ").replace("1", "l").replace("0", "o")
    assert read_code(typed) == read_code(f"https://hub/enrol#{code}") == code
    assert len(str(code)) == 29


@given(CODES, st.integers(0, 24), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(code: rules.Code, place: int, letter: str) -> None:
    plain = str(code).replace("-", "")
    changed = plain[:place] + letter + plain[place + 1 :]
    assert (read_code(changed) is None) == (changed != plain)


@given(CODES, st.integers(0, 21))
def test_two_exchanged_characters_are_found(code: rules.Code, place: int) -> None:
    plain = str(code).replace("-", "")
    changed = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
    assert (read_code(changed) is None) == (changed != plain)


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
