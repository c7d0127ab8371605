"""The live picture follows the retained documents of a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from hub.events import mqtt_client
from hub.live import picture as module
from hub.live.picture import Picture
from tests.hub.wall.documents import alarm, device, node, put, put_alarm

A = "D703-THPT-01"


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not true():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


def test_documents_come_move_and_go() -> None:
    picture = Picture()
    put(picture, node(A))
    put(picture, device(A, "air"))
    assert picture.sorted_keys() == [(A, f"{A}-a1", ""), (A, f"{A}-a1", "air")]
    put(picture, device(A, "air", room="P2"))
    picture.message(f"hub/live/{A}/P101/air", b"")  # the old place, emptied
    assert [d["room"] for d in picture.documents()] == ["-", "P2"]
    picture.message(f"hub/live/{A}/P2/air", b"")
    assert picture.get((A, f"{A}-a1", "air")) is None


@pytest.mark.parametrize("payload", [b"{", b"[]", b"{}", b'{"school":"x"}', b"\xff", b"null"])
def test_unreadable_documents_change_nothing(payload: bytes) -> None:
    picture = Picture()
    put(picture, device(A, "air"))
    for topic in (f"hub/live/{A}/P101/other", "hub/alarms/1", "hub/live/"):
        picture.message(topic, payload)
    assert (len(picture.sorted_keys()), picture.alarms) == (1, {})


def test_heartbeats_grow_old() -> None:
    now_s = 100.0
    picture = Picture(clock=lambda: now_s)
    beat = orjson.dumps({"online": True, "messages": 1, "ts_ms": 5})
    picture.message("hub/status/ingest/0", beat, retained=True)
    assert not picture.ingest_online()  # it may be of a worker that died with the broker
    picture.message("hub/status/ingest/0", orjson.dumps({"online": True, "messages": 2, "ts_ms": 6}))
    assert picture.ingest_online()
    assert picture.data_ms == 6
    now_s += 6
    assert not picture.ingest_online()


def test_what_a_new_connection_does_not_mention_is_forgotten() -> None:
    picture = Picture()
    gone: list[tuple[Any, Any]] = []

    class Listener:
        def device_changed(self, old: Any, new: Any) -> None:
            gone.append((old, new))

        def alarm_changed(self, old: Any, new: Any) -> None:
            gone.append((old, new))

        def status_changed(self) -> None:
            pass

    put(picture, device(A, "air"))
    put(picture, device(A, "old"))
    put_alarm(picture, alarm("1", A))
    picture.add_listener(Listener())
    del gone[:]
    picture.begin()
    put(picture, device(A, "air"))
    del gone[:]
    picture.forget_unseen()
    assert [(old.get("device"), new) for old, new in gone] == [("old", None), ("p101-air", None)]
    assert ([key[2] for key in picture.sorted_keys()], picture.alarms) == (["air"], {})


@pytest.mark.mosquitto
async def test_follows_a_broker_over_its_restart(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORGET_AFTER_S", 0.5)
    picture = Picture()

    async def follow() -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                await picture.follow(broker.url, "web-test")
            await asyncio.sleep(0.05)

    async def publish(document: dict[str, Any]) -> None:
        async with mqtt_client(broker.url, "ingest-test") as client:
            topic = f"hub/live/{A}/{document['room']}/{document['device']}"
            await client.publish(topic, orjson.dumps(document), qos=1, retain=True)

    await publish(device(A, "before"))
    following = asyncio.create_task(follow())
    try:
        await until(lambda: len(picture.sorted_keys()) == 1)  # retained
        await publish(device(A, "live"))
        await until(lambda: len(picture.sorted_keys()) == 2)
        restarting = asyncio.create_task(asyncio.to_thread(broker.restart))
        await until(lambda: not picture.connected)
        await restarting
        assert len(picture.sorted_keys()) == 2  # the last picture stays until the broker says otherwise
        await until(lambda: picture.connected)
        await publish(device(A, "live"))
        await until(lambda: [key[2] for key in picture.sorted_keys()] == ["live"])
    finally:
        following.cancel()
        await asyncio.wait({following})
