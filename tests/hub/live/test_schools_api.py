"""Schools over HTTP, on the hub's own application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from devices import province
from hub import web_role as composition
from hub.accounts import service as accounts
from hub.clock import now_ms, today
from hub.database import Database
from hub.events import Events
from hub.organisation import service as organisation
from hub.organisation.rules import RoomSeen
from hub.settings import Settings
from hub.wall.rules import DistrictFacts, SchoolFacts
from hub.web_role import build
from tests.hub.wall.documents import T0, alarm, device, node, put, put_alarm, uplink

ADMIN = {"Authorization": "Bearer demo-token-of-the-tests"}


@pytest.fixture
async def hub(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[FastAPI, list[SchoolFacts]]:
    """The application with six schools of one district, all well."""
    monkeypatch.setattr(composition, "entry_points", lambda group: ())
    async with database.write() as session:
        await organisation.seed_province(session, today())
        mine = [unit for unit in await organisation.schools(session, today()) if unit.district_code == "703"][
            :6
        ]
        await organisation.record_rooms(session, [RoomSeen(mine[0].code, "P101", "Phòng 101", "classroom")])
    settings = Settings(data_dir=tmp_path, demo=True, demo_token="demo-token-of-the-tests")
    app = build(settings, database, Events("mqtt://127.0.0.1:1", "test"))
    schools = [SchoolFacts(unit.code, unit.name, unit.levels[0], "703") for unit in mine]
    districts = [DistrictFacts(each.code, each.name, each.short) for each in province.districts()]
    app.state.inventory.organise(schools, districts)
    picture = app.state.picture
    picture.connected = True
    picture.message("hub/status/ingest/0", b'{"online": true}')
    for school in schools:
        put(picture, node(school.code))
        put(picture, uplink(school.code, 40))
        put(picture, device(school.code, "p101-air", CO2=800))
    return app, schools


@pytest.fixture
async def client(hub: tuple[FastAPI, list[SchoolFacts]]) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(hub[0])
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=ADMIN) as client:
        yield client


async def test_a_school_has_its_rooms_its_nodes_and_the_way_to_it(
    hub: tuple[FastAPI, list[SchoolFacts]], client: httpx.AsyncClient
) -> None:
    school = hub[1][0]
    found = (await client.get(f"/api/v1/schools/{school.code}")).json()
    assert found["school"] == {
        "code": school.code, "name": school.name, "level": school.level, "district": "703",
        "district_name": "Thành phố Tây Ninh",
    }  # fmt: skip
    assert (found["state"], found["alarms_open"]) == ("ok", 0)
    assert [(step["id"], step["state"]) for step in found["path"]] == [
        ("province", "ok"), ("district", "ok"), ("school_uplink", "ok"), ("agent", "ok"), ("devices", "ok"),
    ]  # fmt: skip
    assert found["path"][2]["detail_en"] == "40 % used, 12 ms"
    rooms = [(room["code"], room["name"], [d["device"] for d in room["devices"]]) for room in found["rooms"]]
    assert rooms == [("-", None, ["uplink"]), ("P101", "Phòng 101", ["p101-air"])]
    assert [each["node"] for each in found["nodes"]] == [f"{school.code}-a1"]
    missing = await client.get("/api/v1/schools/none")
    assert (missing.status_code, missing.json()["field"]) == (404, "code")


async def test_one_cut_line_is_the_schools_and_five_at_once_the_districts(
    hub: tuple[FastAPI, list[SchoolFacts]], client: httpx.AsyncClient
) -> None:
    app, schools = hub
    picture = app.state.picture
    put_alarm(
        picture, alarm("c0", schools[0].code, "critical", condition="school_down", node="-", device=None)
    )
    found = (await client.get(f"/api/v1/schools/{schools[0].code}")).json()
    assert (found["state"], found["since_ms"]) == ("down", T0)
    [broken] = [step for step in found["path"] if step["state"] == "down"]
    assert (broken["id"], broken["alarm_id"]) == ("school_uplink", "c0")
    for i, school in enumerate(schools[1:5], 1):
        put(picture, node(school.code, state="dead", reason="will"))
        cut = {**alarm(f"c{i}", school.code, "critical", condition="school_down", node="-", device=None)}
        put_alarm(picture, {**cut, "raised_ms": T0 + 1000 * i})
    found = (await client.get(f"/api/v1/schools/{schools[0].code}")).json()
    broken = next(step for step in found["path"] if step["state"] != "ok")
    assert (broken["id"], broken["detail_en"]) == (
        "district",
        "5 of 6 schools of the district went away at once",
    )
    listed = (await client.get("/api/v1/schools?state=down")).json()
    assert [item["code"] for item in listed["items"]] == [school.code for school in schools[:5]]
    assert {item["devices_online"] for item in listed["items"]} == {0}
    picture.connected = False
    found = (await client.get(f"/api/v1/schools/{schools[5].code}")).json()
    assert (found["state"], found["path"][0]["state"]) == ("ok", "unknown")


async def test_the_list_is_paged_filtered_and_scoped(
    hub: tuple[FastAPI, list[SchoolFacts]], client: httpx.AsyncClient, database: Database
) -> None:
    app, schools = hub
    put_alarm(app.state.picture, alarm("1", schools[2].code, "major"))
    page = (await client.get("/api/v1/schools?limit=4")).json()
    rest = (await client.get("/api/v1/schools", params={"cursor": page["next_cursor"]})).json()
    assert [s["code"] for s in page["items"] + rest["items"]] == [school.code for school in schools]
    assert (page["total"], rest["next_cursor"]) == (6, None)
    [troubled] = (await client.get("/api/v1/schools?state=degraded")).json()["items"]
    assert (troubled["code"], troubled["severity"], troubled["alarms_open"]) == (schools[2].code, "major", 1)
    assert len((await client.get("/api/v1/schools", params={"q": "hoa mi TAY ninh"})).json()["items"]) == 1
    assert (await client.get("/api/v1/schools?district=705")).json()["total"] == 0
    assert (await client.get("/api/v1/schools?state=broken")).status_code == 422
    async with database.write() as session:
        token = await accounts.create_token(
            session, "api", "one", now_ms(), role="technician", unit_code=schools[1].code
        )
    mine = {"Authorization": f"Bearer {token}"}
    listed = (await client.get("/api/v1/schools", headers=mine)).json()
    assert [item["code"] for item in listed["items"]] == [schools[1].code]
    assert (await client.get(f"/api/v1/schools/{schools[0].code}", headers=mine)).status_code == 404
    scoped = (await client.get("/api/v1/devices?sort=severity", headers=mine)).json()
    assert (scoped["total"], scoped["items"][0]["district"]) == (2, "703")
    facets = (await client.get("/api/v1/devices/facets?kind=uplink", headers=mine)).json()
    assert facets["districts"] == [{"code": "703", "name": "Thành phố Tây Ninh", "count": 1}]
    assert [(kind["id"], kind["count"]) for kind in facets["kinds"]] == [("room_air", 1), ("uplink", 1)]


async def test_a_device_is_shown_with_its_agent(
    hub: tuple[FastAPI, list[SchoolFacts]], client: httpx.AsyncClient
) -> None:
    app, schools = hub
    code = schools[0].code
    outbox = {"stored": 90, "position": 100, "waiting": 10, "lost": 0}
    put(app.state.picture, {**node(code), "software": "agent 1", "heard_ms": T0, "outbox": outbox})
    found = (await client.get(f"/api/v1/devices/{code}/{code}-a1/p101-air")).json()
    assert found["agent"] == {
        "node": f"{code}-a1", "presence": {"state": "born", "reason": "birth", "since_ms": T0},
        "software": "agent 1", "simulated": True, "clock_offset_ms": 3_600_000, "skew_ms": 4,
        "last_heard_ms": T0,
        "outbox": {"position": 100, "stored": 90, "first": 91, "unacknowledged": 10, "lost": 0},
    }  # fmt: skip
    [metric] = found["metrics"]
    assert (metric["name"], metric["label_en"], metric["unit"]) == ("CO2", "CO₂", None)
    assert (found["school_name"], found["severity"], found["suppressed"]) == (schools[0].name, None, False)
