"""Codes are read back however they are typed, and typing mistakes are found."""

import random

from hypothesis import given
from hypothesis import strategies as st

from devices.enrolment_code import ALPHABET, Code, new_code, read_code

CODES = st.builds(
    lambda seed, key: new_code(random.Random(seed).choice, key),
    st.integers(),
    st.binary(min_size=32, max_size=32),
)


@given(CODES)
def test_a_code_is_read_back_however_it_is_typed(code: Code) -> None:
    typed = str(code).lower().replace("-", " ").replace("1", "l").replace("0", "o")
    assert read_code(typed) == read_code(f"https://hub/enrol#{code}") == code
    assert len(str(code)) == 29


@given(CODES, st.integers(0, 24), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(code: Code, place: int, letter: str) -> None:
    plain = str(code).replace("-", "")
    changed = plain[:place] + letter + plain[place + 1 :]
    assert (read_code(changed) is None) == (changed != plain)


@given(CODES, st.integers(0, 21))
def test_two_exchanged_characters_are_found(code: Code, place: int) -> None:
    plain = str(code).replace("-", "")
    changed = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
    assert (read_code(changed) is None) == (changed != plain)
