"""Backups of a hub that goes on writing, and the way back, on both engines."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import psycopg
import pytest

from hub.audit import service
from hub.audit.trail import Entry, record
from hub.audit.watch import noted_head, prove_and_note
from hub.backup import postgres
from hub.backup.making import make
from hub.backup.manifest import DIGEST_FILE, FILE, BackupTrouble, Manifest
from hub.backup.restoring import restore
from hub.database import Database
from hub.ingest.journal import Journal
from hub.settings import Settings

NOW_MS = 1_795_000_000_000
KEY = "certificates/ca-key.pem"


def quiet(what: str, done: int, of: int) -> None:
    pass


def saved(settings: Settings, folder: Path, *, secrets: bool = False) -> Manifest:
    return make(settings, folder, NOW_MS, quiet, secrets=secrets)[0]


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """A data directory with a document, a key and a journal, over records of either engine."""
    data = tmp_path / "data"
    for name in ("documents/ab/abcd", KEY, "accounts.key", "logs/web.log"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    url = database.engine.url.render_as_string(hide_password=False)
    if database.engine.dialect.name == "sqlite":
        file = Path(database.engine.url.database or "")
        shutil.copy(file, data / "hub.db")
        url = f"sqlite+aiosqlite:///{data}/hub.db"
    return Settings(data_dir=data, database_url=url)


async def note(settings: Settings, object_: str) -> None:
    database = Database(settings.database_url)
    async with database.write() as session:
        await record(session, Entry("lan", "account", "thing.change", object_))
    await database.close()


async def objects(settings: Settings) -> list[str]:
    database = Database(settings.database_url)
    async with database.read() as session:
        found = await service.list_entries(session, service.AuditFilter(), before_id=None, limit=100)
    await database.close()
    return [each.object for each in found]


async def test_what_was_kept_is_there_again_and_what_replaced_it_is_kept(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    await database.close()
    await note(settings, "before")
    folder = tmp_path / "backup"
    manifest = await asyncio.to_thread(saved, settings, folder)
    assert manifest.engine == settings.database_url.partition("+")[0]
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert (folder / "files/documents/ab/abcd").read_text() == "documents/ab/abcd"
    names = {path.name for path in kept}
    assert not names & {"ca-key.pem", "accounts.key", "web.log"}, "keys only if asked for, logs never"

    await note(settings, "after")
    (settings.data_dir / "documents/ab/abcd").write_text("changed")
    with pytest.raises(BackupTrouble, match="--replace"):
        await asyncio.to_thread(restore, settings, folder, NOW_MS, quiet, replace=False)
    assert await objects(settings) == ["after", "before"]
    restored = await asyncio.to_thread(restore, settings, folder, NOW_MS, quiet, replace=True)
    assert await objects(settings) == ["before"]
    assert (settings.data_dir / "documents/ab/abcd").read_text() == "documents/ab/abcd"
    assert (settings.data_dir / KEY).read_text() == KEY, "what the backup has not stays"
    aside = settings.data_dir / postgres.stamp(NOW_MS)
    assert (aside / "documents/ab/abcd").read_text() == "changed"
    assert postgres.stamp(NOW_MS) in restored.aside
    # and once more: what was put aside is neither copied nor in the way
    again = await asyncio.to_thread(saved, settings, tmp_path / "second")
    assert not [part for part in again.parts if "replaced-" in part.path]
    await asyncio.to_thread(restore, settings, tmp_path / "second", NOW_MS + 1000, quiet, replace=True)
    assert await objects(settings) == ["before"]


async def test_a_restore_that_fails_leaves_everything_as_it_was(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    await database.close()
    await note(settings, "kept")
    folder = tmp_path / "backup"
    manifest = await asyncio.to_thread(saved, settings, folder)
    for part in manifest.parts:
        content = (folder / part.path).read_bytes()
        (folder / part.path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BackupTrouble, match="damaged"):
            restore(settings, folder, NOW_MS, quiet, replace=True)
        (folder / part.path).write_bytes(content)
    whole = (folder / FILE).read_text()
    (folder / FILE).write_text(whole.replace('"sqlite"', '"other"'))
    with pytest.raises(BackupTrouble, match="was changed"):
        restore(settings, folder, NOW_MS, quiet, replace=True)
    newer = json.loads(whole) | {"schema": "9999", "version": "9.0"}
    (folder / FILE).write_text(json.dumps(newer))
    digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    (folder / DIGEST_FILE).write_text(f"{digest}  {FILE}\n")
    with pytest.raises(BackupTrouble, match=r"newer hub \(9.0, schema 9999"):
        restore(settings, folder, NOW_MS, quiet, replace=True)
    assert await objects(settings) == ["kept"]
    assert not list(settings.data_dir.glob("re*ing-*"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_keys_come_along_when_asked_for(settings: Settings, database: Database, tmp_path: Path) -> None:
    await database.close()
    saved(settings, tmp_path / "backup", secrets=True)
    shutil.rmtree(settings.data_dir)
    restore(settings, tmp_path / "backup", NOW_MS, quiet, replace=False)
    assert (settings.data_dir / KEY).read_text() == KEY
    assert stat.S_IMODE((settings.data_dir / KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_working_hub_is_copied_at_one_moment_and_is_not_restored_over(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """The journal's copy has all that the cursor's copy has passed, and the log its noted head."""
    await database.close()
    journal = Journal(settings.data_dir / "ingest-0" / "journal.db")
    state = sqlite3.connect(settings.data_dir / "ingest-0" / "state.db", check_same_thread=False)
    state.execute("PRAGMA journal_mode=WAL")
    state.execute("CREATE TABLE cursor (entry_id INTEGER)")
    state.execute("INSERT INTO cursor VALUES (0)")
    state.commit()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            state.execute("UPDATE cursor SET entry_id = ?", [journal.append(1, [(b"t", bytes(4000))], [])])
            state.commit()

    working = threading.Thread(target=work)
    working.start()
    try:
        await note(settings, "noted")
        hub = Database(settings.database_url)
        await prove_and_note(hub, settings.data_dir, NOW_MS)
        await hub.close()
        for number in range(3):
            await asyncio.to_thread(saved, settings, tmp_path / f"backup{number}")
        with pytest.raises(BackupTrouble, match="in use; stop the hub"):
            await asyncio.to_thread(restore, settings, tmp_path / "backup0", NOW_MS, quiet, replace=True)
    finally:
        stop.set()
        working.join()
        journal.close()
        state.close()
    for number in range(3):
        copies = tmp_path / f"backup{number}" / "databases" / "ingest-0"
        with sqlite3.connect(copies / "state.db") as one, sqlite3.connect(copies / "journal.db") as other:
            (cursor,) = one.execute("SELECT entry_id FROM cursor").fetchone()
            (last,) = other.execute("SELECT max(id) FROM entry").fetchone()
        assert 0 < cursor <= last
    restore(settings, tmp_path / "backup2", NOW_MS, quiet, replace=True)
    head = noted_head(settings.data_dir)
    assert head is not None
    assert head.id == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_cannot_be_backed_up_is_told(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    await database.close()
    with pytest.raises(BackupTrouble, match="inside of the data directory"):
        saved(settings, settings.data_dir / "backup")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(BackupTrouble, match="there already"):
        saved(settings, tmp_path / "full")
    with pytest.raises(BackupTrouble, match=r"manifest.json is missing: name the folder"):
        restore(settings, tmp_path / "full", NOW_MS, quiet, replace=True)
    saved(settings, tmp_path / "backup")
    other = Settings(data_dir=tmp_path / "new", database_url="postgresql+psycopg://hub@127.0.0.1:1/hub")
    with pytest.raises(BackupTrouble, match="holds records of sqlite"):
        restore(other, tmp_path / "backup", NOW_MS, quiet, replace=True)


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_postgresql_needs_its_programs_and_an_idle_database(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.close()
    await asyncio.to_thread(saved, settings, tmp_path / "backup")
    plain = settings.database_url.replace("+psycopg", "")
    with (
        psycopg.connect(plain, application_name="hub web"),
        pytest.raises(BackupTrouble, match="in use by hub web; stop the hub"),
    ):
        restore(settings, tmp_path / "backup", NOW_MS, quiet, replace=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupTrouble, match="there is no pg_dump here; install"):
        saved(settings, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".other*"))
