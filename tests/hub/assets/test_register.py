"""The register over its API: records, history, scope, counts, documents, labels, stock-taking."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from hub.assets import documents_api, service
from hub.assets.following import rooms_moved
from hub.assets.tables import Asset
from hub.clock import today
from hub.organisation import history
from tests.hub.assets.conftest import AT_AN_CO, EVERYWHERE, Register

PDF = b"%PDF-1.4\n%%EOF\n"


async def test_t11_completeness_of_digital_records(register: Register) -> None:
    made = [await register.enter(name=f"Máy {number}", serial=f"SN{number}") for number in range(8)]
    await register.enter(serial=None)
    await register.enter(room=None, fund_source="")
    for unit in ("AC", "D1", "S"):
        found = await register.get(f"/assets/completeness?unit={unit}")
        assert (found["total"], found["complete"], found["percent"], found["met"]) == (10, 8, 80.0, True)
    assert [child["unit"] for child in found["children"]] == ["D1"]
    await register.ask("PATCH", f"/assets/{made[3]['id']}", json={"serial": None})
    found = await register.get("/assets/completeness?unit=D1")
    assert (found["percent"], found["met"]) == (70.0, False)
    assert found["missing"] == {
        "type": 0, "serial": 2, "room": 1, "acquired": 0, "fund_source": 1, "status": 0,
    }  # fmt: skip
    listed = await register.get("/assets?complete=false&unit=S")
    assert listed["total"] == 3
    assert {item["name"]: item["missing"] for item in listed["items"]}["Máy 3"] == ["serial"]
    await register.post(f"/assets/{made[3]['id']}/dispose", reason="cháy")
    assert (await register.get("/assets/completeness"))["total"] == 9


async def test_m01_computers_for_informatics(register: Register) -> None:
    device = {"group": "AC", "node": "AC-a1"}
    for number in range(3):
        await register.enter(type="lab_pc", room="TH1", device={**device, "device": f"pc-{number}"})
    register.online = {("AC", "AC-a1", "pc-0"), ("AC", "AC-a1", "pc-1")}
    async with register.database.write() as session:
        rows = [{"school": "AC", "room": "TH1", "name": "Máy tính", "type": "lab_pc", "status": status}
                for status in ["in_use"] * 33 + ["repair"] * 4 + ["disposed"] * 2]  # fmt: skip
        differences = await service.compare(session, service.with_tags(rows))
        await service.upsert(session, differences, "lan", 1, date(2026, 9, 1))
    await register.enter(type="laptop", room="P101")
    found = await register.get("/assets/computers?unit=D1")
    school, other = found["items"]
    assert school["labs"] == [
        {"room": "TH1", "name": "", "seats": 40, "computers": 40, "working": 35, "shortfall": 5}
    ]
    assert (school["shortfall"], school["computers"], school["working"]) == (5, 41, 36)
    assert (school["pupils"], school["pupils_per_computer"]) == (350, 9.7)
    assert (other["pupils"], other["pupils_per_computer"], other["shortfall"]) == (None, None, 40)


async def test_a_ii_4_a_register_given_out_and_entered_again_is_the_same(register: Register) -> None:
    await register.enter(serial=None, note="dòng 1\ndòng 2", price_vnd=12_000_000, maker="Hòa Phát")
    await register.enter(room=None, status=None, acquired=None, type=None, tag="TS-2024.1", condition="fair")
    told = ("tag", "school", "room", "name", "type", "serial", "maker", "model", "acquired", "fund_source",
            "supplier", "price_vnd", "warranty_until", "status", "condition", "note")  # fmt: skip
    before = (await register.get("/assets"))["items"]
    rows = [{name: item[name] for name in told} for item in before]
    for row in rows:
        row["acquired"] = date.fromisoformat(row["acquired"]) if row["acquired"] else None
        row |= {
            name: row[name] or "" for name in told if name not in ("acquired", "price_vnd", "warranty_until")
        }
    async with register.database.write() as session:
        differences = await service.compare(session, service.with_tags(rows))
        assert {each.action for each in differences} == {"same"}
        changed = await service.compare(session, service.with_tags([{**rows[1], "room": "P102", "note": ""}]))
        assert changed[0].before == {"room": "P101", "note": "dòng 1\ndòng 2"}
        assert await service.upsert(session, changed, "lan", 5, date(2026, 9, 1)) == {"change": 1}
    moved = next(item for item in (await register.get("/assets"))["items"] if item["room"] == "P102")
    kinds = [e["kind"] for e in (await register.get(f"/assets/{moved['id']}/history"))["items"]]
    assert kinds == ["changed", "moved", "created"]


async def test_a_school_neither_sees_nor_guesses_another_schools_equipment(register: Register) -> None:
    theirs = await register.enter(school="SD", tag="SD-1")
    await register.post("/stocktakes", 201, school="SD")
    register.who = AT_AN_CO
    mine = await register.enter()
    assert (await register.get("/assets"))["total"] == 1
    for filters in ("school=SD", "unit=SD", "q=sd-1"):
        assert (await register.get(f"/assets?{filters}"))["items"] == []
    for method, path in (
        ("GET", "/assets/{}"), ("PATCH", "/assets/{}"), ("POST", "/assets/{}/move"),
        ("POST", "/assets/{}/repair"), ("POST", "/assets/{}/return"), ("GET", "/assets/{}/history"),
        ("GET", "/assets/{}/documents"),
    ):  # fmt: skip
        body: dict[str, Any] = {} if method == "GET" else {"json": {}}
        there, nowhere = [
            await register.ask(method, path.format(each), 404, **body) for each in (theirs["id"], 999_999)
        ]
        assert {**there, **{name: nowhere[name] for name in ("instance", "value", "errors")}} == nowhere
    await register.get("/assets/by-tag/SD-1", 404)
    await register.get("/assets/completeness?unit=SD", 404)
    await register.get("/assets/computers?unit=S", 404)
    await register.get("/assets/labels.pdf?school=SD", 404)
    await register.get(f"/assets/labels.pdf?ids={theirs['id']}", 404)
    await register.get("/stocktakes/1", 404)
    await register.post("/stocktakes", 404, school="SD")
    await register.post(f"/assets/{mine['id']}/move", 404, school="SD", room="P101")
    assert (await register.get("/assets/completeness"))["unit"] == "AC"


async def test_what_happens_to_an_asset_stays_in_its_history(register: Register) -> None:
    made = await register.enter(device={"group": "AC", "node": "AC-a1", "device": "pc-0"})
    path = f"/assets/{made['id']}"
    again = await register.ask("PATCH", path, json={"name": "Máy chiếu"})
    assert again["changed_ms"] == made["changed_ms"]
    await register.ask("PATCH", path, json={"model": "EB-X", "warranty_until": "2027-01-01"})
    await register.post(f"{path}/move", room="P102", on="2025-01-02", text="đổi lớp")
    wrong = await register.post(f"{path}/move", 422, room="P101", on="2024-12-31")
    assert wrong["field"] == "on"
    assert (await register.post(f"{path}/move", 422, room="P101", on="2199-01-01"))["field"] == "on"
    assert (await register.post(f"{path}/move", 422, room="P999"))["field"] == "room"
    await register.post(f"{path}/repair", text="hỏng quạt")
    await register.post(f"{path}/repair", 409)
    await register.post(f"{path}/return")
    gone = await register.post(f"{path}/move", school="SD", room="P101")
    assert gone["device"] is None
    await register.post(f"{path}/dispose", reason="cháy")
    await register.ask("PATCH", path, 409, json={"name": "x"})
    events = (await register.get(f"{path}/history"))["items"]
    assert [event["kind"] for event in reversed(events)] == [
        "created", "linked", "changed", "moved", "repair", "returned", "unlinked", "moved", "disposed",
    ]  # fmt: skip
    moved = events[5]
    assert (moved["on"], moved["before"]["room"], moved["after"]["room"]) == ("2025-01-02", "P101", "P102")
    pages = [await register.get(f"{path}/history?limit=4")]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(await register.get(f"{path}/history?limit=4&cursor={cursor}"))
    assert [event for page in pages for event in page["items"]] == events


async def test_a_device_is_one_asset_of_its_own_school(register: Register) -> None:
    key = {"group": "AC", "node": "AC-a1", "device": "pc-1"}
    first = await register.enter(device=key)
    assert first["device"] == key
    assert await register.ask("POST", "/assets", 409, json={"name": "x", "school": "AC", "device": key})
    assert (await register.post("/assets", 422, name="x", school="SD", device=key))["field"] == "device"
    assert (await register.get("/assets?linked=true"))["total"] == 1
    await register.ask("PATCH", f"/assets/{first['id']}", json={"device": None})
    await register.enter(device=key)
    assert (await register.post("/assets", 422, name="x", school="AC", type="spaceship"))["field"] == "type"
    await register.enter(tag="A-1")
    assert (await register.post("/assets", 409, name="x", school="AC", tag="A-1"))["field"] == "tag"


async def test_lists_are_searched_without_marks_in_any_order_and_counted(register: Register) -> None:
    for number in range(7):
        await register.enter(
            name=f"Máy chiếu Đông Á {number % 3}", school=("AC", "SD")[number % 2], serial=None
        )
    await register.enter(name="Bàn ghế", type="furniture", status="lost")
    assert (await register.get("/assets?q=may chieu DONG"))["total"] == 7
    assert (await register.get("/assets?q=100%25"))["total"] == 0
    for sort in ("place", "tag", "name", "type", "status", "changed"):
        page = await register.get(f"/assets?sort={sort}&limit=3")
        seen = [item["id"] for item in page["items"]]
        while cursor := page["next_cursor"]:
            page = await register.get(f"/assets?sort={sort}&limit=3&cursor={cursor}")
            seen += [item["id"] for item in page["items"]]
            assert page["total"] == 8
        assert sorted(seen) == sorted({*seen})
        assert len(seen) == 8
    facets = await register.get("/assets/facets?type=projector&missing=serial")
    assert {each["id"]: each["count"] for each in facets["types"]} == {"projector": 7}
    assert {each["id"]: each["count"] for each in facets["statuses"]} == {"in_use": 7}
    assert facets["missing"] == {**dict.fromkeys(facets["missing"], 0), "serial": 7}
    facets = await register.get("/assets/facets?school=AC&q=ban")
    assert [(each["id"], each["count"]) for each in facets["types"]] == [("furniture", 1)]
    assert [(each["id"], each["label_vi"]) for each in facets["districts"]] == [("D1", "Tân Châu")]
    assert (await register.get("/assets?missing=colour", 422))["field"] == "missing"


async def test_documents_are_what_they_hold_and_are_given_to_download_only(register: Register) -> None:
    path = f"/assets/{(await register.enter())['id']}/documents"
    files = {"file": ("../hóa đơn<script>.html", PDF, "text/html")}
    made = await register.ask("POST", path, 201, files=files)
    assert made["name"] == "hóa đơn_script_.pdf"
    assert (await register.ask("POST", path, 201, files=files))["id"] == made["id"]
    answer = await register.web.get(f"/api/v1{path}/{made['id']}")
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = {"file": ("a.pdf", b"<html>", "application/pdf")}
    assert (await register.ask("POST", path, 422, files=page))["field"] == "file"
    big = {"file": ("a.pdf", PDF + bytes(10 * 1024**2), "application/pdf")}
    assert (await register.ask("POST", path, 413, files=big))["type"] == "/problems/too-large"
    assert len((await register.get(path))["items"]) == 1
    register.who = AT_AN_CO
    other = (await register.enter())["id"]
    await register.get(f"/assets/{other}/documents/{made['id']}", 404)


async def test_labels_are_sheets_with_a_code_for_each(register: Register) -> None:
    for number in range(25):
        await register.enter(
            name=f"Máy chiếu tương tác số {number} rất dài ở phòng học bộ môn", serial=f"S{number}"
        )
    for query, pages in (
        ("school=AC", 2),
        ("school=AC&skip=23", 2),
        ("school=AC&of=rooms", 1),
        ("ids=1,2", 1),
    ):
        answer = await register.web.get(f"/api/v1/assets/labels.pdf?{query}")
        assert answer.headers["content-type"] == "application/pdf", answer.text
        assert len(re.findall(rb"/Type /Page\b(?!s)", answer.content)) == pages
        assert b"/FontFile2" in answer.content
    await register.get("/assets/labels.pdf", 422)


async def test_labels_lead_to_the_public_address(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(documents_api, "sheets", lambda made, **_: drawn.extend(x.address for x in made))
    await register.enter(tag="A-1")
    for public_url, base in (("", "http://hub"), ("https://hub.tayninh.vn/", "https://hub.tayninh.vn")):
        register.settings.public_url = public_url
        await register.web.get("/api/v1/assets/labels.pdf?school=AC")
        await register.web.get("/api/v1/assets/labels.pdf?school=AC&of=rooms&room=P101")
        assert drawn == [f"{base}/a/A-1", f"{base}/r/AC/P101"]
        drawn.clear()


async def test_equipment_follows_its_room_when_schools_merge_or_divide(register: Register) -> None:
    key = {"group": "AC", "node": "AC-a1", "device": "pc-0"}
    inside = await register.enter(room="TH1", device=key)
    outside = await register.enter(room=None)
    stays = await register.enter(school="SD")
    merger = {"kind": "merge", "on": "2026-08-01", "units": ["AC"], "into": "SD"}
    await register.post("/organisation/changes", dry_run=True, **merger)
    assert (await register.get("/assets?school=AC"))["total"] == 2
    await register.post("/organisation/changes", **merger)
    now = {each["id"]: each for each in (await register.get("/assets?school=SD"))["items"]}
    assert {number: each["room"] for number, each in now.items()} == {
        inside["id"]: "AC-TH1", outside["id"]: None, stays["id"]: "P101",
    }  # fmt: skip
    assert now[inside["id"]]["device"] == key
    event = (await register.get(f"/assets/{inside['id']}/history"))["items"][0]
    assert (event["kind"], event["on"], event["by"]) == ("moved", "2026-08-01", "sở")
    assert (event["before"], event["after"]) == (
        {"school": "AC", "room": "TH1"}, {"school": "SD", "room": "AC-TH1"},
    )  # fmt: skip
    assert (await register.get("/assets/facets?school=SD&q=ac-th1"))["types"][0]["count"] == 1
    parts = [{"code": "SD"}, {"code": "N1", "name": "THCS Mới"}]
    await register.post("/organisation/changes", kind="split", on="2026-08-02", unit="SD", into=parts,
                        rooms={"AC-TH1": "N1"})  # fmt: skip
    assert (await register.get(f"/assets/{inside['id']}"))["school"] == "N1"
    assert (await register.get(f"/assets/{outside['id']}"))["school"] == "SD"


async def test_equipment_stays_until_the_day_of_a_merger_has_come(register: Register) -> None:
    there = await register.enter(room="TH1")
    day = today() + timedelta(days=30)
    merger = {"kind": "merge", "on": str(day), "units": ["AC"], "into": "SD"}
    await register.post("/organisation/changes", **merger)

    async def follow(on: date) -> int:
        async with register.database.write() as session:
            return await history.follow_due(session, [rooms_moved], on, 1)

    assert await follow(day - timedelta(days=1)) == 0
    assert (await register.get(f"/assets/{there['id']}"))["school"] == "AC"
    assert [await follow(day), await follow(day)] == [1, 0], "once"
    assert (await register.get(f"/assets/{there['id']}"))["school"] == "SD"


async def test_stock_is_taken_with_a_bad_network(register: Register) -> None:
    here, gone, moved, strange = [
        await register.enter(tag=f"T-{number}", room=room, school=school)
        for number, (room, school) in enumerate(
            (("P101", "AC"), ("P101", "AC"), ("P102", "AC"), ("P101", "SD"))
        )
    ]
    register.who = AT_AN_CO
    taking = await register.post("/stocktakes", 201, school="AC", room="P101")
    path = f"/stocktakes/{taking['id']}"
    assert taking["counts"]["missing"] == 2
    scans = [{"tag": each["tag"], "client_id": each["tag"]} for each in (here, moved, strange)]
    scans[0]["condition"] = "poor"
    first = [await register.post(f"{path}/seen", **scan) for scan in scans]
    assert [each["outcome"] for each in first] == ["seen", "moved", "unexpected"]
    assert first[2]["asset"] is None
    again = [await register.post(f"{path}/seen", **scan) for scan in scans]
    assert [each["again"] for each in again] == [True] * 3
    ended = await register.post(f"{path}/finish")
    assert ended["counts"] == {"expected": 2, "seen": 1, "missing": 1, "unexpected": 1, "moved": 1}
    assert [line["tag"] for line in ended["missing"]] == [gone["tag"]]
    assert (await register.post(f"{path}/finish")) == ended == await register.get(path)
    assert (await register.post(f"{path}/seen", **scans[0]))["again"]
    await register.post(f"{path}/seen", 409, tag=here["tag"], client_id="late")
    assert (await register.get("/stocktakes?school=AC"))["items"][0]["counts"] == ended["counts"]
    now = await register.get(f"/assets/{moved['id']}")
    assert (now["room"], now["seen_ms"]) == ("P101", 1_790_000_000_000)
    events = (await register.get(f"/assets/{moved['id']}/history"))["items"]
    assert events[0]["kind"] == "moved"
    assert (await register.get(f"/assets/{here['id']}"))["condition"] == "poor"
    register.who = EVERYWHERE
    assert (await register.get(f"/assets/{strange['id']}"))["school"] == "SD"


async def test_a_list_brought_in_takes_the_device_from_what_leaves_its_school(register: Register) -> None:
    made = await register.enter(device={"group": "AC", "node": "AC-a1", "device": "pc-2"})
    row = {"tag": made["tag"], "school": "SD", "room": "P101", "name": made["name"], "status": "in_use"}
    async with register.database.write() as session:
        differences = await service.compare(session, service.with_tags([row]))
        assert differences[0].school_now == "AC"
        await service.upsert(session, differences, "lan", 5, date(2026, 9, 1))
    async with register.database.read() as session:
        asset = await session.get(Asset, made["id"])
    assert asset is not None
    assert (asset.node, asset.school_code) == (None, "SD")
