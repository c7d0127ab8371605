"""Commands from the API to a device and back, with every part of the hub real."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from devices.wire.decoding import decode_payload
from tests.hub.commands.conftest import SCHOOL, AgentDouble, Hub, now_ms

pytestmark = [pytest.mark.mosquitto, pytest.mark.asyncio(loop_scope="module")]


async def test_a_command_reaches_the_device_and_is_observed(hub: Hub) -> None:
    command = await hub.give("pr-1")
    assert (command["state"], command["by"], command["metric"]) == ("queued", "demo-token", "Power")
    ended = await hub.ends(command)
    assert (ended["state"], ended["observed_value"], ended["tries"]) == ("succeeded", "on", 1)
    assert ended["created_ms"] <= ended["sent_ms"] <= ended["delivered_ms"] <= ended["ended_ms"]
    assert hub.agent.effects.count(("pr-1", "Power", "on")) == 1
    [wanted] = (await hub.get(f"/devices/{SCHOOL}/{hub.agent.node}/pr-1/wanted"))["items"]
    assert (wanted["metric"], wanted["wanted"], wanted["observed"]) == ("Power", "on", "on")


@pytest.mark.sparkplug(
    "tck-id-topics-dcmd-topic",
    "tck-id-topics-dcmd-mqtt",
    "tck-id-topics-dcmd-timestamp",
    "tck-id-topics-dcmd-payload",
    "tck-id-operational-behavior-data-commands-dcmd-verb",
    "tck-id-operational-behavior-data-commands-dcmd-metric-name",
    "tck-id-operational-behavior-data-commands-dcmd-metric-value",
    "tck-id-payloads-dcmd-timestamp",
    "tck-id-payloads-dcmd-seq",
    "tck-id-payloads-dcmd-qos",
    "tck-id-payloads-dcmd-retain",
)
async def test_a_dcmd_is_what_the_specification_asks_for(hub: Hub) -> None:
    """QoS 0, not retained, the time of sending, no sequence number, the metric's name, datatype and value."""
    await hub.ends(await hub.give("pr-2"))
    [(topic, raw, qos, retained)] = [each for each in hub.agent.raw if each[0].endswith("/pr-2")]
    assert topic == f"spBv1.0/{SCHOOL}/DCMD/{hub.agent.node}/pr-2"
    assert (qos, retained) == (0, False)
    payload = decode_payload(raw)
    assert payload.seq is None
    assert payload.ts_ms is not None
    assert abs(payload.ts_ms - now_ms()) < 60_000
    written, command_id, expires = payload.metrics
    assert (written.name, written.datatype, written.value) == ("Power", DataType.String, "on")
    assert (command_id.name, command_id.datatype, len(command_id.value)) == (
        "Command/Id",
        DataType.String,
        32,
    )
    assert (expires.name, expires.datatype) == ("Command/Expires", DataType.Int64)
    assert 0 < expires.value - payload.ts_ms <= 30_000


