"""Finding Vietnamese names as people type them: without marks, in any case."""

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """Lower case without diacritics: `Máy chiếu Đông` → `may chieu dong`."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def matches(query: str, *texts: str | None) -> bool:
    """Whether every word of the query is in one of the texts."""
    where = [folded(text) for text in texts if text]
    return all(any(word in text for text in where) for word in folded(query).split())
