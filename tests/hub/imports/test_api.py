"""The routes: upload, progress, rows, apply, scope; and a hub that dies meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from hub.accounts import service as accounts
from hub.clock import now_ms
from hub.database import Database
from hub.imports.runner import Runner
from hub.imports.tables import ImportRun
from hub.organisation.tables import Room, Unit
from tests.hub.imports.conftest import csv_bytes
from tests.hub.web.conftest import application, bearer, client

__all__ = ["application", "client"]


@pytest.fixture
async def schools(application: FastAPI, database: Database) -> list[str]:
    """Codes of the schools."""
    async with database.read() as session:
        query = select(Unit.code).where(Unit.kind == "school", Unit.valid_to.is_(None)).order_by(Unit.code)
        return list((await session.execute(query)).scalars())


async def login(database: Database, role: str, unit: str) -> dict[str, str]:
    """The header of a new account's token."""
    async with database.write() as session:
        account = await accounts.create_account(session, f"{role}-{unit}".lower(), role, "", [(role, unit)])
        secret = await accounts.create_token(session, "api", role, now_ms(), account_id=account)
    return bearer(secret)


async def test_a_school_brings_its_rooms_and_nobody_elses(
    application: FastAPI, client: httpx.AsyncClient, database: Database, schools: list[str]
) -> None:
    mine, other = schools[:2]
    runner: Runner = application.state.imports
    lan, minh = await login(database, "school_admin", mine), await login(database, "school_admin", other)

    async def send(content: bytes, kind: str = "rooms") -> Any:
        return await client.post(
            "/api/v1/imports", params={"kind": kind}, files={"file": ("p.csv", content)}, headers=lan
        )

    wrong = (await send(csv_bytes(("school", "code"), (mine, "T9"), (other, "T9")))).json()
    assert wrong["state"] == "reading"
    while await runner.step():
        pass
    checked = (await client.get(f"/api/v1/imports/{wrong['id']}", headers=lan)).json()
    assert (checked["state"], checked["summary"]["errors"]) == ("checked", 1)
    rows = (
        await client.get(f"/api/v1/imports/{wrong['id']}/rows", params={"only": "errors"}, headers=lan)
    ).json()
    assert [(row["row"], row["problems"][0]["code"]) for row in rows["items"]] == [(3, "outside")]
    assert (await client.post(f"/api/v1/imports/{wrong['id']}/apply", headers=lan)).status_code == 409
    assert (await client.get(f"/api/v1/imports/{wrong['id']}", headers=minh)).status_code == 404
    assert (await client.delete(f"/api/v1/imports/{wrong['id']}", headers=lan)).status_code == 204

    right = (await send(csv_bytes(("school", "code"), (mine, "T9")))).json()
    await runner.step()
    assert (await client.post(f"/api/v1/imports/{right['id']}/apply", headers=lan)).status_code == 202
    await runner.step()
    done = (await client.get(f"/api/v1/imports/{right['id']}", headers=lan)).json()
    assert (done["state"], done["done"]) == ("applied", 1)
    assert not list(runner.folder.iterdir())
    assert (await send(b"", "users")).status_code == 403
    text = (await client.get("/api/v1/exports/rooms", params={"format": "csv"}, headers=lan)).text
    assert f"{mine},T9" in text
    assert other not in text
    coverage = (await client.get("/api/v1/sync/coverage", headers=lan)).json()
    assert (coverage["fresh"], coverage["total"], len(coverage["domains"])) == (1, 1, 8)


async def test_what_died_while_applying_has_failed_and_what_was_read_is_read_again(
    application: FastAPI, client: httpx.AsyncClient, database: Database, schools: list[str]
) -> None:
    lan = await login(database, "technician", schools[0])
    runner: Runner = application.state.imports
    content = csv_bytes(("school", "code"), (schools[0], "T9"))
    made = []
    for _ in range(2):
        sent = await client.post(
            "/api/v1/imports", params={"kind": "rooms"}, files={"file": ("p.csv", content)}, headers=lan
        )
        made.append(sent.json()["id"])
    async with database.write() as session:
        for number, state in zip(made, ("applying", "reading"), strict=True):
            run = await session.get(ImportRun, number)
            assert run is not None
            run.state, run.holder, run.beat_ms = state, "elsewhere:1:x", 0
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    for _ in range(100):
        states = [(await client.get(f"/api/v1/imports/{n}", headers=lan)).json()["state"] for n in made]
        if states == ["failed", "checked"]:
            break
        await asyncio.sleep(0.1)
    stop.set()
    runner.wake.set()
    await task
    assert states == ["failed", "checked"]
    async with database.read() as session:
        assert (await session.execute(select(Room).where(Room.code == "T9"))).first() is None


async def test_an_upload_that_is_too_large_is_refused_at_once(
    client: httpx.AsyncClient, database: Database, schools: list[str]
) -> None:
    lan = await login(database, "technician", schools[0])
    headers = {**lan, "Content-Length": str(300 << 20), "Content-Type": "multipart/form-data; boundary=x"}
    refused = await client.post("/api/v1/imports", params={"kind": "rooms"}, content=b"--x", headers=headers)
    assert refused.status_code == 413
    assert refused.json()["type"].startswith("/problems/")
