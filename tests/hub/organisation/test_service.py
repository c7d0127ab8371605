"""The shipped province, imported again and again, and what lies below what."""

from datetime import date

import pytest
from sqlalchemy import func, select

from devices import province
from hub.database import Database
from hub.organisation import service
from hub.organisation.rules import RoomSeen
from hub.organisation.tables import Placement, Room, Unit

TODAY = date(2026, 11, 23)


async def test_the_import_is_idempotent_and_follows_the_number_of_schools(database: Database) -> None:
    for wanted in (24, 24, 445, 24):
        async with database.write() as session:
            codes = await service.seed_province(session, TODAY, wanted)
        async with database.read() as session:
            assert await service.school_codes(session, TODAY) >= set(codes)
            assert [unit.code for unit in await service.schools(session, TODAY)] == sorted(codes)
            assert len(codes) == wanted
    async with database.read() as session:
        assert (
            await session.scalar(select(func.count()).select_from(Unit).where(Unit.kind == "school")) == 445
        )
        assert (await session.scalar(select(func.count()).select_from(Placement)) or 0) > 445


async def test_a_school_belonged_to_its_office_and_belongs_to_its_district(database: Database) -> None:
    school = next(each for each in province.schools() if each.level == "MN")
    async with database.write() as session:
        await service.seed_province(session, TODAY)
    async with database.read() as session:
        before = await service.subtree(session, f"PGD-{school.district_code}", date(2025, 6, 30))
        after = await service.subtree(session, f"PGD-{school.district_code}", date(2025, 7, 1))
        district = await service.subtree(session, school.district_code, TODAY)
        assert before is not None
        assert school.code in before
        assert after == frozenset({f"PGD-{school.district_code}"})
        assert district is not None
        assert school.code in district
        assert await service.subtree(session, school.code, TODAY) == frozenset({school.code})
        assert await service.subtree(session, service.root_of_list(), TODAY) is None
        assert await service.subtree(session, "nowhere", TODAY) == frozenset()
        office = f"PGD-{school.district_code}"
        for day, there in ((date(2025, 6, 30), True), (date(2025, 7, 1), False)):
            units = await service.list_units(
                session, day, codes=None, kinds=("office",), district=None, after=None, limit=99
            )
            assert (office in {unit.code for unit, _ in units}) is there


@pytest.mark.parametrize("times", [1, 2])
async def test_rooms_are_learned_once_and_only_of_known_schools(database: Database, times: int) -> None:
    async with database.write() as session:
        (school, *_) = await service.seed_province(session, TODAY, 1)
        for _ in range(times):
            rooms = [RoomSeen(school, "P101"), RoomSeen("elsewhere", "P1"), RoomSeen(school, "x" * 65)]
            await service.record_rooms(session, rooms)
            rooms = [RoomSeen(school, "p101")]  # a device whose maker writes small letters
            await service.record_rooms(session, rooms)
    async with database.read() as session:
        assert [
            (room.school_code, room.code) for room in (await session.execute(select(Room))).scalars()
        ] == [(school, "P101")]


async def test_a_room_takes_the_first_type_it_is_seen_with_and_keeps_it(database: Database) -> None:
    async def types() -> dict[str, str]:
        async with database.read() as session:
            return {room.code: room.type for room in (await session.execute(select(Room))).scalars()}

    async with database.write() as session:
        (school, *_) = await service.seed_province(session, TODAY, 1)
    seen = [
        [RoomSeen(school, "P101"), RoomSeen(school, "P102", type="library")],
        [RoomSeen(school, "P101", type="vr_room"), RoomSeen(school, "P101"), RoomSeen(school, "P102")],
        [RoomSeen(school, "P101", type="hall")],
    ]
    shown = []
    for rooms in seen:
        async with database.write() as session:
            await service.record_rooms(session, rooms)
        shown.append(await types())
    assert shown == [{"P101": "", "P102": "library"}] + 2 * [{"P101": "vr_room", "P102": "library"}]
