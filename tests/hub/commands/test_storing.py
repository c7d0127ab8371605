"""What the dispatcher reads and writes, on both engines; and that only a leader writes."""

from dataclasses import replace

import pytest

from hub.commands import rules, service, storing
from hub.commands.rules import Refusal, Seen, State
from hub.commands.service import Asking, Order, Target
from hub.control import ControlRole
from hub.database import Database
from hub.errors import Conflict

NOW_MS = 1_795_000_000_000
HERE = Seen(present=True, proves=True, value="off", ts_ms=5, is_good=True)


def order(number: int, value: str = "on", refusal: Refusal | None = None) -> Order:
    return Order(Target(("S", "a1", f"p{number}"), "S", "P1", "", "projector"), "power", value, refusal)


async def test_a_group_is_queued_sent_counted_and_ended(database: Database) -> None:
    asking = Asking("group", "lan", NOW_MS, client_id="once")
    about = {
        "title": "x", "unit": "S", "school": "S", "room": None, "room_type": None, "kind": "projector",
        "command": "power", "value": "on", "scene": None, "rate_per_s": 2, "abort_percent": 20,
    }  # fmt: skip
    orders = [*map(order, range(5)), order(5, refusal=Refusal("interlock_open", "open"))]
    for is_first in (True, False):
        async with database.write() as session:
            group, is_new = await service.give_many(
                session, service.new_group(asking, len(orders), **about), orders, asking
            )
            assert is_new is is_first
    async with database.read() as session:
        found = await storing.active(session)
        assert [pending.key[2] for pending in found] == ["p0", "p1", "p2", "p3", "p4"], "in their order"
        assert [one.id for one in await storing.running(session)] == [group.id]
        assert await storing.by_ids(session, {found[3].life.id}) == [found[3]]
    async with database.write() as session:
        row = await service.find(session, found[0].life.id, None)
        await service.cancel(session, row, NOW_MS + 1)
        with pytest.raises(Conflict):
            await service.cancel(session, row, NOW_MS + 2)
    async with database.write() as session:
        there = await storing.still_queued(session, [pending.life.id for pending in found])
        assert there == {pending.life.id for pending in found[1:]}
        sent = [rules.sent(pending.life, HERE, NOW_MS + 10) for pending in found[1:3]]
        ended = replace(sent[0], state=State.SUCCEEDED, ended_ms=NOW_MS + 20, observed="on")
        await storing.save(session, [ended, sent[1]])
        for value in ("off", "on"):  # the newest counts
            life = replace(ended, value=value)
            await storing.want(session, [replace(found[1], life=life)], NOW_MS + 1000)
    async with database.write() as session:
        assert await storing.counts(session, group.id) == storing.Counts(3, 1, 1, 1)
        [wish] = (await storing.wishes(session)).items()
        assert wish == ((("S", "a1", "p1"), "Power"), rules.Wish("on", NOW_MS + 1000))
        await storing.note_drift(session, {wish[0]: replace(wish[1], drift_ms=NOW_MS + 50)})
        await storing.end_batch(session, group.id, "aborted", "too_many_failures", NOW_MS + 60)
    async with database.write() as session:
        [wanted] = await service.wanted_of(session, ("S", "a1", "p1"), NOW_MS)
        assert wanted.drift_since_ms == NOW_MS + 50
        assert await storing.active(session) == [replace(found[2], life=sent[1])], "what is sent goes on"
        assert await storing.running(session) == []
        await storing.forget_wishes(session, NOW_MS + 1000)
        assert await storing.wishes(session) == {}
        await service.forget_old(session, NOW_MS + 10**9)
        assert await storing.active_ids(session) == set(), "a group is forgotten with its commands"


async def test_only_the_leader_holds_the_lease(database: Database) -> None:
    role, other = (ControlRole(database, lambda: NOW_MS) for _ in range(2))
    async with database.write() as session:
        assert not await role.hold(session), "nobody becomes the leader by asking"
    await role._step()
    async with database.write() as session:
        assert await role.hold(session)
    other.leading = True  # as one that was stopped for a while believes
    async with database.write() as session:
        assert not await other.hold(session)
    assert not other.leading
