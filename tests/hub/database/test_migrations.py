"""Every migration goes up, down and up again on both engines, and what older tables hold survives."""

import asyncio
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, inspect, select, text
from sqlalchemy.exc import IntegrityError

from hub.database.migrate import MIGRATIONS, _engine

REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]

# one row of each kind that the first tables held, as a hub of that time wrote it
OLD_ROWS = """
INSERT INTO unit (code, name, kind, levels) VALUES ('SGDDT', 'Sở', 'department', '[]');
INSERT INTO unit (code, name, kind, levels, valid_to) VALUES ('PGD', 'Phòng Tân Châu', 'office', '[]', '2025-07-01');
INSERT INTO placement (unit_code, parent_code, valid_from) VALUES ('PGD', 'SGDDT', '1900-01-01');
INSERT INTO unit (code, name, kind, levels) VALUES ('S1', 'Trường Đông', 'school', '["TH"]');
INSERT INTO room (school_code, code, name, type) VALUES ('S1', 'P1', 'Phòng Đọc', 'library');
INSERT INTO account (username, name, password_hash) VALUES ('lan', 'Lan', 'x');
INSERT INTO account_grant (account_id, role, unit_code) VALUES (1, 'school_admin', 'S1');
INSERT INTO access_token (hash, kind, name, account_id, created_ms) VALUES ('h', 'session', 'lan', 1, 5);
INSERT INTO node (group_code, node, first_seen_ms) VALUES ('S1', 'a1', 7);
INSERT INTO device (group_code, node, device, kind) VALUES ('S1', 'a1', 'air', 'room_air');
"""  # noqa: E501


def go(engine: Engine, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    tables = MetaData()
    tables.reflect(connection)
    return {
        name: sorted((dict(row) for row in connection.execute(select(table)).mappings()), key=str)
        for name, table in tables.tables.items()
        if name != "alembic_version"
    }


def walk(url: str) -> None:
    engine = _engine(url)
    try:
        go(engine, "0001")
        with engine.begin() as connection:
            for line in OLD_ROWS.strip().splitlines():
                connection.execute(text(line.removesuffix(";").replace(":", r"\:")))
        with engine.connect() as connection:
            first = contents(connection)
        seen = {}
        for revision in REVISIONS[1:]:
            go(engine, revision)
            with engine.connect() as connection:
                seen[revision] = contents(connection)
            go(engine, "-1", down=True)
            go(engine, revision)
            with engine.connect() as connection:
                assert contents(connection).keys() == seen[revision].keys(), revision
        with engine.connect() as connection:
            now = contents(connection)
            words = connection.execute(text("SELECT search FROM unit WHERE code = 'S1'")).scalar_one()
            assert words == "s1\ntruong dong"
            ends = connection.execute(text("SELECT valid_to FROM placement")).scalar_one()
            assert str(ends) == "2025-07-01", "what ended belongs to nobody afterwards"
        for table, rows in first.items():
            for old, new in zip(rows, now[table], strict=True):
                kept = {name for name in old if (table, name) != ("placement", "valid_to")}
                assert {name: new[name] for name in kept} == {name: old[name] for name in kept}, table
        go(engine, "0001", down=True)
        with engine.connect() as connection:
            back = contents(connection)
        assert {name: len(rows) for name, rows in back.items()} == {
            name: len(rows) for name, rows in first.items()
        }
        go(engine, "base", down=True)
        with engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        go(engine, "head")
    finally:
        engine.dispose()


async def test_all_migrations_go_up_down_and_up_again_with_data_in_them(database_url: str) -> None:
    await asyncio.to_thread(walk, database_url)


ALIKE = """
INSERT INTO unit (code, name, kind, levels) VALUES ('S1', 'Trường', 'school', '[]');
INSERT INTO room (school_code, code, valid_to) VALUES ('S1', 'P1', '2025-07-01');
INSERT INTO room (school_code, code) VALUES ('S1', 'p1');
INSERT INTO room (school_code, code) VALUES ('S1', 'P2');
INSERT INTO asset (tag, name, school_code, room_code, gaps, search, created_ms, changed_ms)
 VALUES ('ts-1', 'x', 'S1', 'p1', 0, 'x', 1, 1), ('TS-1', 'y', 'S1', 'P1', 0, 'y', 1, 1), ('TS-2', 'z', 'S1', '', 0, 'z', 1, 1);
"""  # noqa: E501


def mark_twins(url: str) -> None:
    engine = _engine(url)
    try:
        go(engine, "0018")
        with engine.begin() as connection:
            for line in ALIKE.strip().split(";\n"):
                connection.execute(text(line.removesuffix(";")))
        go(engine, "0019")
        with engine.connect() as connection:
            tags = connection.execute(text("SELECT tag, twin FROM asset ORDER BY tag")).all()
            assert {tag: bool(twin) for tag, twin in tags} == {"TS-1": True, "TS-2": False, "ts-1": False}
            rooms = connection.execute(text("SELECT code, twin FROM room")).all()
            assert {code: bool(twin) for code, twin in rooms} == {"P1": True, "p1": False, "P2": False}
            said = connection.execute(text("SELECT asset_id, text FROM asset_event")).all()
            assert [tuple(row) for row in said] == [(2, "tag differs from ts-1 by case alone")]
        again = text("UPDATE asset SET tag = 'tS-2' WHERE tag = 'ts-1'")
        with engine.connect() as connection, pytest.raises(IntegrityError):
            connection.execute(again)
        go(engine, "-1", down=True)
        go(engine, "base", down=True)
        go(engine, "head")
    finally:
        engine.dispose()


async def test_what_differed_by_case_alone_is_kept_and_told(database_url: str) -> None:
    await asyncio.to_thread(mark_twins, database_url)
