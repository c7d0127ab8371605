"""The fleet over HTTP and the sender's looks: versions, secrets, refusals, stages, aborts."""

import asyncio
import io
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from devices.packages import build, digest_of, new_key, sign
from hub.database import Database
from hub.fleet.steps import Look, Outgoing
from hub.live.documents import Mirrored, read
from hub.settings import FleetSettings, Settings
from tests.hub.web.conftest import DEMO_TOKEN, application, bearer, client

__all__ = ["application", "client"]

GROUP = "D703-THPT-02"
AGENT = f"/api/v1/agents/{GROUP}/a1"
RELAY = {"id": "r1", "kind": "relay", "room": "P101", "driver": "simulated"}
PROJECTOR = {
    "id": "p1", "kind": "projector", "room": "P101", "options": {"host": "10.1.2.3", "password": "geheim"},
}  # fmt: skip


@pytest.fixture
async def database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite: what is asked of the engine itself is in test_service.py, on both."""
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/hub.db")
    yield database
    await database.close()


class Hub:
    """The API, and agents as the live mirror would show them."""

    def __init__(self, application: FastAPI, client: httpx.AsyncClient) -> None:
        self.application, self.client = application, client
        self.database: Database = application.state.database
        self.now_ms = 1_800_000_000_000
        self.documents: dict[tuple[str, str], Mirrored] = {}
        application.state.now_ms = lambda: self.now_ms
        self.client.headers.update(bearer(DEMO_TOKEN))

    def show(self, node: str, *, present: bool = True, **metrics: Any) -> None:
        """An agent's document of now."""
        old = self.documents.get((GROUP, node))
        values = {name: reading.value for name, reading in old.metrics.items()} if old else {}
        values |= {f"Agent/{name.replace('_', ' ')}": value for name, value in metrics.items()}
        document = {
            "school": GROUP, "group": GROUP, "room": "-", "node": node, "device": None,
            "presence": {"state": "born" if present else "dead", "reason": "", "since_ms": 1},
            "metrics": {name: {"value": value} for name, value in values.items()}, "heard_ms": 1,
        }  # fmt: skip
        raw = orjson.dumps(document)
        self.documents[GROUP, node] = read(raw)
        self.application.state.picture.message(f"hub/live/{GROUP}/-/{node}", raw)

    async def look(self, after_s: float = 0) -> list[Outgoing]:
        self.now_ms += int(after_s * 1000)
        async with self.database.write() as session:
            return await Look(session, self.documents.get, lambda v: f"https://hub/{v}", self.now_ms).run()

    def answer(self, outgoing: Outgoing, state: str, **fields: Any) -> dict[str, Any]:
        """The agent answers a request that was sent to it."""
        request: dict[str, Any] = orjson.loads(outgoing.text)
        told = {"id": request["id"], "state": state, "detail": "", **fields}
        self.show(outgoing.key[1], Result=orjson.dumps(told).decode())
        return request

    def obey(self, outgoing: Outgoing) -> None:
        """The agent does what a `configure` says."""
        request = self.answer(outgoing, "done")
        self.show(outgoing.key[1], Config_Version=request["version"], Config_Hash=request["hash"])

    async def put(self, node: str = "a1", status: int = 201, **body: Any) -> Any:
        answer = await self.client.put(f"/api/v1/agents/{GROUP}/{node}/configuration", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def hub(application: FastAPI, client: httpx.AsyncClient) -> Hub:
    return Hub(application, client)


async def test_versions_are_made_from_the_newest_and_can_be_wanted_again(hub: Hub) -> None:
    first = await hub.put(base_version=0, devices=[PROJECTOR])
    assert (first["version"], first["state"]) == (1, "pending")
    assert first["content"]["devices"][0]["options"] == {"host": "10.1.2.3", "password": "(kept)"}
    wrong = await hub.put(base_version=0, devices=[], status=409)
    assert wrong["errors"][0]["field"] == "base_version"
    kept = await hub.put(base_version=1, devices=[{**first["content"]["devices"][0], "poll_s": 3}])
    assert kept["version"] == 2
    hub.show("a1", Config_Version=0)
    (sent,) = await hub.look(3)
    assert orjson.loads(sent.text)["devices"][0]["options"]["password"] == "geheim", "what was kept is sent"
    back = await hub.client.post(f"{AGENT}/configuration/rollback", json={"version": 1})
    assert (back.status_code, back.json()["version"]) == (201, 3)
    assert back.json()["hash"] == first["hash"]
    listed = await hub.get(f"{AGENT}/configurations?limit=2")
    assert [each["version"] for each in listed["items"]] == [3, 2]
    audit = await hub.get("/api/v1/audit?action=agent.configure")
    assert len(audit["items"]) == 3


@pytest.mark.parametrize(
    ("device", "field", "word"),
    [
        ({**RELAY, "kind": "teapot"}, "kind", "known kinds are"),
        ({**PROJECTOR, "options": {"host": "http://x/"}}, "host", "without http"),
        ({**PROJECTOR, "options": {"host": "10.0.0.1", "pots": 1}}, "pots", "correct its name"),
        ({**RELAY, "name": "x" * 201}, "name", ""),
        ({**RELAY, "poll_s": 0}, "poll_s", ""),
    ],
)
async def test_a_wrong_configuration_is_refused_in_words(
    hub: Hub, device: dict[str, Any], field: str, word: str
) -> None:
    told = await hub.put(base_version=0, devices=[device], status=422)
    assert field in told["errors"][0]["field"]
    assert word in f"{told['errors'][0]['detail']} {told['errors'][0]['fix']}"
    assert (await hub.client.get(f"{AGENT}/configuration")).status_code == 404, "nothing was kept"


async def test_a_configuration_of_a_megabyte_is_refused_in_words(hub: Hub) -> None:
    big = [{**RELAY, "id": f"r{n}", "options": {"note": "x" * 10_000}} for n in range(100)]
    told = await hub.put(base_version=0, devices=big, status=422)
    assert "too large" in str(told)
    twice = await hub.put(base_version=0, devices=[RELAY, {**RELAY, "id": "R1"}], status=422)
    assert "more than once" in str(twice)


async def test_drift_is_seen_and_the_configuration_sent_again(hub: Hub) -> None:
    hub.show("a1")
    await hub.put(base_version=0, devices=[RELAY])
    (sent,) = await hub.look()
    assert await hub.look(1) == [], "not again so soon"
    (again,) = await hub.look(2)
    assert orjson.loads(again.text)["id"] == orjson.loads(sent.text)["id"], "the same request"
    hub.answer(again, "taken")
    hub.show("a1", Config_Version=1, Config_Hash=orjson.loads(sent.text)["hash"])
    await hub.look(1)
    assert (await hub.get(AGENT))["config"]["state"] == "pending", "it is on trial"
    hub.obey(again)
    await hub.look(1)
    assert (await hub.get(AGENT))["config"]["state"] == "in_step"
    hub.show("a1", Config_Version=0, Config_Hash="")
    (resent,) = await hub.look(1)
    config = (await hub.get(AGENT))["config"]
    assert (config["state"], config["detail"]) == ("pending", "the agent has no version instead of 1")
    hub.obey(resent)
    await hub.look(1)
    hub.show("a1", present=False, Config_Version=0)
    assert await hub.look(1) == [], "who is away is left alone"
    listed = await hub.get("/api/v1/agents?problem=true")
    assert [each["node"] for each in listed["items"]] == ["a1"]


async def test_a_refusal_stays_until_something_else_is_wanted(hub: Hub) -> None:
    hub.show("a1")
    await hub.put(base_version=0, devices=[RELAY])
    (sent,) = await hub.look()
    hub.answer(sent, "refused", detail="older_version: this agent has version 7")
    assert await hub.look(1) == []
    config = (await hub.get(AGENT))["config"]
    assert (config["state"], config["detail"]) == ("refused", "older_version: this agent has version 7")
    assert await hub.look(86_400) == []
    assert (await hub.get("/api/v1/agents?config=refused"))["items"][0]["node"] == "a1"


async def begin(hub: Hub, **others: Any) -> dict[str, Any]:
    body = {
        "kind": "configuration", "target": {"unit": GROUP}, "change": {"options": {"heartbeat_s": 60}},
        "stages_percent": [10, 50, 100], "abort_percent": 20, "patience_s": 600, **others,
    }  # fmt: skip
    answer = await hub.client.post("/api/v1/rollouts", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_roll_out_goes_on_stage_by_stage(hub: Hub) -> None:
    for number in range(10):
        hub.show(f"n{number}")
    rollout = await begin(hub)
    for total in (1, 4, 5):
        sent = await hub.look()
        assert len(sent) == total
        for each in sent:
            hub.obey(each)
        assert await hub.look(300) == [], "patience"
        await hub.look(290)
        hub.now_ms += 11_000
    await hub.look()
    found = await hub.get(f"/api/v1/rollouts/{rollout['id']}")
    assert (found["state"], [stage["in_step"] for stage in found["stages"]]) == ("done", [1, 4, 5])


async def test_a_roll_out_aborts_by_itself_and_wants_what_was_before(hub: Hub) -> None:
    for number in range(10):
        await hub.put(f"n{number}", base_version=0, devices=[RELAY])
        hub.show(f"n{number}")
    for each in await hub.look():
        hub.obey(each)
    await hub.look(1)
    rollout = await begin(hub, stages_percent=[50, 100])
    sent = await hub.look()
    assert len(sent) == 5
    for each in sent[:2]:
        hub.answer(each, "failed", detail="rolled_back: the hub was not reached with it")
    await hub.look(1)
    found = await hub.get(f"/api/v1/rollouts/{rollout['id']}")
    assert (found["state"], found["detail"]) == ("aborted", "2 of 5 agents of stage 1 failed")
    states = [each["state"] for each in found["agents"]]
    assert (states.count("failed"), states.count("skipped")) == (2, 8)
    failed = next(each["node"] for each in found["agents"] if each["state"] == "failed")
    wanted = await hub.get(f"/api/v1/agents/{GROUP}/{failed}/configuration")
    assert wanted["version"] == 3
    assert "options" not in wanted["content"], "as before"
    again = await hub.client.post(f"/api/v1/rollouts/{rollout['id']}/abort")
    assert again.status_code == 409


async def test_who_loses_contact_after_a_change_aborts_a_roll_out(hub: Hub) -> None:
    hub.show("n1")
    rollout = await begin(hub, stages_percent=[100])
    (sent,) = await hub.look()
    hub.obey(sent)
    await hub.look(1)
    hub.show("n1", present=False)
    await hub.look(600)
    found = await hub.get(f"/api/v1/rollouts/{rollout['id']}")
    assert (found["state"], found["detail"]) == (
        "aborted",
        "1 of 1 agents of stage 1 failed or lost contact",
    )


async def test_packages_are_taken_signed_and_given_from_any_byte_on(hub: Hub, tmp_path: Path) -> None:
    wheel, package = tmp_path / "a-1-py3-none-any.whl", tmp_path / "p.tar.gz"
    wheel.write_bytes(b"wheel" * 1000)
    build(package, "2.0.0", [wheel])
    private, public = new_key()

    async def post(content: bytes, signature: str) -> httpx.Response:
        files = {"file": ("p.tar.gz", content)}
        return await hub.client.post("/api/v1/packages", files=files, data={"signature": signature})

    content = package.read_bytes()
    signature = sign(private, digest_of(package))
    assert (await post(content, signature)).status_code == 409, "the hub knows nobody yet"
    settings: Settings = hub.application.state.settings
    object.__setattr__(settings, "fleet", FleetSettings(package_keys=public))
    assert "none of the keys" in (await post(content + b"x", signature)).text, "tampered"
    assert "none of the keys" in (await post(content, sign(new_key()[0], digest_of(package)))).text
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd"))
    (tmp_path / "other").write_bytes(other.getvalue())
    told = await post(other.getvalue(), sign(private, digest_of(tmp_path / "other")))
    assert "does not begin with package.json" in told.text
    made = await post(content, signature)
    assert made.status_code == 201, made.text
    assert (await post(content, signature)).status_code == 409, "each version once"
    hub.client.headers.pop("Authorization")
    part = await hub.client.get("/api/v1/packages/2.0.0/download", headers={"Range": "bytes=100-"})
    assert (part.status_code, part.content) == (206, content[100:])
    kept = await asyncio.to_thread(lambda: [each.name for each in (settings.data_dir / "packages").iterdir()])
    assert kept == [f"{digest_of(package)}.tar.gz"], "what was refused left nothing"
