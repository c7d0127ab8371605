"""A database that cannot be used: one line that names the fix, from every command, never a traceback."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest

from hub.app import run
from hub.database.migrate import newest
from hub.database.trouble import database_problem
from hub.doctor import examine
from hub.settings import Settings

Hub: TypeAlias = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Hub:
    """Runs a command that must fail with one line; gives the line."""

    def run(*arguments: str, url: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "hub.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "HUB_DATA_DIR": str(tmp_path / "data"), "HUB_DATABASE_URL": url},
        )
        assert ended.returncode == 1, ended.stderr
        (line,) = ended.stderr.splitlines()
        assert line.startswith("error: the database ")
        return line

    return run


@pytest.mark.postgres
def test_what_postgresql_refuses_is_told_with_its_fix(refused: Hub, new_postgres: str) -> None:
    server, _, name = new_postgres.rpartition("/")
    missing = refused("user", "list", url=f"{server.replace('hub@', 'hub:geheim@')}/nowhere")
    assert "createdb --owner=hub nowhere" in missing
    assert "geheim" not in missing
    plain = new_postgres.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
    assert f'ALTER DATABASE "{name}" OWNER TO "guest"' in refused(
        "import", "--schools", "1", url=new_postgres.replace("hub@", "guest@")
    )


def test_an_unreachable_server_is_told_with_its_address(refused: Hub, unused_port: int) -> None:
    line = refused("audit", "head", url=f"postgresql+psycopg://hub:geheim@127.0.0.1:{unused_port}/hub")
    assert f"nobody answers at 127.0.0.1:{unused_port}; start PostgreSQL" in line
    assert "geheim" not in line


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ('FATAL:  password authentication failed for user "hub"', "HUB_DATABASE_URL"),
        ('FATAL:  role "hub" does not exist', "createuser --pwprompt hub"),
        ("failed to resolve host 'db.example'", "no host db.example"),
        ("something nobody has heard of\nHINT: no", "something nobody has heard of; `hub doctor`"),
    ],
)
def test_what_cannot_be_made_here_is_told_as_well(said: str, fix: str) -> None:
    line = database_problem(psycopg.OperationalError(said), "postgresql+psycopg://hub:x@db.example/hub")
    assert fix in line
    assert "\n" not in line


async def test_a_database_of_a_newer_hub_is_left_alone(
    refused: Hub, migrated_sqlite: Path, tmp_path: Path
) -> None:
    file = tmp_path / "newer.db"
    file.write_bytes(migrated_sqlite.read_bytes())
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    url = f"sqlite+aiosqlite:///{file}"
    for command in (["user", "list"], ["serve", "--role", "control"]):
        line = refused(*command, url=url)
        assert f"its schema is 9999, this one knows up to {newest()}" in line
        assert "restore a backup" in line
    found = [each for each in await examine(Settings(database_url=url)) if "newer hub" in each.text]
    assert [each.wrong for each in found] == [True]


def test_a_damaged_file_is_told(refused: Hub, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 1000)
    assert "restore a backup" in refused("user", "list", url=f"sqlite+aiosqlite:///{tmp_path}/broken.db")


async def test_the_hub_waits_for_its_database_and_says_what_would_help(
    unused_port: int, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    url, stop = f"postgresql+psycopg://hub:geheim@127.0.0.1:{unused_port}/hub", asyncio.Event()
    serving = asyncio.create_task(run(Settings(database_url=url, data_dir=tmp_path), {"control"}, stop))
    async with asyncio.timeout(20):
        while "start PostgreSQL" not in caplog.text:
            await asyncio.sleep(0.05)
    stop.set()
    await serving
    assert "geheim" not in caplog.text
