"""Which encoding and which separator a text file has; pure, but for reading the file's lines."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "cp1258")
_SEPARATORS = ",;\t|"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def find_encoding(path: Path) -> tuple[str, int]:
    """Gives the encoding of a text file and the number of its lines.

    What is neither marked nor UTF-8 nor full of zeros is Windows-1258. If lines of both kinds are there, the
    kind with more lines wins; the other lines are marked when they are decoded.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        marked = next((name for bom, name in _BOMS if head.startswith(bom)), None) or _unmarked_utf16(head)
        file.seek(0)
        return scan(file, marked)


def scan(lines: Iterable[bytes], marked: str | None = None) -> tuple[str, int]:
    """Counts lines and tells their encoding, `marked` if that is known."""
    count = unicode_lines = other_lines = 0
    for count, line in enumerate(lines, 1):  # noqa: B007
        if marked is None and not line.isascii():
            if _is_utf8(line):
                unicode_lines += 1
            else:
                other_lines += 1
    return marked or ("utf-8" if unicode_lines >= other_lines else "cp1258"), count


def _unmarked_utf16(head: bytes) -> str | None:
    """Latin letters in UTF-16 have a zero as every second byte."""
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 8 and odd > even * 3:
        return "utf-16-le"
    if even > len(head) // 8 and even > odd * 3:
        return "utf-16-be"
    return None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decoded_lines(path: Path, encoding: str) -> Iterator[str]:
    """Gives the lines of a file, composed; what does not fit the encoding becomes U+FFFD."""
    if encoding.startswith("utf-16"):
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            for number, text in enumerate(file):
                yield _nfc(text.removeprefix("\ufeff") if number == 0 else text)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield decoded(line, encoding, first=number == 0)


def decoded(line: bytes, encoding: str, *, first: bool = False) -> str:
    """Decodes one line; tone marks that Windows-1258 writes behind their letters are put on them."""
    if line.isascii():
        return line.decode("ascii")
    if encoding == "cp1258":
        if _is_utf8(line):
            # real text of Windows-1258 is never valid UTF-8 too: this line comes from elsewhere
            return "".join(letter if letter.isascii() else "\ufffd" for letter in line.decode("utf-8"))
        return _nfc(line.decode("cp1258", errors="replace"))
    text = line.decode("utf-8", errors="replace")
    return _nfc(text.removeprefix("\ufeff") if first else text)


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def find_separator(lines: Iterable[str]) -> str:
    """Tells by the first lines what separates cells: the sign that is as often in most of them.

    Signs in quotes do not count. A first line `sep=;` says it itself.
    """
    sample = [line.rstrip("\r\n") for line, _ in zip(lines, range(20), strict=False)]
    sample = [line for line in sample if line.strip()]
    if sample and sample[0].lower().startswith("sep=") and len(sample[0]) == 5:
        return sample[0][4]
    best = (-1, -1, -1)
    found = ","
    for sign in _SEPARATORS:
        counts = [_outside_quotes(line).count(sign) for line in sample]
        usual = max(set(counts), key=lambda n: (counts.count(n), n), default=0) if counts else 0
        score = (int(usual > 0), counts.count(usual) if usual else 0, usual)
        if score > best:
            best, found = score, sign
    return found


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
