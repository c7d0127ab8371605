"""Devices on the room's broker: a real Mosquitto, and devices of our own that talk as the makers' do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest

from devices.cancelling import cancelled
from devices.kind import kind
from devices.protocols.mqtt_json import line as lines
from devices.protocols.mqtt_json.listening import offered
from devices.protocols.mqtt_json.options import RoomBrokerOptions
from devices.simulation import UnreachableError
from edge_agents.driver import Driver, reason_of
from tests.conftest import Broker

pytestmark = pytest.mark.mosquitto
Answer = Callable[[str, str], list[tuple[str, str]]]


def driver(of: str, broker: Broker, protocol: str, **options: Any) -> Driver:
    make = kind(of).driver
    assert make is not None
    made: Driver = make(protocol=protocol, url=broker.url, **options)
    return made


@asynccontextmanager
async def device(broker: Broker, asked: str, answer: Answer) -> AsyncIterator[aiomqtt.Client]:
    """A device that listens to `asked` and publishes what `answer` makes of each message."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(asked)

        async def listen() -> None:
            async for message in client.messages:
                for topic, text in answer(str(message.topic), bytes(message.payload).decode()):
                    await client.publish(topic, text)

        task = asyncio.create_task(listen())
        yield client
        await cancelled(task)


class TasmotaPlug:
    on = False

    def __call__(self, topic: str, said: str) -> list[tuple[str, str]]:
        if topic.endswith("POWER1"):
            self.on = said == "ON"
            return [("stat/plug/RESULT", json.dumps({"POWER": said}))]
        if topic.endswith("STATUS"):
            return [("stat/plug/STATUS10", json.dumps({"StatusSNS": {"ENERGY": {"Power": 60 * self.on}}}))]
        return [("stat/plug/RESULT", json.dumps({"POWER": "ON" if self.on else "OFF"}))]


class ShellyRelay:
    on = [False, True]

    def __call__(self, topic: str, said: str) -> list[tuple[str, str]]:
        asked = json.loads(said)
        if asked["method"] == "Switch.Set":
            number = asked["params"]["id"]
            self.on[number] = asked["params"]["on"]
            status = {f"switch:{number}": {"output": self.on[number]}}
            return [("sh/events/rpc", json.dumps({"method": "NotifyStatus", "params": status}))]
        status = {f"switch:{number}": {"output": on, "apower": 10.0} for number, on in enumerate(self.on)}
        return [(f"{asked['src']}/rpc", json.dumps({"id": asked["id"], "result": status}))]


async def test_relays_of_three_makers_are_read_and_switched_over_one_line(broker: Broker) -> None:
    def zigbee(topic: str, said: str) -> list[tuple[str, str]]:
        wanted = json.loads(said)["state"] or "OFF"
        return [("zigbee2mqtt/p101/fan", json.dumps({"state": wanted}))]

    tasmota_driver = driver("relay", broker, "tasmota", topic="plug")
    shelly_driver = driver("relay", broker, "shelly", prefix="sh")
    zigbee_driver = driver("relay", broker, "zigbee2mqtt", name="p101/fan")
    async with (
        device(broker, "cmnd/plug/#", TasmotaPlug()),
        device(broker, "sh/rpc", ShellyRelay()),
        device(broker, "zigbee2mqtt/p101/fan/+", zigbee),
    ):
        for one in (tasmota_driver, shelly_driver, zigbee_driver):
            await one.connect()
        assert len(lines._lines) == 1
        for one, channel in (
            (tasmota_driver, "Relay 1"),
            (shelly_driver, "Relay 1"),
            (zigbee_driver, "Relay 1"),
        ):
            assert (await one.poll())[channel] is False
            await one.write(channel, True)
            assert (await one.poll())[channel] is True, "the change is observed at the next poll"
        assert (await shelly_driver.poll())["Power"] == 20
        for one in (tasmota_driver, shelly_driver, zigbee_driver):
            await one.close()
    assert lines._lines == {}


async def test_who_is_lost_or_talks_nonsense_has_a_reason_and_comes_back(broker: Broker) -> None:
    headset = driver("vr_headset", broker, "classroom", id="vr-7")
    async with aiomqtt.Client("127.0.0.1", broker.port, timeout=0.3) as client:
        await client.publish("classroom/vr-7/online", "false", retain=True)
        await headset.connect()
        assert await reason(headset) == "timeout"
        await client.publish("classroom/vr-7/online", "true", retain=True)
        await client.publish("classroom/vr-7/state", '{"battery": 80, "session_min": 3}', retain=True)
        await headset.close()
        await headset.connect()
        await until(headset, "Battery", 80)
        await client.publish("classroom/vr-7/state", '{"battery": 8')
        for _ in range(200):
            if await reason(headset) == "protocol_error":
                break
            await asyncio.sleep(0.01)
        assert await reason(headset) == "protocol_error"
        await client.publish("classroom/vr-7/state", '{"battery": 79}')
        await until(headset, "Battery", 79)
        broker.kill()
        for _ in range(200):
            if await reason(headset):
                break
            await asyncio.sleep(0.01)
        assert await reason(headset) == "timeout"
        await headset.close()
        with pytest.raises(UnreachableError) as caught:
            await headset.connect()
        assert caught.value.reason == "refused"
        await headset.close()


async def test_a_device_that_never_speaks_waits_no_longer_than_its_loop_lets_it(broker: Broker) -> None:
    silent = driver("relay", broker, "tasmota", topic="nobody")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await silent.connect()
    await silent.close()
    spoken = driver("vr_headset", broker, "classroom", id="a", silent_after_s=1)
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("classroom/a/state", '{"battery": 1}', retain=True)
        await spoken.connect()
    assert (await spoken.poll())["Battery"] == 1
    spoken._heard_s -= 2  # type: ignore[attr-defined]
    assert await reason(spoken) == "timeout"
    await spoken.close()


async def test_what_is_on_the_broker_is_offered(broker: Broker) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("classroom/vr-7/about", '{"kind": "vr_headset", "name": "Kính 7"}', retain=True)
        await client.publish("tasmota/discovery/A/config", '{"t": "plug", "rl": [1]}', retain=True)
        await client.publish("zigbee2mqtt/bridge/devices", "garbage", retain=True)
    found = await offered(RoomBrokerOptions(url=broker.url), listen_s=0.3)
    assert sorted(one.kind for one in found) == ["relay", "vr_headset"]


async def reason(one: Driver) -> str:
    try:
        await one.poll()
    except Exception as error:  # noqa: BLE001 — as an agent's loop does
        return reason_of(error)
    return ""


async def until(one: Driver, metric: str, value: Any) -> None:
    for _ in range(200):
        try:
            if (await one.poll()).get(metric) == value:
                return
        except UnreachableError:
            pass
        await asyncio.sleep(0.01)
    raise AssertionError(f"{metric} never became {value}")
