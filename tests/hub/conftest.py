"""Databases of the tests' own: SQLite in the test's folder, and a PostgreSQL cluster made for one session."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from hub.broker import unused_port
from hub.database import Database, migrate
from tests.hub.telemetry.influx_server import Influx

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
_POSTGRES_ACCOUNT = "postgres"


def _postgres_programs() -> Path | None:
    """Finds the folder of PostgreSQL's server programs: Debian keeps them out of the PATH."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server on a free loopback port; gives its URL without a database name."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("the PostgreSQL server is not installed")
    # the server refuses to run as root
    account = _POSTGRES_ACCOUNT if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="hub-postgres-"))
    if account:
        shutil.chown(folder, account)
    data, port = folder / "data", unused_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, user=account, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    options += " -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
    try:
        run("initdb", "-A", "trust", "-U", "hub", "--no-sync")
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        yield f"postgresql+psycopg://hub@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _migrated(url: str) -> None:
    with ThreadPoolExecutor() as beside_the_loop_of_the_test:
        beside_the_loop_of_the_test.submit(lambda: asyncio.run(migrate(url))).result()


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.fixture
def new_postgres(postgres_server: str) -> str:
    """The URL of a new empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{_plain(postgres_server)}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{postgres_server}/{name}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database, once of each engine."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new/hub.db"
    url: str = request.getfixturevalue("new_postgres")
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied: migrating costs more than most tests."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    _migrated(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """The name of a PostgreSQL database with all tables, to be cloned."""
    name = "migrated"
    with psycopg.connect(f"{_plain(postgres_server)}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    _migrated(f"{postgres_server}/{name}")
    return name


@pytest.fixture(params=ENGINES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with all tables, once of each engine."""
    if request.param == "sqlite":
        path = tmp_path / "hub.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        database = Database(f"sqlite+aiosqlite:///{path}")
        yield database
        await database.close()
        return
    server: str = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("migrated_postgres")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{_plain(server)}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
    database = Database(f"{server}/{name}")
    yield database
    await database.close()
    with psycopg.connect(f"{_plain(server)}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def influx(program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB on a free loopback port, one for all tests; each makes databases of its own."""
    running = Influx(program("influxd"), tmp_path_factory.mktemp("influx"))
    yield running
    running.stop()
