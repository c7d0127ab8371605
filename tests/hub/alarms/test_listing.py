"""Finding alarms over HTTP, on both engines, and deciding about them."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

from devices.kind import Severity
from hub.alarms import service
from hub.alarms.alarm import AlarmState
from hub.database import Database, insert_into
from hub.organisation.tables import Unit
from hub.registry.tables import Node
from tests.hub.alarms.hub_of_alarms import HubOfAlarms, made, store
from tests.hub.alarms.test_book import AIR, LEAK
from tests.hub.wall.documents import SCHOOLS, T0

A, B = (school.code for school in SCHOOLS)
DAY = 86_400_000


async def organised(database: Database) -> None:
    units = [
        {"code": s.code, "name": s.name, "kind": "school", "levels": [s.level], "district_code": s.district,
         "valid_from": date(2020, 1, 1), "valid_to": None}
        for s in SCHOOLS
    ]  # fmt: skip
    nodes = [{"group_code": "Xưởng", "node": "plc-7", "claimed_school": B, "first_seen_ms": T0}]
    async with database.write() as session:
        await session.execute(insert_into(session, Unit), units)
        await session.execute(insert_into(session, Node), nodes)


async def test_filters_words_and_both_orders(database: Database) -> None:
    await organised(database)
    await store(
        database,
        made("1", A, severity=Severity.MINOR, raised_ms=T0 + 5),
        made("2", A, severity=Severity.CRITICAL, raised_ms=T0 + 1, title_vi="Máy chiếu quá nóng"),
        made("3", B, node="plc-7", device="bom", kind="pump", raised_ms=T0 + 3),
        made("4", B, state=AlarmState.SHELVED, raised_ms=T0 + 4),
        made("5", A, state=AlarmState.NORMAL, raised_ms=T0 + 2, returned_ms=T0 + 9, acknowledged_ms=T0 + 8),
    )
    hub = HubOfAlarms(database)

    async def found(**wanted: object) -> str:
        return "".join(item["id"] for item in await hub.pages(**wanted))

    assert await found() == "132"
    assert await found(sort="severity") == "231"
    assert await found(open="false") == "5"
    assert await found(state="all") == "14352"
    assert await found(state="shelved") == "4"
    assert await found(state="shelved", open="true") == ""
    assert await found(severity="critical") == "2"
    assert await found(district="703", state="all") == "152"
    assert await found(group="Xưởng", node="plc-7") == "3"
    assert await found(group=A, node="plc-7") == ""
    assert await found(device="bom", kind="pump") == "3"
    assert await found(since=T0 + 3, until=T0 + 5, state="all") == "43"
    assert await found(q="MAY chieu NONG") == "2"
    assert await found(q="tan hoi bom") == "3"  # the school's name, and the device
    assert await found(q="100%") == ""
    counts = await hub.get("/alarms/facets", q="tan hoi")
    assert (counts["open"], counts["shelved"], counts["by_severity"]["major"]) == (1, 1, 1)
    assert (await hub.get("/alarms/facets"))["closed"] == 0, "a year of them is not counted unless asked for"
    assert (await hub.get("/alarms/facets", open="false"))["closed"] == 1
    assert (
        await hub.client.get("/alarms", params={"cursor": "WzEsIngiXQ", "sort": "severity"})
    ).status_code == 422


async def test_paging_is_stable_while_alarms_come(database: Database) -> None:
    dice = random.Random(3)
    alarms = [
        made(f"{n:03}", raised_ms=T0 + dice.randrange(5), severity=dice.choice(list(Severity)))
        for n in range(60)
    ]
    await store(database, *alarms)
    hub = HubOfAlarms(database)
    for sort in ("newest", "severity"):
        first = await hub.get("/alarms", sort=sort, limit=25)
        await store(database, made(f"new-{sort}", raised_ms=T0 + 100, severity=Severity.CRITICAL))
        second = await hub.get("/alarms", sort=sort, limit=500, cursor=first["next_cursor"])
        seen = [item["id"] for item in first["items"] + second["items"] if not item["id"].startswith("new")]
        assert sorted(seen) == [alarm.id for alarm in alarms]


async def test_by_severity_what_stands_comes_before_what_is_over(database: Database) -> None:
    over: dict[str, Any] = {"state": AlarmState.RETURNED_UNACKNOWLEDGED, "returned_ms": T0 + 50}
    await store(
        database,
        made("1", severity=Severity.CRITICAL, raised_ms=T0 + 9, **over),
        made("2", severity=Severity.MINOR, raised_ms=T0 + 1),
        made("3", severity=Severity.MAJOR, raised_ms=T0 + 2),
        made("4", severity=Severity.MINOR, raised_ms=T0 + 3),
        made("5", severity=Severity.MINOR, raised_ms=T0 + 4, **over),
    )
    hub = HubOfAlarms(database)

    async def found(**wanted: object) -> str:
        """Ask page by page, two on each."""
        page = await hub.get("/alarms", sort="severity", limit=2, **wanted)
        items = list(page["items"])
        while page["next_cursor"]:
            page = await hub.get("/alarms", sort="severity", limit=2, cursor=page["next_cursor"], **wanted)
            items += page["items"]
        return "".join(item["id"] for item in items)

    assert await found() == "34215"
    assert await found(state="all") == "34215"
    assert await found(state="unacknowledged") == "342"


async def test_many_are_acknowledged_at_once_and_the_refused_are_named(database: Database) -> None:
    await store(database, made("1"), made("2", state=AlarmState.SUPPRESSED, suppressed_by="1"), made("3", B))
    hub = HubOfAlarms(database, frozenset({A}))
    answer = await hub.client.post("/alarms/acknowledge", json={"ids": ["1", "2", "3", "9"], "comment": "ok"})
    said = answer.json()
    assert [alarm["id"] for alarm in said["acknowledged"]] == ["1"]
    assert {one["id"]: one["detail"].split(",")[0] for one in said["refused"]} == {
        "2": "there is nothing to acknowledge", "3": "there is no such alarm", "9": "there is no such alarm",
    }  # fmt: skip
    assert hub.decided == ["1"]


async def test_a_shelf_begins_and_ends_with_its_reason_in_the_history(database: Database) -> None:
    hub = HubOfAlarms(database)
    watch = hub.book.watch(AIR, LEAK)
    assert watch is not None
    hub.book.observe(watch, True, T0, T0)
    await hub.tell()
    [name] = hub.book.open()

    async def post(what: str, **body: object) -> int:
        hub.now_ms += 1_000
        answer = await hub.client.post(f"/alarms/{name}/{what}", json=body)
        await hub.tell()
        return answer.status_code

    assert await post("shelve", hours=2, why="") == 422
    assert await post("shelve", hours=2, why="Đang sửa ống nước") == 200
    assert hub.book.open()[name].state is AlarmState.SHELVED
    assert await post("acknowledge", comment="") == 409
    hub.book.observe(watch, False, hub.now_ms, hub.now_ms)
    await hub.tell()
    assert await hub.pages() == []
    hub.book.observe(watch, True, hub.now_ms, hub.now_ms)
    await hub.tell()
    assert [alarm["id"] for alarm in await hub.pages(state="shelved")] == [name]
    assert await post("comments", text="thợ đã tới") == 201
    assert await post("comments", text="  ") == 422
    assert await post("unshelve") == 200
    assert await post("unshelve") == 409
    assert [(a["id"], a["state"]) for a in await hub.pages()] == [(name, "unacknowledged")]
    assert hub.book.open()[name].state is AlarmState.UNACKNOWLEDGED
    assert await post("shelve", hours=1, why="lại nhiễu") == 200
    hub.now_ms += 3_600_000
    await hub.tell()
    assert [(a["id"], a["state"]) for a in await hub.pages()] == [(name, "unacknowledged")]
    events = (await hub.get(f"/alarms/{name}"))["events"]
    assert [(e["event"], e["by"], e["text"]) for e in events] == [
        ("raised", None, None), ("shelved", "Lê Lan", "Đang sửa ống nước"), ("returned", None, None),
        ("reactivated", None, None), ("commented", "Lê Lan", "thợ đã tới"), ("unshelved", "Lê Lan", None),
        ("shelved", "Lê Lan", "lại nhiễu"), ("unshelved", None, None),
    ]  # fmt: skip


async def test_what_ingest_has_not_heard_of_yet_does_not_undo_a_shelf(database: Database) -> None:
    hub = HubOfAlarms(database)
    watch = hub.book.watch(AIR, LEAK)
    assert watch is not None
    hub.book.observe(watch, True, T0, T0)
    await hub.tell()
    [name] = hub.book.open()
    hub.now_ms += 1_000
    await hub.client.post(f"/alarms/{name}/shelve", json={"hours": 1, "why": "x"})
    heard, hub.decided = hub.decided, []
    hub.book.observe(watch, False, hub.now_ms, hub.now_ms)
    await hub.tell()
    assert [a["id"] for a in await hub.pages(state="shelved")] == [name]
    hub.decided = heard
    await hub.tell()
    assert hub.book.open()[name].state is AlarmState.SHELVED


async def test_history_is_forgotten_long_after_its_end_and_open_alarms_never(database: Database) -> None:
    closed: dict[str, Any] = {"state": AlarmState.NORMAL, "acknowledged_ms": T0}
    await store(
        database, made("old", **closed), made("open"), made("young", raised_ms=T0 + 2 * DAY, **closed)
    )
    async with database.write() as session:
        assert await service.forget_closed(session, T0 + DAY) == 1
        assert await service.forget_closed(session, T0 + DAY) == 0
    hub = HubOfAlarms(database)
    assert [alarm["id"] for alarm in await hub.pages(state="all")] == ["young", "open"]
    assert (await hub.client.get("/alarms/old")).status_code == 404
