"""What the hub keeps of findings, on both engines."""

import json
from typing import Any

from hub.database import Database
from hub.discovery import service
from hub.discovery.tables import Proposal
from hub.fleet import service as fleet

KEY = ("D703-THPT-02", "a1")


def said(*entries: dict[str, Any]) -> str:
    return json.dumps({"at_ms": 1, "found": entries})


def projector(**more: Any) -> dict[str, Any]:
    options = {"host": more.get("address", "10.1.1.7")}
    return {
        "method": "pjlink",
        "protocol": "pjlink",
        "address": "10.1.1.7",
        "kind": "projector",
        "options": options,
    } | more


async def rows(database: Database, **wanted: Any) -> list[Proposal]:
    asked = {"school": None, "node": None, "state": None, "before_id": None, "limit": 99} | wanted
    async with database.read() as session:
        return [row for row, _ in await service.page(session, None, **asked)]


async def take(database: Database, text: str, at_ms: int) -> None:
    async with database.write() as session:
        await service.take(session, KEY, text, at_ms, at_ms)


async def test_the_same_thing_found_twice_is_one_proposal_that_is_seen_later(database: Database) -> None:
    await take(database, said(projector(), projector(address="10.1.1.8", serial="S8")), 1000)
    await take(database, said(projector(name="EPSON"), projector(address="10.1.1.9", serial="S8")), 2000)
    moved, first = await rows(database)
    assert (first.address, first.name, first.first_ms, first.seen_ms) == ("10.1.1.7", "EPSON", 1000, 2000)
    assert (moved.address, moved.first_ms) == ("10.1.1.9", 1000), "it has another address now"
    await take(database, said(projector(address="10.1.1.9", serial="S9")), 3000)
    assert len(await rows(database)) == 3, "another one at its place is another thing"


async def test_dismissed_stays_dismissed_and_a_claimed_one_that_is_no_device_any_more_is_open(
    database: Database,
) -> None:
    await take(database, said(projector(), projector(address="10.1.1.8")), 1000)
    async with database.write() as session:
        for row, device in zip(await rows(database), ("p1", ""), strict=True):
            mine = await service.find(session, row.id, None)
            assert mine is not None
            mine[0].state, mine[0].device = ("claimed", device) if device else ("dismissed", "")
        await fleet.add_configuration(session, KEY, {"devices": [{"id": "p1"}]}, "me", 1)
    await take(database, said(projector(), projector(address="10.1.1.8")), 2000)
    assert [row.state for row in await rows(database)] == ["claimed", "dismissed"]
    async with database.write() as session:
        await fleet.add_configuration(session, KEY, {"devices": []}, "me", 2)
    await take(database, said(projector(), projector(address="10.1.1.8")), 3000)
    assert [(row.state, row.device) for row in await rows(database)] == [("open", ""), ("dismissed", "")]


async def test_who_may_see_which_and_what_is_forgotten(database: Database) -> None:
    await take(database, said(projector()), 1000)
    (row,) = await rows(database, school="D703-THPT-02", node="a1", state="open")
    assert await rows(database, school="D703-THPT-03") == []
    async with database.read() as session:
        assert await service.find(session, row.id, frozenset({"D703-THPT-03"})) is None
        seen = await service.find(session, row.id, frozenset({"D703-THPT-02"}))
        assert seen is not None
        assert seen[1] == "D703-THPT-02"
    async with database.write() as session:
        await service.forget_old(session, 1001)
    assert await rows(database) == []