async def test_sent_twice_is_one_effect(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API hears it twice, and so does the agent: what it was sent first is lost."""
    monkeypatch.setattr("hub.commands.rules.FIRST_RESEND_MS", 300)
    first = await hub.give("pr-3", client_id="press-1")
    again = await hub.give("pr-3", client_id="press-1")
    assert again["id"] == first["id"]
    await hub.give("pr-3", client_id="press-1", value="off", status=409)
    hub.agent.deaf = True
    lost = await hub.give("pr-4", client_id="press-2")
    await hub.when(lambda: hub.get(f"/commands/{lost['id']}"), lambda said: said["state"] == "sent")
    hub.agent.deaf = False
    ended = await hub.ends(lost)
    assert (ended["state"], ended["tries"] > 1) == ("succeeded", True)
    assert (await hub.ends(first))["state"] == "succeeded"
    for device in ("pr-3", "pr-4"):
        assert [each for each in hub.agent.effects if each[0] == device] == [(device, "Power", "on")]


async def test_a_dispatcher_that_dies_between_sent_and_delivered_is_followed_by_another(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.commands.dispatching.LISTEN_FIRST_S", 0.3)
    hub.agent.deaf = True
    command = await hub.give("pr-5")
    await hub.when(lambda: hub.get(f"/commands/{command['id']}"), lambda said: said["state"] == "sent")
    await hub.control.die()
    hub.agent.deaf = False
    waiting = await hub.give("pr-6")  # nobody leads now
    hub.control.start()
    for each in (command, waiting):
        assert (await hub.ends(each))["state"] == "succeeded"
    assert [each for each in hub.agent.effects if each[0] == "pr-5"] == [("pr-5", "Power", "on")]


async def test_what_a_device_refuses_is_refused_and_what_waits_can_be_taken_back(hub: Hub) -> None:
    path = f"/devices/{SCHOOL}/{hub.agent.node}/ac-1"
    hub.agent.obeys = lambda device, metric, value: "refused"
    refused = await hub.ends(await hub.give("ac-1", command="setpoint", value=26))
    assert (refused["state"], refused["detail"]) == ("refused", "device_refused")
    hub.agent.obeys = lambda device, metric, value: "taken"  # and it is still at it
    first = await hub.give("ac-1", command="power", value=True)
    second = await hub.give("ac-1", command="fan", value="low")
    await hub.when(lambda: hub.get(f"/commands/{first['id']}"), lambda said: said["state"] == "delivered")
    assert (await hub.get(f"/commands/{second['id']}"))["state"] == "queued", "one command in flight a device"
    taken_back = await hub.client.post(f"/api/v1/commands/{second['id']}/cancel")
    assert taken_back.json()["state"] == "cancelled"
    assert (await hub.client.post(f"/api/v1/commands/{second['id']}/cancel")).status_code == 409
    hub.agent.obeys = lambda device, metric, value: "done"
    hub.agent.known[first["id"]] = ("failed", "timeout")
    await hub.agent.tell("ac-1", first["id"])
    ended = await hub.ends(first)
    assert (ended["state"], ended["detail"]) == ("failed", "timeout")
    listed = (await hub.get(f"{path}/commands"))["items"]
    assert [each["id"] for each in listed] == [second["id"], first["id"], refused["id"]]
    assert all(each[:2] != ("ac-1", "Fan") for each in hub.agent.effects)


async def test_with_the_agent_away_a_command_expires_and_is_never_sent(hub: Hub) -> None:
    away = AgentDouble(hub.agent.port, node=f"{SCHOOL}-a2", devices={"away-1": ("projector", "P201")})
    mine = Hub(hub.client, away, hub.control, hub.settings)
    async with away.there():
        await mine.shows("away-1")
    path = f"/nodes/{SCHOOL}/{away.node}"
    await mine.when(lambda: mine.get(path), lambda said: said["presence"]["state"] == "dead")
    ended = await mine.ends(await mine.give("away-1", expires_s=1))
    assert (ended["state"], ended["detail"], ended["tries"]) == ("expired", "not_sent", 0)


async def test_a_foreign_node_is_told_once_and_believed_by_what_it_shows(hub: Hub) -> None:
    foreign = AgentDouble(
        hub.agent.port, node=f"{SCHOOL}-x1", devices={"f-1": ("projector", "P301")}, proves=False
    )
    mine = Hub(hub.client, foreign, hub.control, hub.settings)
    async with foreign.there():
        await mine.shows("f-1")
        ended = await mine.ends(await mine.give("f-1"))
        assert (ended["state"], ended["delivered_ms"], ended["tries"]) == ("succeeded", None, 1)
        assert [metric.name for metric in foreign.heard[0].metrics] == ["Power"], "the plain command"


async def test_an_open_interlock_keeps_the_room_off(hub: Hub) -> None:
    await hub.agent.report("lab-gas", "Interlock Open", True)
    await hub.shows("lab-gas", "Interlock Open", True)
    said = await hub.give("lab-pr", status=409)
    assert "lab-gas" in said["detail"]
    ended = await hub.ends(await hub.give("lab-pr", value="off"))
    assert ended["state"] == "succeeded", "what switches a device off is always allowed"
    await hub.agent.report("lab-gas", "Interlock Open", False)
    await hub.shows("lab-gas", "Interlock Open", False)
    assert (await hub.ends(await hub.give("lab-pr")))["state"] == "succeeded"


async def test_m06_scene_start_display_on(hub: Hub) -> None:
    """One touch: the projector, the air at 26 °C; the progress is counted and every command is listed."""
    await hub.ends(await hub.give("pr-1", value="off"))
    before = len(hub.agent.effects)
    answer = await hub.client.post(f"/api/v1/rooms/{SCHOOL}/P101/scenes/start_lesson", json={})
    batch = answer.json()
    assert (answer.status_code, batch["total"], batch["state"]) == (202, 3, "running")
    path = f"/commands/groups/{batch['id']}"
    ended = await hub.when(lambda: hub.get(path), lambda said: said["state"] == "done")
    assert (ended["done"], ended["succeeded"], ended["failed"], ended["waiting"]) == (3, 3, 0, 0)
    assert hub.agent.effects[before:] == [
        ("pr-1", "Power", "on"), ("ac-1", "Power", True), ("ac-1", "Setpoint", 26.0),
    ]  # fmt: skip
    listed = (await hub.get(f"{path}/commands"))["items"]
    assert [each["state"] for each in listed] == ["succeeded"] * 3
    assert listed[0]["sent_ms"] - listed[0]["created_ms"] < 5_000


async def test_a_school_makes_its_own_scene(hub: Hub) -> None:
    steps = [{"kind": "projector", "command": "input", "value": "HDMI 2"}]
    body = {"school": SCHOOL, "name_vi": "Chiếu phim", "name_en": "Film", "steps": steps}
    made = (await hub.client.post("/api/v1/scenes", json=body)).json()
    wrong = {**body, "steps": [{"kind": "projector", "command": "input", "value": "SCART"}]}
    refused = await hub.client.post("/api/v1/scenes", json=wrong)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "steps.0.value"
    listed = (await hub.get(f"/scenes?school={SCHOOL}"))["items"]
    assert [each["name_vi"] for each in listed] == ["Bắt đầu tiết", "Kết thúc tiết", "Chiếu phim"]
    await hub.client.patch(f"/api/v1/scenes/{made['id']}", json={"name_en": "Movie"})
    run = f"/api/v1/rooms/{SCHOOL}/P102/scenes/{made['id']}"
    first, again = [(await hub.client.post(run, json={"client_id": "touch"})).json() for _ in range(2)]
    assert first["id"] == again["id"]
    await hub.when(lambda: hub.get(f"/commands/groups/{first['id']}"), lambda said: said["succeeded"] == 1)
    assert hub.agent.effects.count(("pr-2", "Input", "HDMI 2")) == 1
    assert (await hub.client.delete(f"/api/v1/scenes/{made['id']}")).status_code == 204
    assert (await hub.client.post(run, json={})).status_code == 404


async def test_a_group_stops_when_too_many_fail(hub: Hub) -> None:
    many = {f"m-{number:02}": ("interactive_display", "P401") for number in range(30)}
    agent = AgentDouble(hub.agent.port, node=f"{SCHOOL}-a3", devices=many)
    agent.obeys = lambda device, metric, value: "refused"
    mine = Hub(hub.client, agent, hub.control, hub.settings)
    wanted = {"kind": "interactive_display", "command": "power", "value": True, "rate_per_s": 20}
    async with agent.there():
        await mine.shows("m-29")
        where = {"scope": {"school": SCHOOL}}
        counted = await hub.client.post("/api/v1/commands/groups", json={**wanted, **where, "dry_run": True})
        assert (counted.json()["total"], counted.json()["id"]) == (30, "")
        nowhere = {"scope": {"school": "D799-TH-98"}}
        assert (
            await hub.client.post("/api/v1/commands/groups", json={**wanted, **nowhere})
        ).status_code == 404
        async with asyncio.timeout(20), hub.client.stream("GET", "/api/v1/commands/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: beat"
            batch = (await hub.client.post("/api/v1/commands/groups", json={**wanted, **where})).json()
            told: dict[str, object] = {}
            async for line in lines:  # as a page's progress bar does
                if '"aborted"' in line:
                    [told] = json.loads(line.removeprefix("data: "))
                    break
        assert (told["id"], told["total"]) == (batch["id"], 30)
        path = f"/commands/groups/{batch['id']}"
        ended = await mine.when(lambda: mine.get(path), lambda said: said["state"] != "running")
        assert (ended["state"], ended["detail"]) == ("aborted", "too_many_failures")
        assert 10 <= ended["failed"] < 30
        assert len(ended["failures"]) == ended["failed"]
        assert ended["id"] in {each["id"] for each in (await mine.get("/commands/groups"))["items"]}


async def test_drift_is_an_alarm_until_somebody_accepts_what_is(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.commands.rules.DRIFT_AFTER_MS", 100)
    await hub.ends(await hub.give("pr-7"))
    await hub.agent.report("pr-7", "Power", "off")  # somebody has the remote control in hand
    path = f"/devices/{SCHOOL}/{hub.agent.node}/pr-7"

    async def drifts() -> list[dict[str, object]]:
        found = (await hub.get(f"/alarms?state=all&node={hub.agent.node}&device=pr-7"))["items"]
        return [each for each in found if each["condition"] == "drift"]

    [alarm] = await hub.when(drifts, lambda found: len(found) == 1)
    assert (alarm["limit"], alarm["value"], alarm["severity"]) == ("on", "off", "minor")
    assert len([each for each in hub.agent.effects if each[0] == "pr-7"]) == 1, "no silent retry"
    [wanted] = (await hub.get(f"{path}/wanted"))["items"]
    assert (wanted["wanted"], wanted["observed"], wanted["drift_since_ms"] > 0) == ("on", "off", True)
    assert (await hub.get(path))["wanted"] == {"Power": "on"}
    assert (await hub.client.delete(f"/api/v1{path}/wanted/Power")).status_code == 204
    assert (await hub.get(f"{path}/wanted"))["items"] == []
    await hub.when(drifts, lambda found: found[0]["returned_ms"])


async def test_m04_every_command_has_its_actor_in_the_audit_log(hub: Hub) -> None:
    command = await hub.give("pr-8", client_id="audited")
    await hub.give("pr-8", client_id="audited")
    touched = (await hub.client.post(f"/api/v1/rooms/{SCHOOL}/P108/scenes/end_lesson", json={})).json()
    scope = {"school": SCHOOL, "room": "P108"}
    wanted = {"scope": scope, "kind": "projector", "command": "power", "value": "off"}
    group = (await hub.client.post("/api/v1/commands/groups", json=wanted)).json()
    entries = (await hub.get("/audit?limit=200"))["items"]

    def actors(action: str, name: str) -> list[tuple[str, str]]:
        return [(each["actor"], each["unit"]) for each in entries
                if each["action"] == action and (each["after"] or {}).get("id") == name]  # fmt: skip

    for action, one in (("command.give", command), ("scene.run", touched), ("command.group", group)):
        assert actors(action, one["id"]) == [("demo-token", SCHOOL)], action
    for one in (await hub.get(f"/devices/{SCHOOL}/{hub.agent.node}/pr-8/commands"))["items"]:
        assert one["by"] == "demo-token", "and so has each of a group"


async def test_the_real_agent_obeys_a_command_of_the_api(hub: Hub, tmp_path: Path) -> None:
    node = f"{SCHOOL}-a9"
    file = tmp_path / "agent.toml"
    file.write_text(f"""
[agent]
group = "{SCHOOL}"
node = "{node}"
[mqtt]
url = "{hub.settings.mqtt_url}"
[outbox]
path = "{tmp_path}/outbox.db"
[[devices]]
id = "real-1"
kind = "projector"
room = "P501"
driver = "simulated"
seed = 1
poll_s = 5
""")
    agent = [sys.executable, "-m", "hub.cli", "agent", "--config", str(file)]
    mine = Hub(hub.client, AgentDouble(hub.agent.port, node=node), hub.control, hub.settings)
    process = await asyncio.create_subprocess_exec(*agent)
    try:
        await mine.shows("real-1")
        now = {
            one["name"]: one["value"]
            for one in (await mine.get(f"/devices/{SCHOOL}/{node}/real-1"))["metrics"]
        }
        value = "HDMI 2" if now["Input"] != "HDMI 2" else "HDMI 1"
        ended = await mine.ends(await mine.give("real-1", command="input", value=value))
        assert (ended["state"], ended["observed_value"], ended["tries"]) == ("succeeded", value, 1)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)
