"""The records in PostgreSQL, by its own `pg_dump` and `pg_restore`: they know every version and type."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from hub.backup.layout import ASIDE
from hub.backup.manifest import BackupTrouble
from hub.database.trouble import database_problem, without_password

_SCHEMA = "public"


class Server:
    """One database of a PostgreSQL server; raises `BackupTrouble`."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._url = url
        self._plain = parsed.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
        # in the environment: what stands in the arguments, everybody on the machine can read
        self._environment = (
            {**os.environ, "PGPASSWORD": parsed.password} if parsed.password else {**os.environ}
        )
        self._whole = parsed.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[object, ...]]:
        """Connects to the database."""
        try:
            return psycopg.connect(self._whole, autocommit=autocommit, connect_timeout=10)
        except psycopg.Error as error:
            place = without_password(self._url)
            raise BackupTrouble(f"the database {place}: {database_problem(error, self._url)}") from None

    def dump(self, path: Path, snapshot: str, told: Callable[[int], None]) -> None:
        """Writes the database, as the exported `snapshot` sees it, into one compressed file."""
        path.touch(mode=0o600)
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--exclude-schema={ASIDE}*"]
        self._run("pg_dump", *options, f"--snapshot={snapshot}", f"--file={path}", watched=path, told=told)

    def tables(self) -> int:
        """Counts the tables that are there."""
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = %s"
        with self.connect() as connection:
            row = connection.execute(query, [_SCHEMA]).fetchone()
        return int(str(row[0])) if row else 0

    def others(self) -> list[str]:
        """Names the programs that are connected besides this one."""
        query = (
            "SELECT DISTINCT coalesce(nullif(application_name, ''), client_addr::text, 'a local program')"
            " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        with self.connect() as connection:
            return [str(row[0]) for row in connection.execute(query)]

    def restore(self, path: Path, aside: str, *, replace: bool, told: Callable[[int], None]) -> None:
        """Fills the database; with `replace` what it held is kept in the schema `aside`.

        Raises `BackupTrouble` and then leaves it as it was.
        """
        if not replace:
            self._fill(path, told)
            return
        old, new = sql.Identifier(aside), sql.Identifier(_SCHEMA)
        with self.connect() as connection:
            try:
                connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(new, old))
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(new))
            except psycopg.errors.InsufficientPrivilege:
                name, user = make_url(self._url).database, make_url(self._url).username
                fix = f'ALTER DATABASE "{name}" OWNER TO "{user}" (before version 15 the schema public too)'
                raise BackupTrouble(f"{user} may not move the old tables aside; do: {fix}") from None
        try:
            self._fill(path, told)
        except BaseException:
            with self.connect() as connection:
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(new))
                connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(old, new))
            raise

    def _fill(self, path: Path, told: Callable[[int], None]) -> None:
        options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
        self._run("pg_restore", *options, f"--dbname={self._plain}", str(path), told=told)

    def _run(
        self, program: str, *arguments: str, watched: Path | None = None, told: Callable[[int], None]
    ) -> None:
        found = shutil.which(program)
        if found is None:
            fix = "install the client programs of the server's version: apt-get install postgresql-client"
            raise BackupTrouble(f"there is no {program} here; {fix}")
        target = [] if program == "pg_restore" else [self._plain]
        process = subprocess.Popen(
            [found, *arguments, *target], env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
                told(watched.stat().st_size if watched is not None else 0)
        except BaseException:
            process.kill()
            raise
        finally:
            assert process.stderr is not None, "it was asked for"
            said = process.stderr.read().strip().splitlines()
            process.stderr.close()
            process.wait()
        if process.returncode:
            reason = said[0] if said else f"exit code {process.returncode}"
            if "version mismatch" in " ".join(said):
                reason += "; install the client programs of the server's version (postgresql-client-NN)"
            raise BackupTrouble(f"{program} failed: {reason}")


def stamp(at_ms: int) -> str:
    """Names what is put aside by its moment, UTC."""
    return f"{ASIDE}{time.strftime('%Y%m%dt%H%M%S', time.gmtime(at_ms / 1000))}"
