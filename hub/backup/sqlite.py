"""Copies of SQLite files that others go on writing: every copy is of the moment its snapshot was taken."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from hub.backup.manifest import BackupTrouble, make_private

_PAGES = 2_000


class Snapshot:
    """A SQLite file as it was when this was made, however long copying takes.

    Writers go on meanwhile; their write-ahead log grows until the snapshot is closed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=10
        )
        try:
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the state is fixed by reading
        except sqlite3.Error as error:
            self._db.close()
            raise BackupTrouble(f"{path} cannot be read now ({error})") from None

    def value(self, query: str) -> object:
        """Gives the one value that a query finds; None if it finds none."""
        row = self._db.execute(query).fetchone()
        return row[0] if row else None

    def copy_to(self, path: Path, told: Callable[[int, int], None]) -> None:
        """Writes a whole copy of one file; `told` gets pages done and pages in all."""
        make_private(path.parent)
        path.touch(mode=0o600)
        copy = sqlite3.connect(path, isolation_level=None)
        try:
            self._db.backup(copy, pages=_PAGES, progress=lambda _, left, all_: told(all_ - left, all_))
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        finally:
            copy.close()

    def close(self) -> None:
        """Ends the snapshot."""
        self._db.close()


def in_use(path: Path) -> bool:
    """Tells whether another program has a SQLite file open; a damaged file is nobody's."""
    if not path.exists():
        return False
    db = sqlite3.connect(path, isolation_level=None, timeout=0.2)
    try:
        db.execute("PRAGMA journal_mode=DELETE").fetchone()  # possible only for whoever is alone
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False
    finally:
        db.close()
    return False
