"""What a hub keeps, and where: its databases, in the order they are to be read, its files, its secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from hub.settings import Settings

RECORDS, TELEMETRY, ROLLUPS, DATA = "records", "telemetry", "rollups", "data"
HEAD_FILE = "audit-head.json"

# made anew, of this moment alone, or another program's: agents that are simulated keep their own files
_NOT_KEPT = frozenset({"logs", "schools", "demo.lock"})
_SECRETS = frozenset({"certificates", "accounts.key"})
ASIDE = "replaced-"
ARRIVING = "restoring-"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of a backup belongs: a database of its own setting, or a path in the data directory."""

    role: str
    name: str


def sqlite_records(settings: Settings) -> Path | None:
    """Gives the file of the records; None where they are in PostgreSQL."""
    url = make_url(settings.database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def sqlite_telemetry(settings: Settings) -> Path | None:
    """Gives the file of the measured values; None where they are in an engine of their own."""
    if urlsplit(settings.telemetry_url).scheme != "sqlite":
        return None
    from hub.telemetry.sqlite_tables import path_of

    return path_of(settings.telemetry_url)


def target(settings: Settings, place: Place) -> Path | None:
    """Gives where a part belongs under these settings; None if it has no place in them."""
    if place.role == RECORDS:
        return sqlite_records(settings)
    telemetry = sqlite_telemetry(settings)
    if place.role == TELEMETRY:
        return telemetry
    if place.role == ROLLUPS:
        return telemetry.with_name(f"{telemetry.stem}-rollup.db") if telemetry else None
    return settings.data_dir / place.name


def databases(settings: Settings) -> list[tuple[Place, Path]]:
    """Gives the SQLite files that are there, each before what it relies on, the journals last.

    Read in this order, the copies are what a hub that was killed leaves behind: every row that a cursor has
    passed is in a file read later, and what none has passed is in the journal.
    """
    journals = sorted(settings.data_dir.glob("ingest-*/*.db"))
    found = [(Place(DATA, f"{each.parent.name}/{each.name}"), each) for each in journals]
    found += [(each, path) for role in (RECORDS, ROLLUPS, TELEMETRY)
              if (path := target(settings, each := Place(role, f"{role}.db"))) is not None]  # fmt: skip
    rank = {"state.db": 0, "records.db": 1, "spool.db": 2, "rollups.db": 3, "telemetry.db": 4}
    found.sort(key=lambda each: rank.get(each[0].name.rpartition("/")[2], 5))
    return [(place, path) for place, path in found if path.is_file()]


def files(settings: Settings, *, secrets: bool) -> Iterator[tuple[Place, Path]]:
    """Yields the other files of the data directory; keys and certificates only if asked for."""
    folder = settings.data_dir
    known = {path.resolve() for _, path in databases(settings)}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        top = name.parts[0]
        passing = path.name.endswith((".lock", "-wal", "-shm", ".new")) or path.resolve() in known
        if passing or top in _NOT_KEPT or top.startswith((ASIDE, ARRIVING)) or not path.is_file():
            continue
        if secrets or not is_secret(name):
            yield Place(DATA, name.as_posix()), path
    key = Path(settings.accounts.key_file or folder / "accounts.key")
    if secrets and key.is_file() and not key.resolve().is_relative_to(folder.resolve()):
        yield Place(DATA, "accounts.key"), key


def is_secret(name: Path) -> bool:
    """Tells whether a path of the data directory holds keys, or certificates that go with them."""
    return name.parts[0] in _SECRETS or name.suffix in {".key", ".pem"}


def occupied(settings: Settings) -> list[Path]:
    """Gives what a restored backup would stand in the place of; keys that lie ready are not in its way."""
    return [path for _, path in [*databases(settings), *files(settings, secrets=False)]]
