"""The log in a real database: with its change or not at all, one chain, and nobody can touch it unseen."""

import asyncio
import contextlib
import json
import time
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from hub.audit import service
from hub.audit.rules import Break, Head, Sealed
from hub.audit.service import AuditFilter
from hub.audit.tables import AuditEntry
from hub.audit.trail import Entry, by_command, record
from hub.audit.watch import note_head, noted_head, prove_and_note
from hub.database import Database
from hub.database.lease import Lease


async def note(database: Database, *objects: str) -> None:
    for each in objects:
        async with database.write() as session:
            await record(session, Entry("lan", "account", "thing.change", each, "S1", text="Đổi"))


async def objects(database: Database) -> list[str]:
    async with database.read() as session:
        return [
            each.object
            for each in await service.list_entries(session, AuditFilter(), before_id=None, limit=100)
        ]


async def proven(database: Database, *noted: Head) -> tuple[Break, ...]:
    async with database.read() as session:
        return (await service.verify(session, noted=noted)).breaks


async def unguard(database: Database) -> None:
    """Takes the triggers away, as an intruder with the database's password would."""
    async with database.write() as session:
        if database.engine.dialect.name == "postgresql":
            await session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        else:
            for each in ("update", "delete"):
                await session.execute(text(f"DROP TRIGGER audit_entry_keep_{each}"))


async def run(database: Database, *statements: str) -> None:
    async with database.write() as session:
        for each in statements:
            await session.execute(text(each))


class Undone(Exception):
    """Rolls back."""


async def test_a_note_is_kept_with_its_change_or_not_at_all(database: Database) -> None:
    await note(database, "a")
    with contextlib.suppress(Undone):
        async with database.write() as session:
            await record(session, Entry("lan", "account", "thing.change", "rolled back"))
            raise Undone
    async with database.write() as session:
        await record(session, Entry("lan", "account", "thing.change", "b"))
        with contextlib.suppress(Undone):
            async with session.begin_nested():
                await record(session, Entry("lan", "account", "thing.change", "lost savepoint"))
                async with session.begin_nested():
                    await record(session, Entry("lan", "account", "thing.change", "lost with it"))
                raise Undone
        async with session.begin_nested():
            await record(session, Entry("lan", "account", "thing.change", "c"))
    async with database.write() as session:
        await record(session, by_command("unit.rename", "d\x00", unit="S1"))
    assert await objects(database) == ["d\ufffd", "c", "b", "a"]
    assert await proven(database) == ()
    async with database.read() as session:
        newest, *_ = await service.list_entries(session, AuditFilter(), before_id=None, limit=1)
    assert newest.actor.startswith("cli:")


async def test_an_entry_says_who_what_where_and_hides_secrets(database: Database) -> None:
    async with database.write() as session:
        entry = Entry("lan", "account", "account.change", "account:7", "S1", {"name": "Lan"},
                      {"name": "Đào", "password": "hunter2"}, "vì đổi tên", "10.0.0.9", 5)  # fmt: skip
        await record(session, entry)
    async with database.read() as session:
        for wanted in (AuditFilter(q="dao doi"), AuditFilter(action="account"), AuditFilter(object="account"),
                       AuditFilter(who="lan", since_ms=5, until_ms=6, units=frozenset({"S1"}))):  # fmt: skip
            (found,) = await service.list_entries(session, wanted, before_id=None, limit=9)
            assert (found.actor, found.address, found.at_ms, found.unit) == ("lan", "10.0.0.9", 5, "S1")
            assert service.facts(found.before) == {"name": "Lan"}
            assert service.facts(found.after) == {"name": "Đào", "password": "(hidden)"}
        assert await service.list_entries(session, AuditFilter(object="account:"), before_id=None, limit=9)
        for wanted in (AuditFilter(q="dao x"), AuditFilter(action="acc"), AuditFilter(since_ms=6),
                       AuditFilter(until_ms=5), AuditFilter(units=frozenset({"S2"}))):  # fmt: skip
            assert not await service.list_entries(session, wanted, before_id=None, limit=9)


async def test_many_at_once_make_one_chain_and_wait_for_nobody_twice(database: Database) -> None:
    async with database.write() as session:
        await session.execute(insert(Lease).values(name="row", holder="x", until_ms=0))

    async def change(number: int) -> None:
        async with database.write() as session:
            locking = update(Lease).values(until_ms=Lease.until_ms + 1)
            entry = Entry("lan", "account", "row.count", f"row:{number}")
            if number % 2:  # whoever notes first must not hold the chain while waiting for the row
                await record(session, entry)
                await session.execute(locking)
            else:
                await session.execute(locking)
                await asyncio.sleep(0.001)
                await record(session, entry)

    await asyncio.wait_for(asyncio.gather(*map(change, range(40))), 30)
    assert sorted(await objects(database)) == sorted(f"row:{number}" for number in range(40))
    assert await proven(database) == ()
    async with database.read() as session:
        assert await session.scalar(select(Lease.until_ms)) == 40


