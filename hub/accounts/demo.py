"""The accounts of a demo, one a role."""

import random
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.passwords import hash_password, password_matches
from hub.accounts.rules import ROLES
from hub.accounts.service import EASY_TO_READ, create_account, find_account


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo, as it is printed at start."""

    username: str
    password: str
    role: str
    unit_code: str
    name: str


async def create_demo_accounts(
    session: AsyncSession, seed: int | None, *, root_code: str, school_code: str
) -> list[DemoAccount]:
    """Creates one account per role with passwords of the seed, or random without one.

    Accounts that exist get the password again, so that what is printed is true. School admins and
    contributors are of one school, the others of the whole province.
    """
    chance: random.Random = random.SystemRandom() if seed is None else random.Random(f"demo accounts {seed}")
    made = []
    for role in ROLES:
        unit = school_code if role in {"school_admin", "contributor"} else root_code
        words = "-".join("".join(chance.choices(EASY_TO_READ, k=4)) for _ in range(3))
        demo = DemoAccount(role.replace("_", "-"), words, role, unit, _DEMO_NAMES[role])
        account = await find_account(session, demo.username)
        if account is None:
            await create_account(session, demo.username, demo.name, demo.password, [(role, unit)])
        else:
            if not await password_matches(words, account.password_hash):
                account.password_hash = await hash_password(words)
            account.disabled_ms, account.must_change_password = None, False
        made.append(demo)
    return made


_DEMO_NAMES = {
    "administrator": "Quản trị hệ thống",
    "operations": "Trực ca vận hành",
    "technician": "Kỹ thuật viên",
    "school_admin": "Quản trị trường",
    "contributor": "Cộng tác viên",
    "budget_viewer": "Kế hoạch – tài chính",
    "inspector": "Thanh tra",
}
