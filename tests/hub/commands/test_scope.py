"""Who may command what: out of one's reach is as if it were not there."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI

from hub.accounts import service as accounts
from hub.clock import now_ms
from hub.database import Database
from tests.hub.web.conftest import application, bearer, client

__all__ = ["application", "client"]

API = "/api/v1"


@pytest.fixture
async def database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/hub.db")
    yield database
    await database.close()


async def test_a_command_is_its_schools_alone(
    application: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    listed = await client.get(
        f"{API}/organisation/schools?limit=100", headers=bearer("demo-token-of-the-tests")
    )
    own, other = [each["code"] for each in listed.json()["items"] if each["kind"] == "school"][:2]
    secrets = {}
    async with database.write() as session:
        for name, role, unit in (("mine", "school_admin", own), ("theirs", "technician", other),
                                 ("looks", "inspector", own)):  # fmt: skip
            secrets[name] = bearer(
                await accounts.create_token(session, "api", name, now_ms(), role=role, unit_code=unit)
            )
    document = {"school": own, "group": own, "room": "P1", "node": "a1", "device": "pr", "kind": "projector",
                "name": "pr", "claimed": True, "presence": {"state": "born"}, "metrics": {}}  # fmt: skip
    application.state.picture.message(f"hub/live/{own}/P1/pr", orjson.dumps(document), retained=False)
    path, body = f"{API}/devices/{own}/a1/pr/commands", {"command": "power", "value": "on"}
    given = await client.post(path, json=body, headers=secrets["mine"])
    assert (given.status_code, given.json()["state"], given.json()["by"]) == (202, "queued", "mine")
    of_it = f"{API}/commands/{given.json()['id']}"
    room = f"{API}/rooms/{own}/P1/scenes/start_lesson"
    batch = await client.post(room, json={}, headers=secrets["mine"])
    group = f"{API}/commands/groups/{batch.json()['id']}"

    for method, address in (("POST", path), ("GET", path), ("GET", of_it), ("POST", f"{of_it}/cancel"),
                            ("POST", room), ("GET", group), ("GET", f"{group}/commands"),
                            ("POST", f"{group}/cancel"), ("GET", f"{API}/devices/{own}/a1/pr/wanted"),
                            ("DELETE", f"{API}/devices/{own}/a1/pr/wanted/Power")):  # fmt: skip
        content = body if address == path and method == "POST" else None
        answer = await client.request(method, address, headers=secrets["theirs"], json=content)
        assert answer.status_code == 404, f"{method} {address}"
    assert (await client.get(f"{API}/commands/groups", headers=secrets["theirs"])).json()["items"] == []
    wanted = {"scope": {}, "kind": "projector", "command": "power", "value": "on"}
    everywhere = await client.post(f"{API}/commands/groups", json=wanted, headers=secrets["theirs"])
    assert everywhere.status_code == 422, "everything is not theirs"

    assert (await client.get(of_it, headers=secrets["looks"])).status_code == 200
    assert (await client.post(path, json=body, headers=secrets["looks"])).status_code == 403
    assert (await client.post(f"{of_it}/cancel", headers=secrets["mine"])).json()["state"] == "cancelled"
    for wrong, field in (({"value": "dim"}, "value"), ({"command": "explode"}, "command"),
                         ({"value": True}, "value"), ({"expires_s": 0}, "expires_s")):  # fmt: skip
        refused = await client.post(path, json={**body, **wrong}, headers=secrets["mine"])
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), wrong
