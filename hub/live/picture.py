"""What is true now, as the broker's retained documents tell it: devices, nodes, alarms, ingest's heartbeats.

The web role holds nothing of its own: after a restart or a lost broker the retained documents fill the
picture again, and what they no longer mention is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

import aiomqtt
import orjson
from prometheus_client import Counter

from hub.events import mqtt_client
from hub.live.documents import Key, Mirrored, UnreadableDocument, key_of, read

log = logging.getLogger(__name__)

Plain: TypeAlias = dict[str, Any]
"""An alarm or a heartbeat, as it was published."""

UNREADABLE = Counter("hub_live_unreadable", "Documents of the live mirror that could not be read")

MAX_QUEUED = 200_000
FORGET_AFTER_S = 15.0  # a broker that lost its memory is filled again by ingest within this time
HEARTBEAT_FRESH_S = 5.0
_FAULTS = {
    "journal_failure": "the journal cannot be written, nothing new is acknowledged",
    "store_failure": "the telemetry engine takes no rows",
    "records_failure": "the database refuses what ingest learnt",
}


class Listener(Protocol):
    """Somebody who keeps figures of the picture; called at once for every change, must not wait."""

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """A device or node appeared (`old` None), changed, or is gone (`new` None)."""

    def alarm_changed(self, old: Plain | None, new: Plain | None) -> None:
        """An alarm was raised, changed, or is closed."""

    def status_changed(self) -> None:
        """A heartbeat of ingest came, or went missing."""


class Picture:
    """The live documents by key; feed it with `message`, or let `follow` do it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.alarms: dict[str, Plain] = {}
        self.shards: dict[str, Plain] = {}
        self.data_ms: int | None = None
        self.connected = False
        self._clock = clock
        self._documents: dict[str, Mirrored] = {}
        self._topics: dict[Key, str] = {}
        self._sorted: list[Key] | None = None
        self._beats_s: dict[str, float] = {}
        self._seen: set[str] | None = None
        self._listeners: list[Listener] = []

    # -- reading -------------------------------------------------------------------------------------

    def sorted_keys(self) -> list[Key]:
        """All keys in order; do not change the list."""
        if self._sorted is None:
            self._sorted = sorted(self._topics)
        return self._sorted

    def get(self, key: Key) -> Mirrored | None:
        """The document of a device or node."""
        topic = self._topics.get(key)
        return None if topic is None else self._documents[topic]

    def documents(self) -> Iterable[Mirrored]:
        """Every device and node."""
        return self._documents.values()

    def ingest_online(self) -> bool:
        """Whether every known ingest worker says so, and said it lately."""
        now_s = self._clock()
        return bool(self.shards) and all(
            shard.get("online") is True and now_s - self._beats_s.get(name, -1e9) <= HEARTBEAT_FRESH_S
            for name, shard in self.shards.items()
        )

    def ingest_faults(self) -> str:
        """What ingest says it cannot write, in words; empty if all is well."""
        return "; ".join(
            f"shard {name}: {words}"
            for name, beat in sorted(self.shards.items())
            for key, words in _FAULTS.items()
            if beat.get(key)
        )

    def intake(self) -> Plain:
        """How ingest is doing, all workers together."""
        beats = self.shards.values()
        return {
            "ingest_online": self.ingest_online(),
            "data_ms": self.data_ms,
            "messages_per_s": round(sum(beat.get("messages_per_s") or 0 for beat in beats), 1),
            "quarantined": sum(beat.get("quarantined") or 0 for beat in beats),
        }

    def add_listener(self, listener: Listener) -> None:
        """Tells the listener everything known, and from now on every change."""
        self._listeners.append(listener)
        for document in self._documents.values():
            listener.device_changed(None, document)
        for alarm in self.alarms.values():
            listener.alarm_changed(None, alarm)
        listener.status_changed()

    def remove_listener(self, listener: Listener) -> None:
        """Tells it nothing more."""
        self._listeners.remove(listener)

    # -- writing -------------------------------------------------------------------------------------

    def message(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Takes one message of the mirror; an unreadable one is counted and changes nothing."""
        if self._seen is not None:
            self._seen.add(topic)
        try:
            if topic.startswith("hub/live/"):
                self._device(topic, read(payload) if payload else None)
                return
            document = orjson.loads(payload) if payload else None
            if document is not None and not isinstance(document, dict):
                raise TypeError("not an object")
            if topic.startswith("hub/alarms/"):
                self._alarm(topic.removeprefix("hub/alarms/"), document)
            elif topic.startswith("hub/status/ingest/"):
                self._heartbeat(topic.removeprefix("hub/status/ingest/"), document, retained)
        except (UnreadableDocument, orjson.JSONDecodeError, KeyError, TypeError) as error:
            UNREADABLE.inc()
            log.warning("cannot read %s: %s: %s", topic, type(error).__name__, error)

    def _device(self, topic: str, new: Mirrored | None) -> None:
        old = self._documents.get(topic)
        if new is None:
            if old is not None:
                del self._documents[topic]
                if self._topics.get(key_of(old)) == topic:
                    del self._topics[key_of(old)]
                    self._sorted = None
        else:
            key = key_of(new)
            if old is not None and key_of(old) != key:
                self._topics.pop(key_of(old), None)
            moved = self._topics.get(key)
            if moved != topic:
                if moved is not None:  # into another room: the old place is emptied by ingest a moment later
                    gone = self._documents.pop(moved)
                    for listener in self._listeners:
                        listener.device_changed(gone, None)
                self._topics[key] = topic
                self._sorted = None
            self._documents[topic] = new
            self._data(new.published_ms)
        if old is not None or new is not None:
            for listener in self._listeners:
                listener.device_changed(old, new)

    def _alarm(self, alarm_id: str, new: Plain | None) -> None:
        old = self.alarms.get(alarm_id)
        if new is None or new["state"] == "normal":
            self.alarms.pop(alarm_id, None)
            new = None
        else:
            new["severity"], new["school"], new["raised_ms"], new["id"]
            self.alarms[alarm_id] = new
        if old is not None or new is not None:
            for listener in self._listeners:
                listener.alarm_changed(old, new)

    def _heartbeat(self, shard: str, new: Plain | None, retained: bool) -> None:
        if new is None:
            self.shards.pop(shard, None)
            self._beats_s.pop(shard, None)
        else:
            old = self.shards.get(shard, {})
            self.shards[shard] = new
            if not retained:  # a retained heartbeat may be of a worker that has long been gone
                self._beats_s[shard] = self._clock()
                if new.get("messages", 0) != old.get("messages", 0):
                    self._data(new.get("ts_ms"))
        for listener in self._listeners:
            listener.status_changed()

    def _data(self, ts_ms: object) -> None:
        if isinstance(ts_ms, int) and (self.data_ms is None or ts_ms > self.data_ms):
            self.data_ms = ts_ms

    def begin(self) -> None:
        """A new connection: from here on the retained documents tell what exists."""
        self._seen = set()

    def forget_unseen(self) -> None:
        """Drops what nothing has mentioned since `begin`."""
        seen, self._seen = self._seen or set(), None
        for topic in [topic for topic in self._documents if topic not in seen]:
            self._device(topic, None)
        for alarm_id in [name for name in self.alarms if f"hub/alarms/{name}" not in seen]:
            self._alarm(alarm_id, None)
        for shard in [name for name in self.shards if f"hub/status/ingest/{name}" not in seen]:
            self._heartbeat(shard, None, False)

    async def follow(self, mqtt_url: str, identifier: str) -> None:
        """Keeps the picture true until the connection is lost (`ConnectionError`); supervise it."""
        options = {"max_queued_incoming_messages": MAX_QUEUED}
        try:
            async with mqtt_client(mqtt_url, identifier, **options) as client:
                self.begin()
                forgetting = asyncio.get_running_loop().call_later(FORGET_AFTER_S, self.forget_unseen)
                try:
                    for topic in ("hub/live/#", "hub/alarms/#", "hub/status/#"):
                        await client.subscribe(topic, qos=0)
                    self.connected = True
                    async for message in client.messages:
                        self.message(str(message.topic), bytes(message.payload), retained=message.retain)
                finally:
                    self.connected = False
                    forgetting.cancel()
        except aiomqtt.MqttError as lost:
            raise ConnectionError(f"lost the broker: {lost}") from None
