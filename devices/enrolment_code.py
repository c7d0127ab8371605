"""The code by which an edge agent and the hub meet for the first time: typed, or read from a QR code."""

import re
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base32 without I, L, O and U; those that are typed all the same are read as what they look like."""

_LOOK_ALIKE = str.maketrans("ILO", "110")
_SECRET, _AUTHORITY, _CHECK = 10, 13, 2
_LENGTH = _SECRET + _AUTHORITY + _CHECK
_PRIME = 1021
"""The greatest below 32²: no single wrong character and no two exchanged ones go unnoticed."""


@dataclass(frozen=True, slots=True)
class Code:
    """The two parts of a code: what only its owner knows, and by what the hub's authority is known."""

    secret: str
    authority: str

    def __str__(self) -> str:
        text = self.secret + self.authority
        text += _check(text)
        return "-".join(text[start : start + 5] for start in range(0, _LENGTH, 5))


def new_code(choose: Callable[[str], str], fingerprint: bytes) -> Code:
    """Makes a code of 50 random bits and the first 65 of the authority's SHA-256 fingerprint."""
    return Code("".join(choose(ALPHABET) for _ in range(_SECRET)), authority_part(fingerprint))


def authority_part(fingerprint: bytes) -> str:
    """Gives the characters by which an authority is known in a code."""
    bits = int.from_bytes(fingerprint[:9], "big") >> (72 - 5 * _AUTHORITY)
    return "".join(ALPHABET[bits >> (5 * place) & 31] for place in reversed(range(_AUTHORITY)))


def read_code(typed: str) -> Code | None:
    """Reads a code as typed or scanned (`…#CODE`); None if it cannot be one: a typing mistake."""
    plain = typed.rpartition("#")[2].upper().translate(_LOOK_ALIKE)
    text = re.sub(r"[\s-]", "", plain)
    if len(text) != _LENGTH or set(text) - set(ALPHABET) or _check(text[:-_CHECK]) != text[-_CHECK:]:
        return None
    return Code(text[:_SECRET], text[_SECRET:-_CHECK])


def _check(text: str) -> str:
    total = sum(weight * ALPHABET.index(letter) for weight, letter in enumerate(text, 1)) % _PRIME
    return ALPHABET[total >> 5] + ALPHABET[total & 31]
