"""Puts a backup in place: all is proven and copied beside first, then exchanged; what was there is kept."""

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from hub.backup.layout import ARRIVING, DATA, RECORDS, Place, occupied, sqlite_records, target
from hub.backup.manifest import BackupTrouble, Manifest, Part, Tell, check, make_private, read
from hub.backup.postgres import Server, stamp
from hub.backup.sqlite import in_use
from hub.database.migrate import newest, revisions
from hub.settings import Settings

_LOGS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place, and where what it replaced is kept ("" if nothing was there)."""

    manifest: Manifest
    aside: str


def restore(settings: Settings, folder: Path, at_ms: int, tell: Tell, *, replace: bool) -> Restored:
    """Restores a backup made by this hub or an older one.

    Raises `BackupTrouble` and then leaves all as it was.
    A target that holds something already is refused unless `replace`; then it is moved aside, not removed.
    """
    manifest = read(folder)
    _check_fits(settings, manifest)
    check(folder, manifest.parts, tell)
    server = None if sqlite_records(settings) else Server(settings.database_url)
    there = occupied(settings)
    full = bool(there) or (server is not None and server.tables() > 0)
    _check_idle(settings, server, there)
    if full and not replace:
        what = there[0] if there else "the database"
        raise BackupTrouble(
            f"{what} is there already, and would be replaced; with --replace it is moved aside and kept"
        )
    name = stamp(at_ms)
    arriving = settings.data_dir / f"{ARRIVING}{os.getpid()}"
    make_private(settings.data_dir)
    try:
        copies = [
            _copied(settings, folder, part, arriving, tell) for part in manifest.parts if _is_file(part)
        ]
        if server is not None:
            dump = next(folder / part.path for part in manifest.parts if not _is_file(part))
            server.restore(dump, name, replace=full, told=lambda _: tell("records", 0, 0))
        if manifest.secrets:
            there += [path for _, path in copies if path.exists() and path not in there]
        _exchange(settings, there, copies, name)
    except OSError as error:
        raise BackupTrouble(f"{error.filename or settings.data_dir}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise BackupTrouble(f"{settings.data_dir}: {error}") from None
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    kept = [f"schema {name}"] if server is not None and full else []
    kept += [str(settings.data_dir / name)] if there else []
    return Restored(manifest, " and ".join(kept))


def _check_fits(settings: Settings, manifest: Manifest) -> None:
    if manifest.schema not in revisions():
        raise BackupTrouble(
            f"the backup is of a newer hub ({manifest.version}, schema {manifest.schema}; this one knows up"
            f" to {newest()}); install that version first"
        )
    here = "sqlite" if sqlite_records(settings) else "postgresql"
    if manifest.engine != here:
        example = "postgresql+psycopg://…" if here == "sqlite" else "nothing, or sqlite+aiosqlite:///…"
        raise BackupTrouble(
            f"the backup holds records of {manifest.engine}, and HUB_DATABASE_URL names {here};"
            f" set it to {example}"
        )
    for part in manifest.parts:
        if _is_file(part) and target(settings, Place(part.role, part.name)) is None:
            raise BackupTrouble(
                "the backup holds measured values in SQLite, and HUB_TELEMETRY_URL names another engine;"
                " restore without it, and set it afterwards"
            )


def _is_file(part: Part) -> bool:
    return not part.name.endswith(".dump") or part.role != RECORDS


def _check_idle(settings: Settings, server: Server | None, there: list[Path]) -> None:
    used = [path for path in there if path.suffix == ".db" and in_use(path)]
    if used:
        raise BackupTrouble(f"{used[0]} is in use; stop the hub first: systemctl stop hub.target")
    if server is not None and (others := server.others()):
        raise BackupTrouble(
            f"the database is in use by {', '.join(others)}; stop the hub first: systemctl stop hub.target"
        )


def _copied(settings: Settings, folder: Path, part: Part, arriving: Path, tell: Tell) -> tuple[Path, Path]:
    """Copies a part beside its place, on the same disk; gives the copy and the place."""
    place = target(settings, Place(part.role, part.name))
    assert place is not None, "it was checked"
    own = part.role != DATA and place.parent.resolve() != settings.data_dir.resolve()
    copy = place.with_name(f".{place.name}.{ARRIVING}{os.getpid()}") if own else arriving / part.path
    make_private(copy.parent)
    copy.touch(mode=0o600)
    shutil.copyfile(folder / part.path, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    tell(f"copying {part.path}", part.size_bytes, part.size_bytes)
    return copy, place


def _exchange(settings: Settings, there: list[Path], copies: list[tuple[Path, Path]], name: str) -> None:
    aside, folder = settings.data_dir / name, settings.data_dir.resolve()
    for path in there:
        for each in (path, *(path.with_name(path.name + log) for log in _LOGS)):
            if not each.exists():
                continue
            inside = each.resolve().is_relative_to(folder)
            to = aside / (each.resolve().relative_to(folder) if inside else f"elsewhere/{each.name}")
            make_private(to.parent)
            shutil.move(each, to)
    for copy, place in copies:
        make_private(place.parent)
        copy.replace(place)
