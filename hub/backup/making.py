"""Makes a backup while the hub runs: one moment of all databases, then the files they speak of.

First every database's snapshot is taken, within milliseconds and in the order of
`hub.backup.layout.databases`; only then is copied, which may take long. The noted head of the audit log is
read before them, so that it is never ahead of the log; documents and packages are copied after them, so that
none that a row names is missing.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hub import __version__
from hub.backup.layout import (
    DATA,
    HEAD_FILE,
    RECORDS,
    Place,
    databases,
    files,
    sqlite_records,
    sqlite_telemetry,
)
from hub.backup.manifest import (
    BackupTrouble,
    Manifest,
    Part,
    Tell,
    digest_of,
    make_private,
    write,
    write_private,
)
from hub.backup.postgres import Server
from hub.backup.sqlite import Snapshot
from hub.database.migrate import revisions
from hub.settings import Settings

_SCHEMA_QUERY = "SELECT version_num FROM alembic_version"
_ROOM_BYTES = 50_000_000


def make(settings: Settings, folder: Path, at_ms: int, tell: Tell, *, secrets: bool) -> tuple[Manifest, str]:
    """Writes a backup into a new folder; gives its manifest and the manifest's digest.

    The folder has its name only when everything is in it. Raises `BackupTrouble`.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupTrouble(
            f"{folder} is there already; name a folder that is not, such as one with the date"
        )
    if folder.is_relative_to(settings.data_dir.absolute()):
        raise BackupTrouble(
            f"{folder} is inside of the data directory; name a folder elsewhere, best elsewhere"
        )
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished)
        manifest = _fill(settings, unfinished, at_ms, tell, secrets=secrets)
        digest = write(unfinished, manifest)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BackupTrouble(f"{error.filename or folder}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise BackupTrouble(f"{folder}: {error}") from None
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return manifest, digest


def _fill(settings: Settings, folder: Path, at_ms: int, tell: Tell, *, secrets: bool) -> Manifest:
    head = settings.data_dir / HEAD_FILE
    noted = head.read_bytes() if head.exists() else None
    parts: list[Part] = []

    def add(place: Place, path: Path) -> None:
        parts.append(
            Part(str(path.relative_to(folder)), place.role, place.name, path.stat().st_size, digest_of(path))
        )

    with contextlib.ExitStack() as closing:
        records = sqlite_records(settings)
        if records is not None and not records.is_file():
            raise BackupTrouble(
                f"{records} is not there: nothing to copy; set HUB_DATA_DIR or HUB_DATABASE_URL"
            )
        # the others rely on the records in no way that milliseconds between them could tear
        dump, schema = (None, None) if records else _of_server(settings, closing)
        taken = []
        for place, path in databases(settings):
            snapshot = Snapshot(path)
            closing.callback(snapshot.close)
            taken.append((place, snapshot))
            if place.role == RECORDS:
                schema = str(snapshot.value(_SCHEMA_QUERY))
        if schema not in revisions():
            raise BackupTrouble(
                f"the schema of the database ({schema}) is not of this hub; use the hub it is of"
            )
        _check_room(folder, [snapshot.path for _, snapshot in taken])
        if dump is not None:
            to = folder / "records.dump"
            dump(to, lambda done_bytes: tell("records", done_bytes, 0))
            add(Place(RECORDS, to.name), to)
        for place, snapshot in taken:
            to = folder / "databases" / place.name
            snapshot.copy_to(to, partial(tell, place.name))
            snapshot.close()
            add(place, to)
    for place, path in files(settings, secrets=secrets):
        to = folder / "files" / place.name
        with contextlib.suppress(FileNotFoundError):  # taken away meanwhile: no row of the copy speaks of it
            content = noted if place == Place(DATA, HEAD_FILE) else path.read_bytes()
            if content is not None:
                write_private(to, content)
                add(place, to)
    return Manifest(
        at_ms, __version__, "sqlite" if records else "postgresql", str(schema),
        "sqlite" if sqlite_telemetry(settings) else "elsewhere", secrets, tuple(parts),
    )  # fmt: skip


def _of_server(
    settings: Settings, closing: contextlib.ExitStack
) -> tuple[Callable[[Path, Callable[[int], None]], None], str | None]:
    """Holds a snapshot of PostgreSQL open; gives what dumps it, and the schema it has."""
    server = Server(settings.database_url)
    connection = closing.enter_context(contextlib.closing(server.connect()))
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = connection.execute(
        "SELECT pg_export_snapshot(), to_regclass('alembic_version') IS NOT NULL"
    ).fetchone()
    assert row is not None, "such a question has an answer"
    found = connection.execute(_SCHEMA_QUERY).fetchone() if row[1] else None

    def dump(path: Path, told: Callable[[int], None]) -> None:
        server.dump(path, str(row[0]), told)

    return dump, str(found[0]) if found else None


def _check_room(folder: Path, paths: list[Path]) -> None:
    needed = sum(path.stat().st_size for path in paths) + _ROOM_BYTES
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if free < needed:
        raise BackupTrouble(
            f"the backup takes about {needed / 1e9:.1f} GB and {folder.parent} has {free / 1e9:.1f} GB free;"
            " name a folder on another disk"
        )
