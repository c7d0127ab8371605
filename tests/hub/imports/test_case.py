"""A tag or a room code in other letters is the same one, and is kept as it was first written."""

from sqlalchemy import insert, select

from hub.assets.tables import Asset
from hub.database import Database
from hub.organisation.tables import Room
from tests.hub.imports.conftest import AN_CO, Bring, csv_bytes, problems

HEAD = ("tag", "name", "school", "room")


async def test_equipment_is_the_same_in_any_case(province: Database, bring: Bring) -> None:
    await bring("equipment", csv_bytes(HEAD, ("TS-001", "Máy", "AC", "P101")), apply=True)
    whole = await bring("equipment", csv_bytes(HEAD, ("ts-001", "Máy", "AC", "p101")))
    assert (whole.summary["same"], whole.summary["new"]) == (1, 0)
    whole = await bring("equipment", csv_bytes(HEAD, ("ts-001", "Máy B", "AC", "p101")), apply=True)
    assert [change["column"] for change in whole.plans[0].shown[0].changes] == ["name"]
    async with province.read() as session:
        assert (await session.execute(select(Asset.tag, Asset.name, Asset.room_code))).all() == [
            ("TS-001", "Máy B", "P101")
        ]
    other = await bring("equipment", csv_bytes(HEAD, ("TS-1", "Máy", "SD", "P101")), apply=True)
    assert other.summary["new"] == 1
    taken = await bring("equipment", csv_bytes(HEAD, ("ts-1", "Máy", "AC", "")), scope=AN_CO)
    assert problems(taken) == [(2, "tag", "taken")]


async def test_two_rows_of_one_tag_are_double_also_beside_another_error(
    province: Database, bring: Bring
) -> None:
    rows = (("TS-5", "Máy", "AC", "P101", "x"), ("ts-5", "Máy", "AC", "P101", ""), ("TS-6", "", "AC", "", ""))
    whole = await bring("equipment", csv_bytes((*HEAD, "acquired"), *rows))
    assert problems(whole) == [
        (2, "acquired", "not_a_date"),
        (3, "tag", "duplicate"),
        (4, "name", "required"),
    ]
    assert whole.summary["new"] == 0


async def test_a_room_is_the_same_in_any_case(province: Database, bring: Bring) -> None:
    whole = await bring("rooms", csv_bytes(("school", "code", "name"), ("AC", "p101", "Phòng A")), apply=True)
    assert (whole.summary["changed"], whole.summary["new"]) == (1, 0)
    async with province.read() as session:
        codes = select(Room.code, Room.name).where(Room.school_code == "AC")
        assert (await session.execute(codes)).all() == [("P101", "Phòng A")]


async def test_what_was_two_before_is_brought_in_by_its_own_letters(province: Database, bring: Bring) -> None:
    facts = {"school_code": "AC", "gaps": 63, "search": "", "created_ms": 1, "changed_ms": 1, "name": "Máy"}
    async with province.write() as session:
        for tag, twin in (("ts-9", True), ("TS-9", False)):
            await session.execute(insert(Asset).values(tag=tag, twin=twin, **facts))
    rows = [("ts-9", "Nhỏ", "AC", ""), ("TS-9", "Lớn", "AC", "")]
    whole = await bring("equipment", csv_bytes(HEAD, *rows), apply=True)
    assert whole.summary["changed"] == 2
    async with province.read() as session:
        named = {row.tag: row.name for row in await session.execute(select(Asset.tag, Asset.name))}
        assert named == {"ts-9": "Nhỏ", "TS-9": "Lớn"}
