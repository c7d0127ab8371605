"""Tags and room codes are one in any case, and what was two before stays two."""

from typing import Any

from sqlalchemy import insert

from hub import doctor
from hub.assets.tables import Asset
from hub.organisation.tables import Room
from tests.hub.assets.conftest import Register


async def _old(register: Register, **values: Any) -> None:
    facts = {"name": "Máy cũ", "school_code": "AC", "gaps": 63, "search": "may cu", "created_ms": 1,
             "changed_ms": 1}  # fmt: skip
    async with register.database.write() as session:
        await session.execute(insert(Asset).values(**facts, **values))


async def test_a_tag_and_a_room_are_what_they_are_in_any_case(register: Register) -> None:
    made = await register.enter(tag="D703-THPT-02", room="p101")
    assert (made["tag"], made["room"]) == ("D703-THPT-02", "P101"), "as first written"
    assert (await register.get("/assets/by-tag/d703-thpt-02"))["id"] == made["id"]
    taken = await register.post("/assets", 409, name="x", school="AC", tag="d703-Thpt-02")
    assert taken["errors"][0]["field"] == "tag"
    assert [each["id"] for each in (await register.get("/assets?school=AC&room=p101"))["items"]] == [
        made["id"]
    ]
    moved = await register.post(f"/assets/{made['id']}/move", room="th1")
    assert moved["room"] == "TH1"
    assert (await register.post(f"/assets/{made['id']}/move", room="tH1"))["room"] == "TH1"
    kinds = [each["kind"] for each in (await register.get(f"/assets/{made['id']}/history"))["items"]]
    assert kinds == ["moved", "created"], "where it is already is no move"


async def test_tags_that_differed_by_case_alone_answer_to_their_own_letters(register: Register) -> None:
    await _old(register, tag="ts-001", twin=True)
    await _old(register, tag="TS-001")
    tags = {
        typed: (await register.get(f"/assets/by-tag/{typed}"))["tag"]
        for typed in ("ts-001", "TS-001", "Ts-001")
    }
    assert tags == {"ts-001": "ts-001", "TS-001": "TS-001", "Ts-001": "TS-001"}
    async with register.database.write() as session:
        session.add(Room(school_code="AC", code="p101", twin=True))
    assert (await register.enter(tag="A1", room="p101"))["room"] == "p101"
    assert (await register.enter(tag="A2", room="P101"))["room"] == "P101"


async def test_stock_is_taken_in_any_case_and_a_mistyped_label_is_taken_back(register: Register) -> None:
    asset = await register.enter(tag="D703-THPT-02-0050", room="P101")
    take = await register.post("/stocktakes", 201, school="AC", room="p101")
    assert take["room"] == "P101"
    path = f"/stocktakes/{take['id']}"
    seen = await register.post(f"{path}/seen", tag="d703-thpt-02-0050", client_id="1")
    assert (seen["outcome"], seen["tag"]) == ("seen", "D703-THPT-02-0050")
    wrong = {"tag": "D703-TPHT", "client_id": "2"}
    await register.post(f"{path}/seen", **wrong)
    await register.post(f"{path}/seen", tag="d703-tpht", client_id="3")
    found = await register.get(path)
    assert [len(found[name]) for name in ("seen", "missing", "unexpected")] == [1, 0, 1]
    found = await register.post(f"{path}/take-back", tag="D703-tpht")
    assert found["unexpected"] == []
    assert (await register.post(f"{path}/seen", **wrong))["again"], "sent again late, it does not come back"
    assert (await register.get(path))["unexpected"] == []
    await register.post(f"{path}/take-back", 404, tag="D703-TPHT")
    await register.post(f"{path}/take-back", 422)
    found = await register.post(f"{path}/take-back", asset_id=asset["id"])
    assert [len(found[name]) for name in ("seen", "missing")] == [0, 1]
    await register.post(f"{path}/seen", tag="D703-THPT-02-0050", client_id="4")
    await register.post(f"{path}/finish")
    await register.post(f"{path}/take-back", 409, asset_id=asset["id"])


async def test_numbers_beyond_what_a_database_holds_name_nothing(register: Register) -> None:
    for number in ("9" * 22, str(2**63), "9" * 18):
        assert (await register.get(f"/assets/{number}", 404))["type"] == "/problems/not-found"
        assert (await register.get(f"/stocktakes/{number}", 404))["type"] == "/problems/not-found"


async def test_the_doctor_names_what_differs_by_case_alone(register: Register) -> None:
    await _old(register, tag="TS-001")
    await _old(register, tag="ts-001", twin=True)
    async with register.database.write() as session:
        session.add(Room(school_code="AC", code="p101", twin=True))
    async with register.database.read() as session:
        named = await (await session.connection()).run_sync(doctor._twins)
    assert named == "ts-001, AC/p101"
