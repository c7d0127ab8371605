"""Vietnamese text as people type it when they search: without marks, in any case."""

import unicodedata

_KEPT_LETTERS = 10_000


class _Folded(dict[int, str]):
    """What each letter becomes, found out once: whole texts are then translated in one go."""

    def __missing__(self, code: int) -> str:
        letter = {"đ": "d", "Đ": "d"}.get(chr(code), chr(code))
        parts = unicodedata.normalize("NFD", letter)
        plain = "".join(part for part in parts if not unicodedata.combining(part)).casefold()
        if len(self) < _KEPT_LETTERS:
            self[code] = plain
        return plain


_FOLDED = _Folded()


def folded(text: str) -> str:
    """Lower case without diacritics: `Máy chiếu Đông` → `may chieu dong`."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)
