"""The organisation over HTTP, on both engines: any day, its changes, its status and its counts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select

from hub import web_role as composition
from hub.accounts import service as accounts
from hub.clock import now_ms, today
from hub.database import Database
from hub.events import Events
from hub.organisation import service
from hub.organisation.rules import RoomSeen
from hub.organisation.tables import Headcount, Placement, UnitChange
from hub.settings import Settings
from hub.web_role import build
from tests.hub.wall.documents import alarm, device, node, put, put_alarm

ADMIN = {"Authorization": "Bearer demo-token-of-the-tests"}
UNITS = "/api/v1/organisation/units"
CHANGES = "/api/v1/organisation/changes"
SCHOOL, OTHER = "D703-TH-01", "D703-TH-02"


@pytest.fixture
async def app(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(composition, "entry_points", lambda group: ())
    async with database.write() as session:
        await service.seed_province(session, today())
        rooms = [
            RoomSeen(school, code, f"Phòng {code}") for school in (SCHOOL, OTHER) for code in ("P1", "P2")
        ]
        await service.record_rooms(session, rooms)
    settings = Settings(data_dir=tmp_path, demo=True, demo_token="demo-token-of-the-tests")
    return build(settings, database, Events("mqtt://127.0.0.1:1", "test"))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://hub", headers=ADMIN
    ) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def change(client: httpx.AsyncClient, **wanted: Any) -> Any:
    answer = await client.post(CHANGES, json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_g1_a_room_goes_offline_and_every_level_says_so(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    districts = await get(client, UNITS, kind="district")
    schools = await get(client, "/api/v1/organisation/schools", limit=1000)
    assert len(districts["items"]) == 9
    assert len([each for each in schools["items"] if each["kind"] == "school"]) == 445
    picture = app.state.picture
    put(picture, node(SCHOOL))
    for room in ("P1", "P2"):
        put(picture, device(SCHOOL, f"{room}-air", room=room))

    async def levels() -> list[dict[str, Any]]:
        rooms = await get(client, "/api/v1/organisation/rooms", school=SCHOOL)
        found = [next(room for room in rooms["items"] if room["code"] == "P1")["status"]]
        for unit in (SCHOOL, "703", "SGDDT"):
            found.append((await get(client, f"{UNITS}/{unit}"))["status"])  # noqa: PERF401
        return found

    before = await levels()
    assert [each["online"] for each in before] == [1, 2, 2, 2]
    put(picture, device(SCHOOL, "P1-air", room="P1", state="dead"))
    put_alarm(picture, {**alarm("a1", SCHOOL, "major", device="P1-air"), "room": "P1"})
    after = await levels()
    assert [(each["online"], each["offline"], each["alarms"]["major"], each["worst"]) for each in after] == [
        (0, 1, 1, "major"), *3 * [(1, 1, 1, "major")],
    ]  # fmt: skip
    children = await get(client, f"{UNITS}/SGDDT/children", limit=100)
    by_code = {each["code"]: each for each in children["items"]}
    assert by_code["703"]["status"]["offline"] == 1
    assert by_code["705"]["status"]["offline"] == 0
    assert by_code["703"]["status"]["rooms"] == 4
    assert sum(by_code[each["code"]]["status"]["schools"] for each in districts["items"]) > 400


async def test_t09_t10_counts_of_pupils_and_teachers_and_nobody_s_name(
    client: httpx.AsyncClient, database: Database
) -> None:
    columns = set(Headcount.__table__.columns.keys())
    assert columns == {"unit_code", "as_of", "pupils", "pupils_with_id", "teachers", "teachers_with_record",
                       "source", "changed_ms"}  # fmt: skip
    counted = {"as_of": "2026-09-05", "pupils": 1000, "pupils_with_id": 1000, "teachers": 100,
               "teachers_with_record": 99, "source": "CSDL ngành"}  # fmt: skip
    put = await client.put(f"{UNITS}/{SCHOOL}/counts", json=counted)
    assert put.status_code == 200, put.text
    [row] = (await get(client, "/api/v1/organisation/counts", unit=SCHOOL))["items"]
    assert (row["percent_pupils"], row["met_pupils"]) == (100, True)
    assert (row["percent_teachers"], row["met_teachers"], row["met"]) == (99, False, False)
    totals = (await get(client, "/api/v1/organisation/counts", unit="703"))["totals"]
    assert (totals["pupils"], totals["reported"]) == (1000, 1)
    assert totals["met_pupils"] is False, "schools that have not reported are not all of them"
    [earlier] = (await get(client, "/api/v1/organisation/counts", unit=SCHOOL, on="2026-01-01"))["items"]
    assert (earlier["pupils"], earlier["percent_pupils"], earlier["met"]) == (None, None, None)
    wrong = await client.put(f"{UNITS}/{SCHOOL}/counts", json=counted | {"pupils_with_id": 1001})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "pupils_with_id")
    named = await client.put(f"{UNITS}/{SCHOOL}/counts", json=counted | {"name": "Nguyễn Văn A"})
    assert named.status_code == 422


async def test_any_day_can_be_asked_and_marks_do_not_matter(client: httpx.AsyncClient) -> None:
    unit = await get(client, f"{UNITS}/{SCHOOL}", on="2024-05-01")
    assert [step["code"] for step in unit["path"]] == ["SGDDT", "PGD-703", SCHOOL]
    assert (await get(client, f"{UNITS}/{SCHOOL}"))["parent"] == "703"
    assert (unit["status"], len(unit["parents"])) == (None, 2)
    office = await get(client, f"{UNITS}/PGD-703")
    assert (office["valid_to"], office["parent"]) == ("2025-07-01", "SGDDT")
    found = await get(client, UNITS, q="tan CHAU", kind="district")
    assert [each["code"] for each in found["items"]] == ["706"]
    levels = await get(client, UNITS, level="THPT", parent="SGDDT")
    assert levels["items"]
    assert all("THPT" in each["levels"] for each in levels["items"])


async def test_a_merger_is_tried_made_and_logged(client: httpx.AsyncClient, database: Database) -> None:
    wanted = {
        "kind": "merge",
        "on": "2026-08-01",
        "units": [OTHER],
        "into": SCHOOL,
        "name": "Trường Hợp Nhất",
    }
    tried = await change(client, **wanted, dry_run=True)
    assert (tried["id"], tried["applied"]) == (None, False)
    assert (await get(client, f"{UNITS}/{OTHER}"))["valid_to"] is None
    made = await change(client, **wanted)
    assert (made["applied"], made["plan"]) == (True, tried["plan"])
    gone = await get(client, f"{UNITS}/{OTHER}")
    assert gone["valid_to"] == "2026-08-01"
    assert [(each["code"], each["kind"]) for each in gone["successors"]] == [(SCHOOL, "merge")]
    now = await get(client, f"{UNITS}/{SCHOOL}")
    assert (now["name"], len(now["names"]), now["predecessors"][0]["code"]) == ("Trường Hợp Nhất", 2, OTHER)
    assert (await get(client, f"{UNITS}/{SCHOOL}", on="2026-07-31"))["name"] != "Trường Hợp Nhất"
    rooms = await get(client, "/api/v1/organisation/rooms", school=SCHOOL)
    assert [room["code"] for room in rooms["items"]] == [f"{OTHER}-P1", f"{OTHER}-P2", "P1", "P2"]
    assert (await get(client, "/api/v1/organisation/rooms", school=OTHER))["items"] == []
    assert len((await get(client, "/api/v1/organisation/rooms", school=OTHER, on="2026-07-01"))["items"]) == 2
    [logged] = (await get(client, CHANGES, unit=OTHER))["items"]
    assert (logged["kind"], logged["by"], logged["units"]) == ("merge", "demo-token", [SCHOOL, OTHER])
    # a later import of the shipped list does not undo it
    async with database.write() as session:
        await service.seed_province(session, today())
    assert (await get(client, f"{UNITS}/{OTHER}"))["valid_to"] == "2026-08-01"
    async with database.read() as session:
        names = await service.names(session, today())
    assert names["PGD-703"].startswith("Phòng Giáo dục")
    assert names[OTHER]


async def test_what_is_wrong_is_named_and_nothing_is_half_written(
    client: httpx.AsyncClient, database: Database
) -> None:
    async def state() -> tuple[int | None, int | None]:
        async with database.read() as session:
            counts = [select(func.count()).select_from(table) for table in (Placement, UnitChange)]
            return await session.scalar(counts[0]), await session.scalar(counts[1])

    before = await state()
    for wanted, field in (
        ({"kind": "end", "on": "2026-08-01", "unit": "703"}, "unit"),
        ({"kind": "move", "on": "2026-08-01", "unit": "703", "parent": "703"}, "parent"),
        ({"kind": "merge", "on": "2026-08-01", "units": [SCHOOL]}, "into"),
        ({"kind": "rename", "on": "1800-01-01", "unit": SCHOOL, "name": "x"}, "on"),
    ):
        answer = await client.post(CHANGES, json=wanted)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
        assert answer.json()["fix"]
    taken = {"code": SCHOOL, "name": "x", "kind": "school", "parent": "703"}
    answer = await client.post(UNITS, json=taken)
    assert (answer.status_code, answer.json()["field"], answer.json()["value"]) == (409, "code", SCHOOL)
    assert await state() == before


async def test_a_commune_takes_schools_over_and_scope_follows_at_once(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    commune = {"code": "X-1", "name": "Xã Tân Đông", "kind": "commune", "parent": "SGDDT",
               "valid_from": "2025-07-01"}  # fmt: skip
    assert (await client.post(UNITS, json=commune)).status_code == 201
    async with database.write() as session:
        secret = await accounts.create_token(
            session, "api", "xa", now_ms(), role="administrator", unit_code="X-1"
        )
    own = {"Authorization": f"Bearer {secret}"}
    assert [each["code"] for each in (await client.get(UNITS, headers=own)).json()["items"]] == ["X-1"]
    assert (await client.get(f"{UNITS}/{SCHOOL}", headers=own)).status_code == 404
    await change(client, kind="move", on="2025-07-01", unit=SCHOOL, parent="X-1")
    assert (await client.get(f"{UNITS}/{SCHOOL}", headers=own)).status_code == 200
    hidden, missing = [(await client.get(f"{UNITS}/{code}", headers=own)).text for code in (OTHER, "nothing")]
    assert hidden.replace(OTHER, "nothing") == missing
    stolen = {"kind": "move", "on": "2026-01-01", "unit": OTHER, "parent": "X-1"}
    refused = await client.post(CHANGES, json=stolen, headers=own)
    assert (refused.status_code, refused.json()["field"]) == (422, "unit")
    async with database.engine.begin() as elsewhere:  # not a session of this process: its commits are unseen
        await elsewhere.execute(delete(Placement).where(Placement.unit_code == SCHOOL))
    app.state.trees._looked_s = float("-inf")  # a second later
    assert (await client.get(f"{UNITS}/{SCHOOL}", headers=own)).status_code == 404


async def test_rooms_buildings_and_sites(client: httpx.AsyncClient) -> None:
    base = "/api/v1/organisation"
    assert (await client.post(f"{base}/sites", json={"school": SCHOOL, "code": "S1"})).status_code == 201
    building = {"school": SCHOOL, "code": "A", "name": "Nhà A", "site": "S1", "floors": 3}
    assert (await client.post(f"{base}/buildings", json=building)).status_code == 201
    room = {"school": SCHOOL, "code": "P9", "name": "Phòng Tin học", "type": "computer_lab", "seats": 40,
            "building": "A", "opening": [{"days": [1, 2], "from": "07:00", "to": "17:00"}]}  # fmt: skip
    made = await client.post(f"{base}/rooms", json=room)
    assert made.status_code == 201, made.text
    assert made.json()["opening"] == room["opening"]
    assert (await client.post(f"{base}/rooms", json=room)).status_code == 409
    found = await get(client, f"{base}/rooms", q="tin hoc", type="computer_lab")
    assert [each["code"] for each in found["items"]] == ["P9"]
    path = f"{base}/rooms/{SCHOOL}/P9"
    assert (await client.patch(path, json={"seats": 36})).json()["seats"] == 36
    assert (await client.patch(path, json={"building": "B"})).json()["field"] == "building"
    shut = {"opening": [{"days": [1], "from": "17:00", "to": "07:00"}]}
    assert (await client.patch(path, json=shut)).json()["field"] == "opening"
    assert (await client.delete(path)).status_code == 204
    assert (await get(client, path))["valid_to"] == str(today())
    assert (await client.patch(f"{UNITS}/{SCHOOL}", json={"levels": ["TH", "THCS"]})).json()["levels"] == [
        "TH", "THCS",
    ]  # fmt: skip
