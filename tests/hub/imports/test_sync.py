"""Sources by the clock: whose rights they have, and what an HTTP server says of a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts import service as accounts
from hub.accounts.standing import standing
from hub.accounts.tables import AccessToken, Account, Grant
from hub.clock import now_ms, today
from hub.database import Database
from hub.imports.sync import Sync
from hub.imports.sync_api import _domain
from hub.imports.tables import SyncSource, SyncState
from hub.organisation.tables import Room, Unit
from hub.organisation.trees import Trees
from hub.web.principal import PermissionName, Schools
from tests.hub.imports.conftest import NOW_MS, TODAY, csv_bytes, everything
from tests.hub.web.conftest import application, bearer, client

__all__ = ["application", "client"]

ROOMS = csv_bytes(("school", "code"), ("AC", "T9"))


class Site:
    """A school's server: it knows what it sent before, and one address that leads to another."""

    def __init__(self) -> None:
        self.content, self.etag = ROOMS, '"1"'
        self.answers: list[tuple[str, int]] = []
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/moved":
                    self._say(302, {"Location": "/rooms.csv"})
                elif self.path == "/round":
                    self._say(302, {"Location": "/round"})
                elif self.path == "/away":
                    self._say(302, {"Location": "http://localhost:1/rooms.csv"})
                elif self.path != "/rooms.csv":
                    self._say(404, {})
                elif self.headers["If-None-Match"] == site.etag:
                    self._say(304, {"ETag": site.etag})
                else:
                    self._say(200, {"ETag": site.etag}, site.content)

            def _say(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
                site.answers.append((self.path, status))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    """A real HTTP server on loopback."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture
def site(server: Site) -> Site:
    """The server as it was at first."""
    server.content, server.etag, server.answers = ROOMS, '"1"', []
    return server


async def looked(database: Database, sync: Sync) -> SyncSource:
    """The source after it was looked at now."""
    async with database.write() as session:
        await session.execute(update(SyncSource).values(next_ms=0))
    assert await sync.step()
    async with database.read() as session:
        return (await session.execute(select(SyncSource))).scalar_one()


async def add(database: Database, location: str) -> None:
    async with database.write() as session:
        session.add(SyncSource(name="SIS", kind="rooms", unit_code="AC", location=location, every_s=60,
                               enabled=True, next_ms=0, created_ms=0))  # fmt: skip


async def test_an_address_is_fetched_again_only_when_its_etag_is_another(
    province: Database, tmp_path: Path, site: Site
) -> None:
    await add(province, f"{site.url}/moved")
    sync = Sync(province, tmp_path, lambda: NOW_MS, lambda: TODAY, everything, private_addresses=True)
    source = await looked(province, sync)
    assert (source.error, source.version) == ("", '"1"')
    assert site.answers == [("/moved", 302), ("/rooms.csv", 200)]
    async with province.read() as session:
        assert await session.get(Room, ("AC", "T9")) is not None
    source = await looked(province, sync)
    assert (source.error, source.failures, site.answers[-1]) == ("", 0, ("/rooms.csv", 304))

    site.content, site.etag = csv_bytes(("school", "code"), ("AC", "T10"), ("SD", "T10")), '"2"'
    source = await looked(province, sync)
    assert site.answers[-1] == ("/rooms.csv", 200)
    # another school's room is in it: nothing of it came in, and this version is asked for again
    assert "row 3" in source.error
    assert source.version == '"1"'
    async with province.read() as session:
        assert await session.get(Room, ("AC", "T10")) is None


@pytest.mark.parametrize(
    ("path", "private", "words"),
    [
        ("/rooms.csv", False, "sync_private_addresses"),
        ("/round", True, "leads on and on"),
        ("/none.csv", True, "404"),
        ("/away", True, "cannot be fetched"),
    ],
)
async def test_an_address_that_gives_nothing_says_why(
    province: Database, tmp_path: Path, site: Site, path: str, private: bool, words: str
) -> None:
    await add(province, site.url + path)
    sync = Sync(province, tmp_path, lambda: NOW_MS, lambda: TODAY, everything, private_addresses=private)
    source = await looked(province, sync)
    assert words in source.error
    assert source.failures == 1
    assert private or not site.answers


async def test_a_source_never_brings_more_than_its_adder_may_import(
    application: FastAPI, client: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    async with database.write() as session:
        schools = select(Unit.code).where(Unit.kind == "school", Unit.valid_to.is_(None)).order_by(Unit.code)
        mine, other = (await session.execute(schools.limit(2))).scalars()

        async def login(role: str) -> tuple[int, dict[str, str]]:
            account = await accounts.create_account(session, role, role, "", [(role, mine)])
            secret = await accounts.create_token(session, "api", role, now_ms(), account_id=account)
            return account, bearer(secret)

        lan, lans = await login("administrator")
        _, watch = await login("operations")
    folder = tmp_path / "incoming" / "a"
    folder.mkdir(parents=True)
    (folder / "rooms.csv").write_bytes(csv_bytes(("school", "code"), (mine, "T9")))

    async def post(unit: str, headers: dict[str, str]) -> httpx.Response:
        wanted = {"kind": "rooms", "unit": unit, "location": "a", "every_s": 60, "name": "SIS"}
        return await client.post("/api/v1/sync/sources", json=wanted, headers=headers)

    # sync.write is not enough: by hand they could not import rooms either
    assert (await post(mine, watch)).status_code == 403
    assert [(await post(unit, lans)).status_code for unit in (other, "NOWHERE", mine)] == [422, 422, 201]
    trees = Trees()

    async def rights(
        session: AsyncSession, account: int | None, token: int | None
    ) -> Mapping[PermissionName, Schools]:
        async def below(session: AsyncSession, unit: str) -> Schools:
            return await trees.subtree(session, unit, today())

        return await standing(session, account, token, below, now_ms())

    sync = Sync(database, tmp_path, now_ms, today, rights)
    source = await looked(database, sync)
    assert (source.error, source.enabled) == ("", True)
    change = f"/api/v1/sync/sources/{source.id}"
    assert (await client.patch(change, json={"location": "b"}, headers=watch)).status_code == 403

    for lost in (
        update(Grant).where(Grant.account_id == lan).values(role="operations"),
        update(Grant).where(Grant.account_id == lan).values(role="administrator", unit_code=other),
        update(Account).where(Account.id == lan).values(disabled_ms=1),
        update(AccessToken).where(AccessToken.account_id == lan).values(expires_ms=1),
    ):
        async with database.write() as session:
            await session.execute(lost)
        (folder / "rooms.csv").write_bytes(csv_bytes(("school", "code"), (mine, "T10")))
        source = await looked(database, sync)
        assert not source.enabled
        assert "lacks imports.run" in source.error
        async with database.write() as session:
            assert await session.get(Room, (mine, "T10")) is None
            right = {"role": "administrator", "unit_code": mine}
            await session.execute(update(Grant).where(Grant.account_id == lan).values(**right))
            await session.execute(update(Account).where(Account.id == lan).values(disabled_ms=None))
            await session.execute(update(SyncSource).values(enabled=True))


def test_an_error_says_whose_it_is() -> None:
    state = SyncState(
        school_code="AC", domain="rooms", origin="SIS of the ward", error="it cannot be fetched"
    )
    assert _domain("rooms", state, NOW_MS).error == "SIS of the ward: it cannot be fetched"
