"""Messages to the other roles: bounded, in order, kept while the broker is away."""

import asyncio
import contextlib

import aiomqtt
import pytest

from hub.events import DROPPED, Events
from hub.supervision import Backoff, supervise
from tests.conftest import Broker


async def test_the_oldest_messages_are_dropped_and_counted() -> None:
    events = Events("mqtt://127.0.0.1:1", "test", max_pending=3)
    before = DROPPED._value.get()
    for number in range(5):
        events.publish("hub/changed/alarms", {"id": number})
    assert [payload for _, payload in events._pending] == [b'{"id": 2}', b'{"id": 3}', b'{"id": 4}']
    assert DROPPED._value.get() == before + 2


@pytest.mark.mosquitto
async def test_messages_wait_for_the_broker_and_arrive_in_order(broker: Broker) -> None:
    events = Events(broker.url, "test")
    stop = asyncio.Event()
    await asyncio.to_thread(broker.stop)
    for number in range(3):
        events.publish("hub/changed/alarms", {"id": number})
    quick = Backoff(first_s=0.1, limit_s=0.2)
    publishing = asyncio.create_task(supervise("events", events.run, stop, quick))
    await asyncio.sleep(0.3)
    assert not events.connected
    got: list[bytes] = []
    # starts the broker itself, and subscribes before the publisher's next try can win the race
    await asyncio.to_thread(broker.start)
    async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("hub/changed/#", qos=1)
        events.publish("hub/changed/alarms", {"id": "last"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                async for message in listener.messages:
                    got.append(bytes(message.payload))
                    if got[-1] == b'{"id": "last"}':
                        break
    assert got[-1] == b'{"id": "last"}'
    assert got == sorted(got[:-1]) + got[-1:]
    stop.set()
    await publishing
    assert not events._pending
