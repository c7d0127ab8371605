"""What a demo's database holds before anyone reports: the organisation and one account per role."""

import json
import tempfile
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from devices import province
from hub.accounts.demo import create_demo_accounts
from hub.assets import demo
from hub.broker import LOOPBACK_HOSTS
from hub.clock import now_ms, today
from hub.database import Database, migrate
from hub.organisation.rules import RoomSeen
from hub.organisation.service import record_rooms, root_of_list, seed_province
from hub.settings import Settings


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
            accounts = await create_demo_accounts(
                session, password_seed, root_code=root_of_list(), school_code=a_school
            )
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
