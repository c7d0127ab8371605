"""Databases of the tests' own: SQLite in the test's folder, and a PostgreSQL cluster made for one session."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from hub.broker import unused_port
from hub.database import Database, migrate
from tests.hub.telemetry.influx_server import Influx

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
    try:
        run("initdb", "-A", "trust", "-U", "hub", "--no-sync")
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        yield f"postgresql+psycopg://hub@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres(postgres_server: str) -> str:
    """The URL of a new empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    server = postgres_server.replace("+psycopg", "")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{postgres_server}/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database, once of each engine."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new/hub.db"
    url: str = request.getfixturevalue("new_postgres")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with all tables, once of each engine."""
    await migrate(database_url)
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def influx(program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB on a free loopback port, one for all tests; each makes databases of its own."""
    running = Influx(program("influxd"), tmp_path_factory.mktemp("influx"))
    yield running
    running.stop()


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A SQLite database with all tables, for what does not depend on the engine."""
    url = f"sqlite+aiosqlite:///{tmp_path}/hub.db"
    await migrate(url)
    database = Database(url)
    yield database
    await database.close()
