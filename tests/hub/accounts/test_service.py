"""Accounts and tokens on both engines."""

from datetime import date

import pytest
from sqlalchemy import func, select

from hub.accounts import service
from hub.accounts.demo import create_demo_accounts
from hub.accounts.passwords import hash_password, password_matches
from hub.accounts.rules import ROLES, SESSION_ENDS, SessionEnds
from hub.accounts.tables import AccessToken, Account, Grant
from hub.database import Database
from hub.errors import Conflict, Invalid
from hub.organisation.service import root_of_list, seed_province

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture
async def school(database: Database) -> str:
    async with database.write() as session:
        return (await seed_province(session, date(2026, 11, 23), 1))[0]


async def test_demo_accounts_are_one_per_role_and_follow_the_seed(database: Database, school: str) -> None:
    made = []
    for seed in (7, 7, 8):
        async with database.write() as session:
            root = root_of_list()
            made.append(await create_demo_accounts(session, seed, root_code=root, school_code=school))
    assert made[0] == made[1] != made[2]
    assert [demo.role for demo in made[0]] == list(ROLES)
    assert len({demo.password for demo in made[0]}) == len(ROLES)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Account)) == len(ROLES)
        assert await session.scalar(select(func.count()).select_from(Grant)) == len(ROLES)
        for old, new in zip(made[0], made[2], strict=True):
            account = await service.find_account(session, new.username.upper())
            assert account is not None
            assert await password_matches(new.password, account.password_hash)
            assert not await password_matches(old.password, account.password_hash)


async def test_an_account_is_made_once_with_roles_that_exist(database: Database, school: str) -> None:
    async with database.write() as session:
        await service.create_account(session, "lan", "Lê Lan", "một-mật-khẩu", [("operations", school)])
        with pytest.raises(Conflict):
            await service.create_account(session, "lan", "x", "một-mật-khẩu", [])
        with pytest.raises(Conflict):
            await service.create_account(session, "LAN ", "x", "một-mật-khẩu", [])
        with pytest.raises(Invalid, match="role"):
            await service.create_account(session, "an", "x", "một-mật-khẩu", [("boss", school)])
        with pytest.raises(Invalid, match="password"):
            await service.create_account(session, "an", "x", "short", [])
    with pytest.raises(Invalid, match="unit"):
        async with database.write() as session:
            await service.create_account(session, "an", "x", "một-mật-khẩu", [("operations", "nowhere")])
    async with database.read() as session:
        assert await service.find_account(session, "an") is None


async def test_tokens_end_and_their_secrets_are_nowhere(database: Database, school: str) -> None:
    async with database.write() as session:
        secret = await service.create_token(
            session, "api", "ci", T0, role="inspector", unit_code=school, expires_ms=T0 + 1_000
        )
        stored = (await session.execute(select(AccessToken))).scalar_one()
        assert secret not in {str(value) for value in vars(stored).values()}
        found = await service.credential(session, secret, T0)
        assert found is not None
        assert found.own == ("inspector", school)
        assert found.grants == ()
        assert await service.credential(session, secret, T0 + 1_000) is None
        assert await service.credential(session, secret + "x", T0) is None
        await service.forget_ended(session, T0 + 1_000)
        assert await session.scalar(select(func.count()).select_from(AccessToken)) == 0
    with pytest.raises(Invalid, match="unit"):
        async with database.write() as session:
            await service.create_token(session, "api", "ci", T0, role="inspector", unit_code="nowhere")


def test_sessions_in_use_last_until_their_longest() -> None:
    ends = SessionEnds(idle_ms=2 * HOUR_MS, longest_ms=10 * HOUR_MS)
    assert ends.of(T0, T0) == T0 + 2 * HOUR_MS
    assert ends.of(T0, T0 + 5 * HOUR_MS) == T0 + 7 * HOUR_MS
    assert ends.of(T0, T0 + 9 * HOUR_MS) == T0 + 10 * HOUR_MS
    assert ends.worth_noting(None, T0)
    assert not ends.worth_noting(T0, T0 + 60_000)
    assert ends.worth_noting(T0, T0 + 300_000)


async def test_a_new_password_ends_sessions_and_too_many_end_the_oldest(
    database: Database, school: str
) -> None:
    async with database.write() as session:
        await service.create_account(session, "lan", "Lê Lan", "một-mật-khẩu", [("operations", school)])
        account = await service.find_account(session, "lan")
        assert account is not None
        secrets = [await service.log_in(session, account, T0 + n) for n in range(service.MAX_SESSIONS + 2)]
        assert await service.credential(session, secrets[1], T0) is None
        assert await service.credential(session, secrets[2], T0) is not None
        listed = await service.list_sessions(session, account.id, T0, after=None, limit=1000)
        assert len(listed) == service.MAX_SESSIONS
        await service.set_password(session, account.id, "x", temporary=True, keep=listed[0].id)
        assert await service.credential(session, secrets[-1], T0) is not None
        assert await service.credential(session, secrets[-2], T0) is None
        assert await service.credential(session, secrets[-1], T0 + SESSION_ENDS.longest_ms) is None


async def test_a_password_matches_itself_only() -> None:
    stored = await hash_password("đúng-mật-khẩu")
    assert stored.startswith("$argon2id$")
    assert await password_matches("đúng-mật-khẩu", stored)
    assert not await password_matches("sai-mật-khẩu", stored)
    assert not await password_matches("", stored)
    assert not await password_matches("đúng-mật-khẩu", None)
    assert not await password_matches("đúng-mật-khẩu", "not a hash")
    assert not await password_matches("\x00nobody", "")
