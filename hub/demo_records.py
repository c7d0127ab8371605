"""What a demo's database holds before anyone reports: the organisation and one account per role."""

from dataclasses import dataclass

from devices import province
from hub.accounts.demo import create_demo_accounts
from hub.broker import LOOPBACK_HOSTS
from hub.clock import today
from hub.database import Database, migrate
from hub.organisation.service import root_of_list, seed_province
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
            accounts = await create_demo_accounts(
                session, password_seed, root_code=root_of_list(), school_code=a_school
            )
    finally:
        await database.close()
    return [DemoLogin(each.role, each.username, each.password, each.unit_code) for each in accounts]
