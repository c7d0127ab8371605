"""Commands from the API to a device and back, with every part of the hub real."""

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


async def test_a_dcmd_is_what_the_specification_asks_for(hub: Hub) -> None:
    """QoS 0, not retained, the time of sending, no sequence number, the metric's name, datatype and value."""
    await hub.ends(await hub.give("pr-2"))
    [(topic, raw, qos, retained)] = [each for each in hub.agent.raw if each[0].endswith("/pr-2")]
    assert topic == f"spBv1.0/{SCHOOL}/DCMD/{hub.agent.node}/pr-2"
    assert (qos, retained) == (0, False)
    payload = decode_payload(raw)
    assert payload.seq is None
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


async def test_sent_twice_is_one_effect(hub: Hub) -> None:
    """The API hears it twice, and so does the agent: its first answer is lost with the line."""
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


async def test_a_dispatcher_that_dies_between_sent_and_delivered_is_followed_by_another(hub: Hub) -> None:
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


async def test_what_a_device_refuses_is_refused_and_what_does_nothing_times_out(hub: Hub) -> None:
    path = f"/devices/{SCHOOL}/{hub.agent.node}/ac-1"
    hub.agent.obeys = lambda device, metric, value: "refused"
    refused = await hub.ends(await hub.give("ac-1", command="setpoint", value=26))
    assert (refused["state"], refused["detail"]) == ("refused", "device_refused")
    hub.agent.obeys = lambda device, metric, value: "taken"  # and nothing more is heard of it
    first = await hub.give("ac-1", command="power", value=True, expires_s=1)
    second = await hub.give("ac-1", command="fan", value="low")
    await hub.when(lambda: hub.get(f"/commands/{first['id']}"), lambda said: said["state"] == "delivered")
    assert (await hub.get(f"/commands/{second['id']}"))["state"] == "queued", "one command in flight a device"
    taken_back = await hub.client.post(f"/api/v1/commands/{second['id']}/cancel")
    assert taken_back.json()["state"] == "cancelled"
    assert (await hub.client.post(f"/api/v1/commands/{second['id']}/cancel")).status_code == 409
    hub.agent.obeys = lambda device, metric, value: "done"
    ended = await hub.ends(first)
    assert (ended["state"], ended["detail"]) == ("timed_out", "no_result")
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
        foreign.deaf = True
        ended = await mine.ends(await mine.give("f-1", value="off", expires_s=1))
        assert (ended["state"], ended["detail"], ended["tries"]) == ("timed_out", "not_observed", 1)


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
