"""Zip files are measured before anything unpacks them: what a header says of its size is not believed."""

from __future__ import annotations

import copy
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from hub.sheets import FileTrouble

MAX_ENTRIES = 5_000
MAX_UNPACKED_BYTES = 1 << 30
MAX_RATIO = 250
_RATIO_FROM_BYTES = 32 << 20
_CHUNK_BYTES = 1 << 20
_SPLIT_BYTES = 64

# readers keep a place for every cell up to the farthest: one at XFD1048576 would be 17 thousand million
_TOO_FAR = re.compile(rb"""\sr=["'](?:[A-Z]{3,}|[C-Z][A-Z]|B[M-Z])\d""")
_TOO_LOW = re.compile(rb"""\sr=["'][A-Z]{0,3}(?:[4-9]\d{5}|3[1-9]\d{4}|\d{7,})["']""")


def open_zip(path: Path) -> zipfile.ZipFile:
    """Opens a zip file after measuring it; raises `FileTrouble` for bombs and what is no zip file."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise FileTrouble("not_a_zip", "the file is damaged: it is no zip file inside",
                          "save it again, or send it again") from None  # fmt: skip
    try:
        _measure(archive, path.stat().st_size)
    except FileTrouble:
        archive.close()
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        archive.close()
        raise FileTrouble("damaged", "the file is damaged or locked by a password",
                          "save it again without a password") from None  # fmt: skip
    return archive


def _measure(archive: zipfile.ZipFile, packed_bytes: int) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise FileTrouble("zip_bomb", f"the file holds {len(entries)} files", f"send at most {MAX_ENTRIES}")
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileTrouble("password", "the file is locked by a password", "save it without a password")
    claimed = sum(entry.file_size for entry in entries)
    if claimed > MAX_UNPACKED_BYTES:
        raise _bomb(claimed)
    limit = MAX_UNPACKED_BYTES
    if packed_bytes * MAX_RATIO < limit:
        limit = max(packed_bytes * MAX_RATIO, _RATIO_FROM_BYTES)
    unpacked = 0
    for entry in entries:
        sheet = entry.filename.startswith("xl/worksheets/")
        tail = b""
        for chunk in _truly(archive, entry):
            unpacked += len(chunk)
            if unpacked > limit:
                raise _bomb(unpacked)
            if sheet:
                _refuse_far_cells(tail + chunk)
                tail = chunk[-_SPLIT_BYTES:]


def _truly(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpacks an entry to its real end, whatever length and checksum its header names."""
    honest = copy.copy(entry)
    honest.file_size = MAX_UNPACKED_BYTES * 2
    del honest.CRC
    with archive.open(honest) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _refuse_far_cells(xml: bytes) -> None:
    if found := _TOO_FAR.search(xml):
        raise FileTrouble("too_many_columns", "there is a cell beyond column BL",
                          "delete what stands far right", value=_place(found[0]))  # fmt: skip
    if found := _TOO_LOW.search(xml):
        raise FileTrouble("too_many_rows", "there is a cell below row 310,000",
                          "delete what stands far below, or divide the file",
                          value=_place(found[0]))  # fmt: skip


def _place(attribute: bytes) -> str:
    return attribute[4:].decode(errors="replace").strip("\"'")


def _bomb(unpacked: int) -> FileTrouble:
    return FileTrouble("zip_bomb", f"unpacked the file would have more than {unpacked >> 20} MB",
                       "send a smaller file; divide it if it is really so large")  # fmt: skip
