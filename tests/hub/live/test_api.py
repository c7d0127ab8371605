"""Devices, nodes and status over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from hub.live import api
from hub.live.inventory import Inventory
from hub.live.picture import Picture
from hub.live.rules import unreachable
from hub.live.search import matches
from hub.live.tiles import icon, tile
from hub.web import problems
from hub.web.principal import PermissionName, Principal, Schools
from tests.hub.wall.documents import DISTRICTS, SCHOOLS, T0, alarm, device, node, put, put_alarm

A, B = "D703-THPT-01", "D706-TH-01"


def web(schools: Schools) -> httpx.AsyncClient:
    picture = Picture()
    for school in (A, B):
        put(picture, node(school))
        for i in range(3):
            put(
                picture, {**device(school, f"d{i}", Temperature=27.5, CO2=800), "name": f"Máy chiếu Đông {i}"}
            )
    put(picture, {**node("Lab"), "claimed": False, "metrics": {"Speed": {"value": 3, "unit": "m/s", "ts_ms": T0, "quality": "good", "severity": None}}})  # fmt: skip  # noqa: E501
    put(picture, {**device("Lab", "foreign"), "claimed": False})
    put_alarm(picture, alarm("1", A))
    put_alarm(picture, alarm("2", A, state="returned_unacknowledged", returned_ms=T0))
    put_alarm(picture, alarm("3", B, state="suppressed", suppressed_by="9"))
    picture.message("hub/status/ingest/0", b'{"online":true,"messages":5}')
    inventory = Inventory()
    picture.add_listener(inventory)
    inventory.organise(SCHOOLS, DISTRICTS)
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    names: tuple[PermissionName, ...] = ("devices.read", "status.read")
    who = Principal("lan", "Lan", "api", dict.fromkeys(names, schools))

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return who, False

    app.state.authenticate, app.state.picture, app.state.now_ms = authenticate, picture, lambda: T0
    app.state.inventory = inventory

    async def wanted_of(key: tuple[str, str, str]) -> dict[str, str]:
        return {"Power": "on"}

    app.state.wanted_of = wanted_of
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")


async def test_devices_are_listed_page_by_page() -> None:
    async with web(None) as client:
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await client.get(f"/api/v1/devices?limit=2{cursor}")).json()
            seen += [f"{item['group']}/{item['device']}" for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == [f"{g}/d{i}" for g in (A, B) for i in range(3)] + ["Lab/foreign"]
        assert (await client.get("/api/v1/devices?cursor=x")).status_code == 422


async def test_filters_ignore_vietnamese_marks() -> None:
    async with web(None) as client:
        found = (await client.get("/api/v1/devices", params={"q": "may CHIEU dong d1", "group": A})).json()[
            "items"
        ]
        assert [item["device"] for item in found] == ["d1"]
        assert (await client.get(f"/api/v1/devices?node={B}-a1&q=nothing")).json()["items"] == []
    assert matches("đông may", "Máy chiếu Đông")
    assert not matches("tay", "Máy chiếu", None)


async def test_detail_has_metrics_and_unknown_is_404() -> None:
    async with web(None) as client:
        detail = (await client.get(f"/api/v1/devices/{A}/{A}-a1/d0")).json()
        metric = detail["metrics"][0]
        assert metric | {"limits": []} == {
            "name": "Temperature", "value": 27.5, "unit": None, "ts_ms": T0, "quality": "good",
            "severity": None, "label_vi": "Nhiệt độ", "label_en": "Temperature", "decimals": 1, "limits": [],
            "states": [],
        }  # fmt: skip
        assert metric["limits"][0].keys() >= {"severity", "above", "title_vi"}
        assert detail["presence"]["state"] == "born"
        missing = await client.get(f"/api/v1/devices/{A}/{A}-a1/none")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


async def test_a_device_is_shown_in_one_line() -> None:
    async with web(None) as client:
        detail = (await client.get(f"/api/v1/devices/{A}/{A}-a1/d0")).json()
        listed = (await client.get("/api/v1/devices")).json()["items"]
        assert listed[0]["tile"] == detail["tile"]
        assert detail["icon"] == "room_air"
        assert [(m["name"], m["value"], m["quality"]) for m in detail["tile"]] == [
            ("CO2", 800, "good"), ("Temperature", 27.5, "good"), ("Occupancy", None, "bad"),
            ("Humidity", None, "bad"),
        ]  # fmt: skip
        assert set(detail["tile"][0]) >= {"name", "value", "unit", "quality", "severity"}


def test_of_an_unknown_kind_the_first_four_metrics_are_shown() -> None:
    heats: dict[str, Any] = {f"Heat {i}": i for i in range(6)}
    strange = device(A, "kiln", kind="kiln", **heats)
    assert [(metric["name"], metric["value"]) for metric in tile(strange)] == [
        (f"Heat {i}", i) for i in range(4)
    ]
    assert (icon(strange), icon({**strange, "kind": None})) == ("device", "device")


async def test_unclaimed_nodes_show_their_metrics() -> None:
    async with web(None) as client:
        [found] = (await client.get("/api/v1/nodes?claimed=false")).json()["items"]
        assert (found["group"], found["devices"], found["metrics"][0]["value"]) == ("Lab", ["foreign"], 3)
        page = (await client.get("/api/v1/nodes?limit=2")).json()
        assert [item["group"] for item in page["items"]] == [A, B]
        rest = (await client.get(f"/api/v1/nodes?cursor={page['next_cursor']}")).json()
        assert [item["group"] for item in rest["items"]] == ["Lab"]
        one = (await client.get(f"/api/v1/nodes/{A}/{A}-a1")).json()
        assert (one["devices_online"], one["clock_offset_ms"]) == (3, 3_600_000)


async def test_only_the_schools_of_the_asker_are_seen() -> None:
    async with web(frozenset({B})) as client:
        items = (await client.get("/api/v1/devices")).json()["items"]
        assert {item["group"] for item in items} == {B}
        assert (await client.get(f"/api/v1/devices/{A}/{A}-a1/d0")).status_code == 404
        assert (await client.get("/api/v1/nodes/Lab/Lab-a1")).status_code == 404
        assert (await client.get("/api/v1/devices?limit=1001")).status_code == 422


async def test_status_counts() -> None:
    async with web(None) as client:
        found = (await client.get("/api/v1/status")).json()
        assert (found["devices"], found["nodes"], found["nodes_unclaimed"]) == (7, 3, 1)
        alarms = {name.removeprefix("alarms_"): n for name, n in found.items() if name.startswith("alarms_")}
        expected = {
            "open": 2,
            "unacknowledged": 1,
            "returned": 1,
            "suppressed": 1,
            "shelved": 0,
            "flapping": 0,
        }
        assert alarms == expected
        assert found["ingest"] == {"0": {"online": True, "messages": 5}}


async def test_status_of_one_school_tells_nothing_of_the_others() -> None:
    async with web(frozenset({B})) as client:
        found = (await client.get("/api/v1/status")).json()
        assert (found["devices"], found["devices_online"], found["nodes"]) == (3, 3, 1)
        assert (found["nodes_unclaimed"], found["alarms_open"], found["alarms_suppressed"]) == (0, 0, 1)
        assert found["ingest"] == {}


def test_nothing_is_online_behind_a_broken_line_or_a_dead_node() -> None:
    down = alarm("9", A, condition="school_down")
    nodes = [node(A), node(B, state="dead", reason="will"), node("C"), node("C", state="dead", reason="will")]
    assert unreachable(nodes, [down]) == {A, B}
    assert unreachable(nodes, [{**down, "returned_ms": T0}]) == {B}
