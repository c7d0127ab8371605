"""What a demo's database holds before anyone reports: the organisation and one account per role."""

import json
import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from devices import province
from hub.accounts.demo import create_demo_accounts
from hub.assets import demo
from hub.broker import LOOPBACK_HOSTS
from hub.clock import now_ms, today
from hub.database import Database, insert_into, migrate
from hub.enrolment.broker_files import BrokerFiles
from hub.organisation.rules import RoomSeen
from hub.organisation.service import record_rooms, root_of_list, seed_province
from hub.organisation.tables import Headcount
from hub.settings import Settings

_PUPILS = {"MN": (150, 350), "TH": (300, 800), "THCS": (350, 900), "THPT": (600, 1300)}
_PUPILS_A_TEACHER = 18


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """An account as the demo prints it."""

    role: str
    username: str
    password: str
    unit_code: str


async def prepare(settings: Settings, schools: int, seed: int) -> list[DemoLogin]:
    """Brings the database up to date, fills in the first `schools` schools, and returns one login per role.

    Passwords follow from the seed on loopback, so that a bookmark keeps working; a demo that listens
    beyond this machine gets new random ones at every start.
    """
    await migrate(settings.database_url)
    a_school = province.schools(schools)[0].code
    password_seed = seed if settings.http_host in LOOPBACK_HOSTS else None
    database = Database(settings.database_url)
    try:
        async with database.write() as session:
            await seed_province(session, today(), schools)
            await _equip(session, schools, seed)
            await _count(session, province.schools(schools), seed)
            accounts = await create_demo_accounts(
                session, password_seed, root_code=root_of_list(), school_code=a_school
            )
        if settings.enrolment.broker_dir:
            await BrokerFiles(settings, database, now_ms).write()
    finally:
        await database.close()
    return [DemoLogin(each.role, each.username, each.password, each.unit_code) for each in accounts]


async def _equip(session: AsyncSession, schools: int, seed: int) -> None:
    """Enters the rooms and equipment that the simulated schools will report from, if simulators are there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        for command in entry_points(group="smart_classroom.commands", name="simulate"):
            command.load()(["--schools", str(schools), "--seed", str(seed), "--plan", str(path)])
        plans = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    rooms = [
        RoomSeen(plan["school"], room["code"], type=room["type"], seats=room["seats"])
        for plan in plans
        for room in plan["rooms"]
    ]
    await record_rooms(session, rooms)
    await demo.seed(session, plans, seed, now_ms(), today())


async def _count(session: AsyncSession, schools: Iterable[province.School], seed: int) -> None:
    """Enters what each school reported at the opening of the school year; what people entered since stays."""
    day = today()
    opening = date(day.year if (day.month, day.day) >= (9, 5) else day.year - 1, 9, 5)
    rows = []
    for school in schools:
        chance = random.Random(f"headcount {seed} {school.code}")
        pupils = chance.randint(*_PUPILS.get(school.level, (200, 600)))
        teachers = pupils // _PUPILS_A_TEACHER
        rows.append(
            {
                "unit_code": school.code,
                "as_of": opening,
                "pupils": pupils,
                "pupils_with_id": pupils - chance.choice((0, 0, 0, chance.randint(1, pupils // 30))),
                "teachers": teachers,
                "teachers_with_record": teachers - chance.choice((0, 0, 0, 1, 2)),
                "source": "demo",
                "changed_ms": now_ms(),
            }
        )
    await session.execute(insert_into(session, Headcount).on_conflict_do_nothing(), rows)
