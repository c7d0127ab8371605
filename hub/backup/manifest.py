"""What a backup says of itself: its parts with sizes and digests, which hub, which schema, which moment."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "manifest.json"
DIGEST_FILE = "manifest.json.sha256"
FORM = 1
_BLOCK = 1 << 20

Tell = Callable[[str, int, int], None]
"""Told of progress: of what, how many bytes, of how many (0: not known)."""


class BackupTrouble(Exception):
    """A backup cannot be made or restored; the text names the fix."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup: its path there, where it belongs (`hub.backup.layout.Place`), bytes, SHA-256."""

    path: str
    role: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole backup. `engine` is where the records were: `sqlite` or `postgresql`."""

    made_ms: int
    version: str
    engine: str
    schema: str
    telemetry: str
    secrets: bool
    parts: tuple[Part, ...]

    @property
    def size_bytes(self) -> int:
        """Gives the bytes of all parts."""
        return sum(each.size_bytes for each in self.parts)


def make_private(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for its owner alone."""
    for each in (*reversed(folder.parents), folder):
        each.mkdir(mode=0o700, exist_ok=True)  # `parents=True` would leave those above it to the umask


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that its owner alone may read, down to the disk."""
    make_private(path.parent)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def digest_of(path: Path, told: Callable[[int], None] | None = None) -> str:
    """Gives the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            if told is not None:
                told(len(block))
    return digest.hexdigest()


def write(folder: Path, manifest: Manifest) -> str:
    """Writes the manifest and its digest, as `sha256sum -c` reads it; gives the digest."""
    content = json.dumps({"form": FORM, **asdict(manifest)}, indent=1, ensure_ascii=False).encode()
    digest = hashlib.sha256(content).hexdigest()
    write_private(folder / FILE, content)
    write_private(folder / DIGEST_FILE, f"{digest}  {FILE}\n".encode())
    return digest


def read(folder: Path) -> Manifest:
    """Reads and checks a manifest; raises `BackupTrouble`."""
    try:
        content = (folder / FILE).read_bytes()
        noted = (folder / DIGEST_FILE).read_text(encoding="ascii").split()[0]
        found: dict[str, Any] = json.loads(content)
        form = found.pop("form")
        parts = tuple(Part(**each) for each in found.pop("parts"))
        manifest = Manifest(**found, parts=parts)
    except FileNotFoundError as error:
        raise BackupTrouble(f"{error.filename} is missing: name the folder that `hub backup` made") from None
    except OSError as error:
        raise BackupTrouble(f"{error.filename} cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise BackupTrouble(f"{folder / FILE} is not what `hub backup` writes; take another copy") from None
    if form != FORM:
        raise BackupTrouble(f"{folder} was written in form {form}, this hub reads {FORM}; use a newer hub")
    if hashlib.sha256(content).hexdigest() != noted:
        raise BackupTrouble(f"{folder / FILE} was changed since it was written; take another copy")
    if outside := [each.path for each in parts if _leads_out(each.path) or _leads_out(each.name)]:
        raise BackupTrouble(f"{folder / FILE} names {outside[0]}, which lies outside; take another copy")
    return manifest


def check(folder: Path, parts: Iterable[Part], tell: Tell) -> None:
    """Proves every part by its digest; raises `BackupTrouble` that names the first that does not fit."""
    for part in parts:
        done_bytes = 0

        def told(block_bytes: int, part: Part = part) -> None:
            nonlocal done_bytes
            done_bytes += block_bytes
            tell(f"checking {part.path}", done_bytes, part.size_bytes)

        path = folder / part.path
        if not path.is_file():
            raise BackupTrouble(f"{path} is missing; take another copy of the backup")
        if path.stat().st_size != part.size_bytes or digest_of(path, told) != part.sha256:
            raise BackupTrouble(
                f"{path} is damaged: its digest does not fit; take another copy of the backup"
            )


def _leads_out(name: str) -> bool:
    return Path(name).is_absolute() or ".." in Path(name).parts
