"""From a finding to a device in a room and in the register, over HTTP."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub.database import Database
from hub.discovery import service
from tests.hub.fleet.test_api import GROUP, Hub
from tests.hub.web.conftest import application, client

__all__ = ["application", "client"]

ROOM = "P101"


@pytest.fixture
async def database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite: what is asked of the engine itself is in test_service.py, on both."""
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/hub.db")
    yield database
    await database.close()


class Room(Hub):
    """An agent in a school's room that finds things."""

    async def prepare(self) -> None:
        """The room is in the register of rooms, the agent is there."""
        made = await self.client.post(
            "/api/v1/organisation/rooms",
            json={"school": GROUP, "code": ROOM, "name": "Phòng 101", "type": "classroom"},
        )
        assert made.status_code == 201, made.text
        self.show("a1")

    async def find(self, *entries: dict[str, Any]) -> list[dict[str, Any]]:
        """The agent tells what it found; gives the open proposals."""
        self.show("a1", Discovered=json.dumps({"at_ms": self.now_ms, "found": entries}))
        async with self.database.write() as session:
            await service.heard(session, (GROUP, "a1"), self.documents[GROUP, "a1"], self.now_ms)
        answer = await self.client.get("/api/v1/proposals", params={"school": GROUP, "state": "open"})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def claim(self, proposal: dict[str, Any], **wanted: Any) -> httpx.Response:
        return await self.client.post(
            f"/api/v1/proposals/{proposal['id']}/claim", json={"room": ROOM} | wanted
        )

    async def devices(self) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/api/v1/agents/{GROUP}/a1/configuration")
        found: list[dict[str, Any]] = answer.json()["content"]["devices"]
        return found


@pytest.fixture
async def room(application: FastAPI, client: httpx.AsyncClient) -> Room:
    hub = Room(application, client)
    await hub.prepare()
    return hub


PROJECTOR = {
    "method": "pjlink", "protocol": "pjlink", "address": "10.1.1.7", "kind": "projector", "name": "EB-L200",
    "maker": "EPSON", "model": "L200", "serial": "X41", "options": {"host": "10.1.1.7"},
}  # fmt: skip


async def test_a_claim_makes_a_device_and_an_asset_and_is_done_once(room: Room) -> None:
    (found,) = await room.find(PROJECTOR)
    assert (found["kind"], found["school"], found["state"]) == ("projector", GROUP, "open")
    done = await room.claim(
        found, room="p101", new_asset=True, name="Máy chiếu", options={"password": "geheim"}
    )
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["device"]) == ("claimed", "p101-projector")
    (device,) = await room.devices()
    assert device == {
        "id": "p101-projector", "kind": "projector", "room": ROOM, "room_type": "classroom",
        "name": "Máy chiếu",
        "options": {"host": "10.1.1.7", "password": "(kept)"},
    }  # fmt: skip
    (asset,) = (await room.client.get("/api/v1/assets", params={"school": GROUP, "q": "Máy chiếu"})).json()[
        "items"
    ]
    assert (asset["serial"], asset["room"], asset["type"]) == ("X41", ROOM, "projector")
    assert asset["device"] == {"group": GROUP, "node": "a1", "device": "p101-projector"}
    again = await room.claim(found)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "proposal_id")
    assert len(await room.devices()) == 1
    (sent,) = await room.look()
    assert json.loads(sent.text)["devices"][0]["options"]["password"] == "geheim"
    entries = (await room.client.get("/api/v1/audit", params={"action": "proposal.claim"})).json()["items"]
    assert entries[0]["after"]["device"] == "p101-projector"


async def test_a_claim_that_cannot_be_changes_nothing(room: Room) -> None:
    (found,) = await room.find(PROJECTOR)
    for wanted, status, field in (
        ({"room": "P999"}, 422, "room"),
        ({"kind": "toaster"}, 422, "kind"),
        ({"kind": "uplink"}, 422, "options.interface"),
        ({"options": {"prot": 4352}}, 422, "options.prot"),
        ({"asset_id": 987654}, 404, "asset"),
        ({"new_asset": True, "asset_id": 1}, 422, "body"),
        ({"device_id": "a/b"}, 422, "device_id"),
    ):
        answer = await room.claim(found, **wanted)
        assert answer.status_code == status, (wanted, answer.text)
        assert answer.json()["errors"][0]["field"] == field
    assert (await room.client.get(f"/api/v1/agents/{GROUP}/a1/configuration")).status_code == 404
    (still,) = await room.find(PROJECTOR)
    assert still["state"] == "open"
    await room.claim(found, device_id="One")
    (other,) = await room.find(PROJECTOR | {"address": "10.1.1.8", "serial": "X42"})
    taken = await room.claim(other, device_id="one")
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "device_id")


async def test_an_agent_whose_own_file_has_devices_keeps_them(room: Room) -> None:
    (found,) = await room.find(PROJECTOR)
    device = {
        "school": GROUP, "group": GROUP, "room": ROOM, "node": "a1", "device": "d1", "kind": "relay",
        "presence": {"state": "born"}, "metrics": {},
    }  # fmt: skip
    room.application.state.picture.message(f"hub/live/{GROUP}/{ROOM}/d1", json.dumps(device).encode())
    refused = await room.claim(found)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "node")


async def test_a_dismissal_is_taken_back_and_a_search_is_asked_for(room: Room) -> None:
    (found,) = await room.find(PROJECTOR)
    path = f"/api/v1/proposals/{found['id']}"
    assert (await room.client.post(f"{path}/dismiss", json={})).json()["state"] == "dismissed"
    assert await room.find(PROJECTOR) == []
    assert (await room.client.post(f"{path}/reopen", json={})).json()["state"] == "open"
    assert (await room.client.post("/api/v1/proposals/99/dismiss", json={})).status_code == 404
    asked = await room.client.post(
        f"/api/v1/agents/{GROUP}/a1/scan", json={"methods": ["snmp"], "networks": ["10.1.1.0/24"]}
    )
    assert (asked.status_code, asked.json()["kind"]) == (202, "scan")
    (sent,) = await room.look()
    assert json.loads(sent.text)["networks"] == ["10.1.1.0/24"]
    assert (await room.client.post(f"/api/v1/agents/{GROUP}/a9/scan", json={})).status_code == 404
    wrong = await room.client.post(f"/api/v1/agents/{GROUP}/a1/scan", json={"methods": ["guess"]})
    assert wrong.status_code == 422
