"""What the wall counts is what the list shows."""

from __future__ import annotations

import random

import pytest

from devices.kind import Severity
from hub.alarms.alarm import Plain, Subject
from hub.alarms.rules import Watch
from hub.database import Database
from tests.hub.alarms.hub_of_alarms import HubOfAlarms
from tests.hub.alarms.test_book import LEAK, LINK
from tests.hub.alarms.test_flapping import DOOR
from tests.hub.wall.documents import SCHOOLS, T0, node, put


@pytest.mark.parametrize("seed", [1])
async def test_wall_status_facets_and_list_agree(database: Database, seed: int) -> None:
    """Alarms rise, flap, are cut off, taken on and shelved at random; all four always count the same."""
    dice, hub = random.Random(seed), HubOfAlarms(database)
    watches: list[tuple[Watch | None, list[Plain]]] = []
    for school in (s.code for s in SCHOOLS):
        put(hub.picture, node(school))
        uplink = Subject(school, "-", f"{school}-a1", "uplink", "uplink")
        watches.append((hub.book.watch(uplink, LINK), [True, True, False]))
        for number in range(6):
            air = Subject(school, f"P{number}", f"{school}-a1", f"air-{number}", "room_air")
            watches.append((hub.book.watch(air, LEAK), [True, False]))
            watches.append((hub.book.watch(air, DOOR), [0, 2, 9]))
    seen: set[str] = set()
    for _ in range(8):
        for _ in range(40):
            hub.now_ms += dice.randrange(1, 8_000)
            watch, values = dice.choice(watches[: dice.choice((3, len(watches)))])
            assert watch is not None
            hub.book.observe(watch, dice.choice(values), hub.now_ms, hub.now_ms)
        await hub.tell()
        names = [name for name, alarm in hub.book.open().items() if dice.random() < 0.2]
        if names:
            await hub.client.post("/alarms/acknowledge", json={"ids": names})
            for name in names[:3]:
                await hub.client.post(f"/alarms/{name}/shelve", json={"hours": 0.1, "why": "x"})
        await hub.tell()
        seen |= await agreed(hub)
    assert seen >= {"open", "acknowledged", "returned", "suppressed", "shelved", "flapping"}
    assert hub.now_ms > T0


async def agreed(hub: HubOfAlarms) -> set[str]:
    """Compares the four; gives which of the words were not zero."""
    hub.walls.feed(None).step(float(hub.now_ms), hub.now_ms)
    figures = (await hub.get("/wall/main"))["figures"]
    status = await hub.get("/status")
    facets = await hub.get("/alarms/facets")
    listed = {
        "open": len(await hub.pages(open="true")),
        "unacknowledged": len(await hub.pages(state="unacknowledged")),
        "returned": len(await hub.pages(state="returned_unacknowledged")),
        "suppressed": len(await hub.pages(state="suppressed")),
        "shelved": len(await hub.pages(state="shelved")),
        "flapping": len(await hub.pages(state="open", flapping="true")),
    }
    for name, count in listed.items():
        assert (name, figures[f"alarms_{name}"]) == (name, count)
        assert (name, status[f"alarms_{name}"]) == (name, count)
        assert (name, facets[name]) == (name, count)
    by_severity = {s.value: len(await hub.pages(state="open", severity=s.value)) for s in Severity}
    assert figures["alarms_by_severity"] == facets["by_severity"] == by_severity
    assert len(await hub.pages(state="standing")) == facets["standing"]
    standing = {s.value: len(await hub.pages(state="standing", severity=s.value)) for s in Severity}
    assert figures["alarms_standing_by_severity"] == facets["standing_by_severity"] == standing
    assert sum(standing.values()) + figures["alarms_returned"] == figures["alarms_open"]
    return {name for name, count in facets.items() if count}
