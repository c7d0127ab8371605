"""The whole web application on a real database, without a socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from hub import web_role as composition
from hub.accounts import service as accounts
from hub.accounts.rules import ROLES
from hub.clock import now_ms, today
from hub.database import Database
from hub.events import Events
from hub.organisation.service import root_of_list, seed_province
from hub.settings import Settings
from hub.web_role import build

DEMO_TOKEN = "demo-token-of-the-tests"
BASE = "http://hub.test"


@pytest.fixture
async def application(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The hub's own application, without the pages of other packages."""
    monkeypatch.setattr(composition, "entry_points", lambda group: ())
    async with database.write() as session:
        await seed_province(session, today(), 24)
    settings = Settings(data_dir=tmp_path, demo=True, demo_token=DEMO_TOKEN)
    return build(settings, database, Events("mqtt://127.0.0.1:1", "test"))


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without any cookie yet."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False, client=("10.0.0.9", 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
async def tokens(database: Database) -> dict[str, str]:
    """An API token of every role for the whole province, and a wall screen's."""
    made = {}
    async with database.write() as session:
        for role in ROLES:
            made[role] = await accounts.create_token(
                session, "api", role, now_ms(), role=role, unit_code=root_of_list()
            )
        made["wall_screen"] = await accounts.create_wall_token(session, "wall", root_of_list(), now_ms())
    return made


def bearer(secret: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {secret}"}
