"""Vietnamese text as people type it when they search: without marks, in any case."""

import unicodedata


def folded(text: str) -> str:
    """Lower case without diacritics: `Máy chiếu Đông` → `may chieu dong`."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
