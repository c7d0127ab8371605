"""The outbox on disk: kept, forgotten, bounded, damaged, deleted, put back, cloned."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agents.generation import OutboxBusyError
from edge_agents.main import assemble
from edge_agents.outbox import Answer, Outbox, OutboxFile
from edge_agents.settings import load

BODY = b"\x12\x04body"


async def fill(outbox: Outbox, count: int, device: str = "d") -> list[int]:
    positions = [outbox.append(device, BODY + str(number).encode()) for number in range(count)]
    await outbox._file.flush()
    return [position for position in positions if position is not None]


async def bodies(outbox: Outbox) -> list[bytes]:
    return [entry.body.removeprefix(BODY) for entry in await outbox.held(1, 2**62)]


def prove(outbox: Outbox) -> None:
    """The hub answered and everything given was sent."""
    outbox.acknowledge(outbox.epoch, 0)
    outbox.sent(outbox.position)


async def test_positions_grow_and_survive(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    assert await fill(outbox, 3) == [1, 2, 3]
    prove(outbox)
    assert outbox.acknowledge(outbox.epoch, 2) is Answer.FORGOTTEN
    epoch = outbox.epoch
    await file.close()
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    assert (outbox.epoch, outbox.position, outbox.stored, outbox.first) == (epoch, 3, 2, 3)
    assert await bodies(outbox) == [b"2"]
    assert await fill(outbox, 1) == [4]
    assert 0 < outbox.epoch < 2**63
    await file.close()


async def test_another_epoch_forgets_nothing(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    await fill(outbox, 3)
    prove(outbox)
    assert outbox.acknowledge(outbox.epoch + 1, 3) is Answer.OTHER_EPOCH
    await file.flush()
    assert outbox.held_count == 3
    await file.close()


async def test_many_nodes_share_few_commits(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db", commit_interval_ms=50)
    outboxes = [file.outbox(f"n{number}") for number in range(300)]
    for _ in range(20):
        for outbox in outboxes:
            outbox.append("d", BODY)
    await file.flush()
    assert all(outbox.durable == 20 for outbox in outboxes)
    assert file.commits <= 3
    await file.close()


async def test_a_full_outbox_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n", most=10)
    await fill(outbox, 8)
    assert outbox.first == 1
    await fill(outbox, 7)
    assert (outbox.first, outbox.position, outbox.dropped, outbox.held_count) == (6, 15, 5, 10)
    told = [outbox.lost_unknown_to_hub]
    prove(outbox)
    outbox.acknowledge(outbox.epoch, 5)
    assert [*told, outbox.lost_unknown_to_hub] == [True, False]
    await file.close()
    outbox = OutboxFile(tmp_path / "o.db").outbox("n")
    assert (outbox.first, outbox.dropped) == (6, 5)


async def test_bounded_in_bytes(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n", most_bytes=10_000)
    for _ in range(30):
        outbox.append("d", bytes(1000))
    await file.flush()
    assert outbox.held_bytes <= 10_000
    assert outbox.position - outbox.dropped == outbox.held_count == 9
    await file.close()


async def test_too_large_is_a_tombstone_and_hopeless_becomes_one(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n", largest_bytes=100)
    outbox.append("d", bytes(101))
    outbox.append("d", bytes(100))
    await file.flush()
    await outbox.bury(2, "never taken")
    assert [(entry.position, entry.body) for entry in await outbox.held(1, 9)] == [(1, b""), (2, b"")]
    assert (outbox.oversize, outbox.buried) == (1, 1)
    await file.close()


async def test_one_process_an_outbox(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    with pytest.raises(OutboxBusyError, match="in use"):
        OutboxFile(tmp_path / "o.db")
    await file.close()
    await OutboxFile(tmp_path / "o.db").close()


async def test_a_flipped_bit_costs_one_payload(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    await fill(outbox, 3)
    await file.close()
    with sqlite3.connect(tmp_path / "o.db") as db:
        db.execute("UPDATE entry SET body = CAST(x'00' || substr(body, 2) AS BLOB) WHERE position = 2")
    db.close()
    file = OutboxFile(tmp_path / "o.db")
    assert await bodies(file.outbox("n")) == [b"0", b"", b"2"]
    assert file.damaged_rows == 1
    await file.close()


EVENTS = ["append", "flush", "send", "answer", "restart", "copy", "restore", "renew"]


def overwrite_middle(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(3000))


@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(b"this is no database at all" * 100),
    lambda path: path.write_bytes(os.urandom(50_000)),
    overwrite_middle,
], ids=["text", "noise", "middle"])  # fmt: skip
@pytest.mark.faults
async def test_damaged_is_set_aside_and_the_agent_goes_on(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "o.db"
    file = OutboxFile(path)
    outbox = file.outbox("n")
    await fill(outbox, 800)
    epoch = outbox.epoch
    await file.close()
    damage(path)
    file = OutboxFile(path)
    outbox = file.outbox("n")
    assert [aside.exists() for aside in file.set_aside] == [True]
    assert outbox.epoch != epoch
    rescued = await bodies(outbox)
    assert len(rescued) == outbox.position
    if damage is overwrite_middle:
        assert len(rescued) > 100
    assert await fill(outbox, 1) == [len(rescued) + 1]
    await file.close()
    file = OutboxFile(path)
    assert not file.set_aside
    assert file.outbox("n").position == len(rescued) + 1
    await file.close()


@pytest.mark.faults
async def test_the_hub_is_told_of_a_damaged_outbox_at_the_start_and_while_running(tmp_path: Path) -> None:
    text = """
        [agent]
        group = "S"
        node = "S-a1"
        [mqtt]
        url = "mqtt://127.0.0.1:1"
        [outbox]
        path = "{name}/outbox.db"
    """
    for at_start in (True, False):
        config = tmp_path / f"{at_start}.toml"
        config.write_text(text.format(name=at_start))
        loaded = load(config)
        path = loaded.outbox.path
        path.parent.mkdir()
        if at_start:
            path.write_bytes(b"this is no database at all" * 100)
        file = OutboxFile(path)
        agent = assemble(loaded, file)
        if not at_start:
            assert agent.node.facts["Agent/Problem"][1] == ""
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            await fill(agent.node.outbox, 1)
        assert agent.node.facts["Agent/Problem"][1] == "outbox_set_aside"
        await agent.close()
        await file.close()


@pytest.mark.faults
async def test_deleted_between_starts_is_a_new_epoch(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    epoch = file.outbox("n").epoch
    await file.close()
    (tmp_path / "o.db").unlink()
    file = OutboxFile(tmp_path / "o.db")
    assert file.outbox("n").epoch != epoch
    await file.close()


@pytest.mark.faults
@pytest.mark.parametrize("replaced", [False, True])
async def test_deleted_while_running_loses_nothing(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "o.db"
    file = OutboxFile(path)
    outbox = file.outbox("n")
    heard: list[int] = []
    outbox.on_new_epoch = lambda: heard.append(outbox.epoch)
    await fill(outbox, 5)
    epoch = outbox.epoch
    for name in ("o.db", "o.db-wal", "o.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    if replaced:
        path.write_bytes(b"something else")
    await fill(outbox, 2)
    assert outbox.epoch != epoch
    assert heard == [outbox.epoch]
    assert await bodies(outbox) == [b"0", b"1", b"2", b"3", b"4", b"0", b"1"]
    await file.close()
    file = OutboxFile(path)
    assert await bodies(file.outbox("n")) == [b"0", b"1", b"2", b"3", b"4", b"0", b"1"]
    await file.close()


@pytest.mark.faults
async def test_put_back_from_an_earlier_start_is_noticed_without_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    for start in range(3):
        file = OutboxFile(path)
        outbox = file.outbox("n")
        await fill(outbox, 2)
        epoch = outbox.epoch
        await file.close()
        if start == 0:
            shutil.copy(path, tmp_path / "copy")
    shutil.copy(tmp_path / "copy", path)  # same inode, old contents
    file = OutboxFile(path)
    outbox = file.outbox("n")
    assert outbox.epoch != epoch
    assert (outbox.position, await bodies(outbox)) == (2, [b"0", b"1"])
    await file.close()


@pytest.mark.faults
@pytest.mark.parametrize("with_token", [False, True])
async def test_a_clone_in_another_place_takes_an_epoch_of_its_own(tmp_path: Path, with_token: bool) -> None:
    (tmp_path / "b").mkdir()
    file = OutboxFile(tmp_path / "a" / "o.db")
    outbox = file.outbox("n")
    await fill(outbox, 2)
    epoch = outbox.epoch
    await file.close()
    shutil.copy(tmp_path / "a/o.db", tmp_path / "b/o.db")
    if with_token:
        shutil.copy(tmp_path / "a/o.db.generation", tmp_path / "b/o.db.generation")
    original, clone = OutboxFile(tmp_path / "a/o.db"), OutboxFile(tmp_path / "b/o.db")
    assert original.outbox("n").epoch == epoch
    assert clone.outbox("n").epoch != epoch
    await original.close()
    await clone.close()


@pytest.mark.faults
async def test_the_hub_unmasks_a_whole_machine_put_back(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    file = OutboxFile(path)
    outbox = file.outbox("n")
    await fill(outbox, 5)
    epoch = outbox.epoch
    await file.close()  # token and outbox agree with each other, as in an image of the disk
    file = OutboxFile(path)
    outbox = file.outbox("n")
    outbox.append("d", b"given before the hub answers")
    assert outbox.acknowledge(epoch, 9) is Answer.OLD_COPY
    assert outbox.append("d", b"meanwhile") is not None
    await file.flush()
    assert outbox.epoch != epoch
    assert len(await bodies(outbox)) == outbox.durable == 7
    assert outbox.acknowledge(epoch, 9) is Answer.OTHER_EPOCH
    await file.close()


async def test_an_answer_that_may_mean_somebody_else_is_not_believed(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "o.db")
    await fill(file.outbox("n"), 5)
    await file.close()
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    await fill(outbox, 5)
    outbox.sent(10)  # no answer in time, so it went out unproven
    assert outbox.acknowledge(outbox.epoch, 8) is Answer.OLD_COPY
    await file.close()


async def test_a_killed_start_is_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    file = OutboxFile(path)
    outbox = file.outbox("n")
    await fill(outbox, 2)
    epoch = outbox.epoch
    await file.close()
    token = (tmp_path / "o.db.generation").read_bytes()
    await OutboxFile(path).close()
    (tmp_path / "o.db.generation").write_bytes(token)  # killed between commit and token
    file = OutboxFile(path)
    assert file.outbox("n").epoch == epoch
    await file.close()


async def test_a_disk_that_refuses_is_tried_again_and_memory_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agents.held.PENDING_MOST", 20)
    file = OutboxFile(tmp_path / "o.db")
    outbox = file.outbox("n")
    await fill(outbox, 1)
    file._ledger._db.execute("PRAGMA max_page_count = 1")  # every write now finds the disk full
    big = bytes(60_000)
    given = [outbox.append("d", big) for _ in range(25)]
    assert given.count(None) == 5
    assert outbox.refused == 5
    while file._running is None:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert outbox.durable == 1
    file._ledger._db.execute("PRAGMA max_page_count = 100000000")
    await file.flush()
    assert outbox.durable == 21
    await file.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(EVENTS), max_size=40))
async def test_nothing_unstored_is_ever_forgotten(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Any order of events, images put back among them: what was forgotten is at the hub."""
    folder = tmp_path_factory.mktemp("life")
    path, copy = folder / "o.db", folder / "copy"
    hub: dict[int, dict[int, bytes]] = {}
    everything: set[bytes] = set()
    file = OutboxFile(path, commit_interval_ms=0)
    outbox = file.outbox("n", most=10_000)
    answered = outbox.known == 0

    def through(epoch: int) -> int:
        at = 0
        while at + 1 in hub.setdefault(epoch, {}):
            at += 1
        return at

    for number, step in enumerate(steps):
        if step == "append":
            body = f"{number}".encode()
            outbox.append("d", body)
            await file.flush()
            everything.add(body)
        elif step == "flush":
            await file.flush()
        elif step == "send" and answered:
            for entry in await outbox.held(1, 2**62):
                outbox.sent(entry.position)
                hub.setdefault(outbox.epoch, {}).setdefault(entry.position, entry.body)
        elif step == "answer":
            answer = outbox.acknowledge(outbox.epoch, through(outbox.epoch))
            await file.flush()
            answered = answer is not Answer.OTHER_EPOCH
        elif step == "renew":
            outbox.renew("test")
            await file.flush()
        elif step in ("restart", "copy", "restore"):
            await file.close()
            if step == "copy":
                shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=lambda *_: ["copy"])
            elif step == "restore" and copy.exists():
                held = {bytes(row[0]) for row in sqlite3.connect(path).execute("SELECT body FROM entry")}
                # what only the lost disk held is lost with it
                everything -= held - {body for stored in hub.values() for body in stored.values()}
                for name in ("o.db", "o.db.generation"):  # into the same inodes, as an image would
                    (folder / name).write_bytes((copy / name).read_bytes())
                everything |= {
                    bytes(row[0]) for row in sqlite3.connect(path).execute("SELECT body FROM entry")
                }
            file = OutboxFile(path, commit_interval_ms=0)
            outbox = file.outbox("n", most=10_000)
            answered = outbox.known == 0
        held = {entry.body for entry in await outbox.held(1, 2**62)}
        stored = {body for epoch in hub.values() for body in epoch.values()}
        assert everything <= held | stored
    await file.close()
