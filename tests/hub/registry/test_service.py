"""What ingest records is stored once, whatever happens twice, on both engines."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from hub.database import Database
from hub.registry import service
from hub.registry.rules import Claim, DeviceSeen, NodeSeen, PresenceChange, Quarantined
from hub.registry.tables import Device, Node, PresenceEvent, Quarantine

NODE = NodeSeen("D703-THPT-02", "D703-THPT-02-a1", 1_000, claimed_school="D703-THPT-02", software="agent 1")
DEVICE = DeviceSeen(NODE.group, NODE.node, "p101-air", "room_air", "P101", "Không khí", claimed=True)
FOREIGN = NodeSeen("line", "plc", 5)
POISON = Quarantined(7, "g", "n", "", "spBv1.0/g/NDATA/n", "malformed", "what", b"\x00\xff", "e:1")


async def test_seen_twice_is_stored_once_and_the_newest_birth_wins(database: Database) -> None:
    for node, device in (
        (NODE, DEVICE),
        (
            replace(NODE, first_seen_ms=2_000, software="agent 2", simulated=True),
            replace(DEVICE, room="P102"),
        ),
        (replace(NODE, first_seen_ms=500, software="agent 2", simulated=True), replace(DEVICE, room="P102")),
    ):
        async with database.write() as session:
            await service.record_nodes(session, [node, FOREIGN, node])
            await service.record_devices(session, [device, device])
    async with database.read() as session:
        stored = await session.get_one(Node, (NODE.group, NODE.node))
        assert (stored.first_seen_ms, stored.software, stored.simulated) == (500, "agent 2", True)
        assert (await session.get_one(Device, (NODE.group, NODE.node, "p101-air"))).room_code == "P102"
        assert await service.claims(session) == {(NODE.group, NODE.node): Claim(NODE.group)}
        assert await service.rooms_in_use(session) == [(NODE.group, "P102")]


async def test_a_room_that_a_person_chose_stays(database: Database) -> None:
    device = DeviceSeen("line", "plc", "pump", claimed=False)
    async with database.write() as session:
        await service.record_nodes(session, [FOREIGN, NODE])
        await service.record_devices(session, [device, DEVICE, replace(DEVICE, device="p101-light")])
        assert await service.claim_node(session, "line", "plc", Claim("S", "P9"))
        assert not await service.claim_node(session, "line", "none", Claim("S", "P9"))
    async with database.write() as session:
        await service.record_nodes(session, [FOREIGN])
        await service.record_devices(session, [replace(device, room="P1"), replace(DEVICE, room="P102")])
    async with database.read() as session:
        stored = await session.get_one(Device, ("line", "plc", "pump"))
        assert (stored.room_code, stored.claimed) == ("P9", True)
        assert (await session.get_one(Device, (NODE.group, NODE.node, "p101-air"))).room_code == "P102"
        assert await service.node_claim(session, "line", "plc") == Claim("S", "P9")


async def test_presence_and_quarantine_are_stored_once(database: Database) -> None:
    born = PresenceChange("g", "n", "", "born", "birth", 1)
    for _ in range(2):
        async with database.write() as session:
            await service.record_presence(session, [born, replace(born, state="dead"), born])
            await service.record_quarantine(session, [POISON, replace(POISON, journal_key="e:2"), POISON])
    async with database.write() as session:
        assert await session.scalar(select(func.count()).select_from(PresenceEvent)) == 2
        assert await session.scalar(select(func.count()).select_from(Quarantine)) == 2
        (first, _) = sorted((await session.execute(select(Quarantine.id))).scalars())
        assert await service.quarantined_payloads(session, [first]) == {first: (POISON.topic, POISON.payload)}
        await service.mark_replayed(session, [first], 9)
        assert (await session.get_one(Quarantine, first)).replayed_ms == 9
        await service.forget_old(session, presence_before_ms=2, quarantine_before_ms=8)
        assert await session.scalar(select(func.count()).select_from(Quarantine)) == 0


@pytest.mark.parametrize("text", ["a\x00b", "x" * 70_000, "", "Trường Mầm non Họa Mi"])
async def test_hostile_texts_never_fail_a_batch(database: Database, text: str) -> None:
    async with database.write() as session:
        hostile = replace(POISON, topic=text, detail=text, group=text, node=text, device=text, reason="topic")
        await service.record_quarantine(session, [hostile])
        await service.record_nodes(session, [replace(NODE, software=text)])
        await service.record_nodes(session, [replace(NODE, node=text)])
        await service.record_devices(session, [replace(DEVICE, name=text, kind=text, room=text)])
        await service.record_devices(session, [replace(DEVICE, name=text, kind=text, room=text)])
        await service.record_presence(session, [PresenceChange("g", "n", text, "born", text, 1)])


async def test_nothing_to_record_is_nothing_to_do(database: Database) -> None:
    async with database.write() as session:
        await service.record_nodes(session, [])
        await service.record_devices(session, [])
        await service.record_presence(session, [])
        await service.record_quarantine(session, [])