async def test_the_database_refuses_to_change_remove_or_double_entries(database: Database) -> None:
    await note(database, "a", "b")
    statements = ["UPDATE audit_entry SET text = 'x'", "DELETE FROM audit_entry WHERE id = 1"]
    if database.engine.dialect.name == "postgresql":
        statements.append("TRUNCATE audit_entry")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"):
            await run(database, statement)
    with pytest.raises(IntegrityError):  # two entries after one: the chain cannot fork
        await run(database, "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE id = 2")
    assert await objects(database) == ["b", "a"]


ENTRY = "UPDATE audit_entry SET"
COPY = ("INSERT INTO audit_entry SELECT 3, at_ms, actor, actor_kind, address, action, object, unit, before, "
        "after, text, previous, hash, search FROM audit_entry WHERE id = 2")  # fmt: skip
TAMPERED = {
    "changed": ([f"{ENTRY} actor = 'minh' WHERE id = 2"], 2, "entry 2 was changed"),
    "removed": (["DELETE FROM audit_entry WHERE id = 2"], 2, "entry 2 is missing"),
    "several removed": (["DELETE FROM audit_entry WHERE id IN (2, 3)"], 2, "entries 2 to 3 are missing"),
    "reordered": ([f"{ENTRY} id = 99 WHERE id = 2", f"{ENTRY} id = 2 WHERE id = 3",
                   f"{ENTRY} id = 3 WHERE id = 99"], 2, "entry 2 was changed"),
    "inserted": ([f"{ENTRY} id = id + 100 WHERE id > 2", f"{ENTRY} id = id - 99 WHERE id > 2", COPY],
                 3, "entry 3 was changed"),
    "cut off": (["DELETE FROM audit_entry WHERE id > 3"], 4, "entries 4 to 5 were cut off"),
    "all gone": (["DELETE FROM audit_entry"], 1, "entries 1 to 5 were cut off"),
}  # fmt: skip


async def test_m04_whatever_an_intruder_does_to_the_log_is_found(database: Database, tmp_path: Path) -> None:
    await note(database, "a", "b", "c", "d", "e")
    assert await prove_and_note(database, tmp_path, 1) == ()
    noted = noted_head(tmp_path)
    assert noted is not None
    assert noted.id == 5
    await unguard(database)
    for statements, at, said in TAMPERED.values():
        with contextlib.suppress(Undone):
            async with database.write() as session:
                for statement in statements:
                    await session.execute(text(statement))
                first, *_ = (await service.verify(session, noted=[noted])).breaks
                assert (first.id, first.detail[: len(said)]) == (at, said)
                raise Undone
    assert await proven(database, noted) == ()
    await run(database, "DELETE FROM audit_entry WHERE id > 3")
    await note(database, "f", "g", "h")  # life goes on, and what was done stays visible
    assert [each.detail for each in await proven(database, noted)] == [
        "entry 5 is not the one that was noted as the head"
    ]


async def test_the_watch_notes_only_what_holds(database: Database, tmp_path: Path) -> None:
    assert await prove_and_note(database, tmp_path, 1) == ()
    assert noted_head(tmp_path) is None
    await note(database, "a", "b")
    assert await prove_and_note(database, tmp_path, 2) == ()
    await note(database, "c", "d")
    await unguard(database)
    await run(database, "UPDATE audit_entry SET text = 'x' WHERE id = 3")
    assert [each.id for each in await prove_and_note(database, tmp_path, 3)] == [3]
    await run(database, "DELETE FROM audit_entry WHERE id > 1")
    assert [each.id for each in await prove_and_note(database, tmp_path, 4)] == [2]
    assert json.loads((tmp_path / "audit-head.json").read_text())["id"] == 2
    (tmp_path / "audit-head.json").write_text("{")
    with pytest.raises(ValueError, match="audit-head"):
        noted_head(tmp_path)
    note_head(tmp_path / "new", Head(7, "h"), 9)
    assert noted_head(tmp_path / "new") == Head(7, "h")


async def test_a_log_of_thousands_is_proven_in_parts(database: Database) -> None:
    async with database.write() as session:
        for number in range(5001):
            await record(session, Entry("hub:control", "loop", "thing.change", f"thing:{number}"))
    started_s = time.perf_counter()
    async with database.read() as session:
        verdict = await service.verify(session)
    assert (verdict.entries, verdict.head.id, verdict.breaks) == (5001, 5001, ())
    assert time.perf_counter() - started_s < 5
    async with database.read() as session:
        columns = [getattr(AuditEntry, name) for name in Sealed._fields]
        assert len({row.hash for row in await session.execute(select(*columns))}) == 5001
