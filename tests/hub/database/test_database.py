"""Schema, transactions and leases on both engines."""

import asyncio
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import hub
from hub.database import Base, Database, migrate
from hub.database.lease import Lease, give_up_lease, take_lease
from hub.database.migrate import MIGRATIONS, newest


async def test_roles_that_start_together_migrate_once(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(3)))
    await migrate(database_url)
    database = Database(database_url)
    async with database.read() as session:
        versions = list((await session.execute(text("SELECT version_num FROM alembic_version"))).scalars())
    await database.close()
    assert len(versions) == 1


async def test_processes_that_start_together_wait_for_each_other(database_url: str) -> None:
    code = "import asyncio,sys; from hub.database import migrate; asyncio.run(migrate(sys.argv[1]))"
    command = (sys.executable, "-c", code, database_url)
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert [await process.wait() for process in processes] == [0, 0, 0]


async def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    for path in Path(hub.__file__).parent.glob("*/*tables.py"):
        import_module(f"hub.{path.parent.name}.{path.stem}")
    async with database.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Base.metadata)
        )
    assert differences == []


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            session.add(Lease(name="a", holder="b", until_ms=1))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with database.read() as session:
        assert await session.get(Lease, "a") is None


async def test_writers_at_once_wait_instead_of_failing(database: Database) -> None:
    async def count_up() -> None:
        async with database.write() as session:
            lease = await session.get(Lease, "n", with_for_update=True)
            assert lease is not None
            await asyncio.sleep(0)
            lease.until_ms += 1

    async with database.write() as session:
        session.add(Lease(name="n", holder="", until_ms=0))
    await asyncio.gather(*(count_up() for _ in range(20)))
    async with database.read() as session:
        lease = await session.get(Lease, "n")
    assert lease is not None
    assert lease.until_ms == 20


async def test_one_holder_leads_until_it_gives_up_or_its_time_ends(database: Database) -> None:
    async def take(holder: str, ttl_ms: int = 60_000) -> bool:
        async with database.write() as session:
            return await take_lease(session, "control", holder, ttl_ms)

    assert await take("a")
    assert not await take("b")
    assert await take("a")
    async with database.write() as session:
        await give_up_lease(session, "control", "b")
    assert not await take("b")
    async with database.write() as session:
        await give_up_lease(session, "control", "a")
    assert await take("b", ttl_ms=1)
    await asyncio.sleep(0.02)
    assert await take("a")


async def test_many_candidates_one_leader(database: Database) -> None:
    async def take(holder: str) -> bool:
        async with database.write() as session:
            return await take_lease(session, "control", holder, 60_000)

    assert sum(await asyncio.gather(*(take(f"h{n}") for n in range(10)))) == 1


def test_files_are_named_for_their_revisions_so_that_the_newest_is_known_without_alembic() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [newest()]
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


def test_a_role_that_finds_the_newest_schema_does_not_load_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from hub.database import migrate;"
        f"asyncio.run(migrate('sqlite+aiosqlite:///{tmp_path}/hub.db')); print('alembic' in sys.modules)"
    )
    said = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in "ab"]
    assert [line.strip() for line in said] == ["True", "False"]
