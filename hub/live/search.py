"""Finding Vietnamese names as people type them: without marks, in any case."""

import re
import unicodedata
from functools import lru_cache

_DIGITS = re.compile(r"\d+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Lower case without diacritics: `Máy chiếu Đông` → `may chieu dong`."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def searchable(*texts: str | None) -> str:
    """One text in which `words` are looked for; no word spans two of the texts."""
    return "\n".join(folded(text) for text in dict.fromkeys(texts) if text)


def words(query: str | None) -> list[str]:
    """The words of a query, folded."""
    return folded(query).split() if query else []


def matches(query: str, *texts: str | None) -> bool:
    """Whether every word of the query is in one of the texts."""
    where = searchable(*texts)
    return all(word in where for word in words(query))


def in_order(text: str) -> str:
    """The text as names are put in order: marks and case ignored, P9 before P10."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(6), folded(text))
