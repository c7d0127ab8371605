"""The hub proves its own log: what was touched long ago is found without anybody asking."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from hub.audit import service, watch
from hub.audit.rules import Break
from hub.audit.trail import Entry, record
from hub.audit.watch import Watch, note_head, noted_head, prove_and_note, prove_whole, say
from hub.database import Database
from hub.doctor import examine
from hub.settings import Settings

DAY_MS = 86_400_000


async def filled(database: Database, count: int) -> None:
    async with database.write() as session:
        for number in range(count):
            await record(session, Entry("lan", "account", "thing.change", f"thing:{number}"))


async def touch_entry_2(database: Database) -> None:
    """Changes an old entry, as an intruder with the database's password would."""
    async with database.write() as session:
        if database.engine.dialect.name == "postgresql":
            await session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        else:
            await session.execute(text("DROP TRIGGER audit_entry_keep_update"))
        await session.execute(text("UPDATE audit_entry SET actor = 'minh' WHERE id = 2"))


async def last(database: Database) -> service.LastProof | None:
    async with database.read() as session:
        return await service.last_proof(session)


async def test_m04_an_old_entry_that_was_touched_is_found_by_the_hub_itself(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 0.02)
    monkeypatch.setattr(watch, "WHOLE_AFTER_S", 0.02)
    monkeypatch.setattr(watch, "WHOLE_EVERY_S", 0.02)
    monkeypatch.setattr(watch, "PART_ENTRIES", 3)
    await filled(database, 10)
    stop, now_ms = asyncio.Event(), 1000

    async def until(action: str) -> service.LastProof:
        async with asyncio.timeout(20):
            while (found := await last(database)) is None or found.action != action:
                await asyncio.sleep(0.02)
        return found

    watching = asyncio.create_task(Watch(database, tmp_path, lambda: now_ms, lambda: True).run(stop))
    proven = await until("audit.proven")
    assert proven.text == "entries 1 to 10 were read, and hold"
    await touch_entry_2(database)
    broken = await until("audit.broken")
    assert broken.text.startswith("entry 2 was changed")
    await asyncio.sleep(0.1)  # new entries hold, and that must not say that all does
    assert REGISTRY.get_sample_value("hub_audit_broken") == 1
    stop.set()
    await watching
    async with database.read() as session:
        head = await service.head(session)
    assert head is not None
    assert head[0].id == 12, "what is so already is not written again"
    url = database.engine.url.render_as_string(hide_password=False)
    findings = await examine(Settings(database_url=url, data_dir=tmp_path))
    (audit,) = [each for each in findings if each.text.startswith("audit:")]
    assert audit.wrong
    assert "entry 2 was changed" in audit.text


async def test_the_whole_log_is_read_in_parts_and_against_the_noted_head(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PART_ENTRIES", 3)
    stop = asyncio.Event()
    empty = await prove_whole(database, tmp_path, lambda: True, stop)
    assert empty is not None
    assert empty.entries == 0
    await filled(database, 10)
    await prove_and_note(database, tmp_path, 1)
    whole = await prove_whole(database, tmp_path, lambda: True, stop)
    assert whole is not None
    assert (whole.entries, whole.breaks) == (10, ())
    head = noted_head(tmp_path)
    assert head is not None
    note_head(tmp_path, type(head)(12, head.hash), 1)
    cut = await prove_whole(database, tmp_path, lambda: True, stop)
    assert cut is not None
    assert "were cut off" in cut.breaks[0].detail
    assert await prove_whole(database, tmp_path, lambda: False, stop) is None, "another leads"


async def test_what_was_found_is_told_until_it_is_found_otherwise(database: Database) -> None:
    async def told(now_ms: int) -> str:
        return service.proof_problem(await last(database), now_ms)

    assert await told(1) == ""
    await say(database, (), "whole", 1)
    await say(database, (), "whole again", 2)  # not twice a day
    found = await last(database)
    assert found is not None
    assert found.text == "whole"
    assert await told(3 * DAY_MS) == ""
    assert "not proven for 4 days" in await told(4 * DAY_MS + 1)
    await say(database, [Break(2, "entry 2 was changed")], "", 3)
    assert "entry 2 was changed; `hub audit verify`" in await told(4)
    await say(database, (), "whole", 4)
    assert await told(5) == ""
