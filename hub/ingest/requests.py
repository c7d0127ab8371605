"""What people decided elsewhere: alarms taken on or shelved, nodes claimed, payloads to read again.

The web role commits to the database, then says so on the broker; the database is what counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson

from hub.alarms.rules import AlarmBook
from hub.ingest.apply import Applier
from hub.ingest.decode import Decoder, Message
from hub.ingest.pipeline import Pipeline
from hub.ingest.records import Records
from hub.ingest.sessions import Directory
from hub.ingest.storing import Storing

_MAX_WAITING = 1000
_LOOK_EVERY_S = 30


class Requests:
    """A bounded queue of requests and the loop that answers them."""

    def __init__(
        self,
        directory: Directory,
        book: AlarmBook,
        applier: Applier,
        pipeline: Pipeline,
        decoder: Decoder,
        storing: Storing,
        records: Records,
        now_ms: Callable[[], int],
    ) -> None:
        self.dropped = 0
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MAX_WAITING)
        self._directory, self._book, self._applier = directory, book, applier
        self._pipeline, self._decoder, self._records = pipeline, decoder, records
        self._storing = storing
        self._now_ms = now_ms

    def put(self, topic: str, payload: bytes) -> None:
        """Take a request from the broker; counted and dropped when too many wait."""
        try:
            self._queue.put_nowait((topic, payload))
        except asyncio.QueueFull:
            self.dropped += 1

    async def answer(self) -> None:
        while True:
            topic, payload = await self._queue.get()
            try:
                request = orjson.loads(payload)
            except orjson.JSONDecodeError:
                continue
            if not isinstance(request, dict):
                continue
            if topic == "hub/changed/alarms":
                ids = request.get("ids")
                await self._alarms_changed([str(one) for one in ids] if isinstance(ids, list) else [])
            elif topic == "hub/changed/registry":
                await self._take_decisions()
            elif topic == "hub/request/drift":
                self._drifts(request.get("drifting"))
            elif topic == "hub/request/quarantine-replay":
                ids = request.get("ids")
                await self._replay(
                    [one for one in ids if isinstance(one, int)] if isinstance(ids, list) else []
                )

    async def _alarms_changed(self, ids: list[str]) -> None:
        for alarm in await self._records.alarms(ids):
            self._book.follow(alarm, self._now_ms())

    def _drifts(self, said: object) -> None:
        """Take everything that is otherwise than commanded; what is not named is so no longer."""
        if not isinstance(said, list):
            return
        now_ms, standing = self._now_ms(), set()
        for one in said:
            device = self._directory.find(one) if isinstance(one, dict) else None
            if device is None or device.kind is None or not isinstance(one.get("since_ms"), int):
                continue
            slot = device.slots.get(str(one.get("metric")))
            metric = device.kind.metric(slot.name) if slot is not None else None
            if slot is None or metric is None:
                continue
            subject = self._directory.subject(device)
            standing.add((subject.school, subject.node, subject.device, metric.name))
            self._book.drift(subject, metric, one.get("wanted"), slot.value, one["since_ms"], now_ms)
        drifts = [
            alarm
            for alarm in self._book.open().values()
            if alarm.condition == "drift" and alarm.returned_ms is None
        ]
        own = {node.id for node in self._directory.nodes.values()} if drifts else set()
        for alarm in drifts:  # other workers look after the alarms of their nodes
            if alarm.node in own and (alarm.school, alarm.node, alarm.device, alarm.metric) not in standing:
                self._book.end_drift(alarm, now_ms)

    async def follow_organisation(self) -> None:
        """Look again now and then: schools begin and end with the days, and are added by people."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._take_decisions()

    async def _take_decisions(self) -> None:
        claims, schools = await self._records.decisions()
        directory = self._directory
        other_schools = directory.known_schools ^ schools
        other_claims = {key for key, _ in directory.claims.items() ^ claims.items()}
        directory.claims, directory.known_schools = claims, schools
        for node in list(directory.nodes.values()):
            if node.group in other_schools or (node.group, node.id) in other_claims:
                async with self._pipeline.lock:
                    self._applier.attendance.reclaim(node, self._now_ms())

    async def _replay(self, ids: list[int]) -> None:
        found = await self._records.quarantined(ids)
        used: list[int] = []
        refused: dict[int, tuple[str, str]] = {}
        async with self._pipeline.lock:
            for number, (topic, raw) in found.items():
                message = self._decoder.parse([(topic.encode(), raw)])[0]
                rows, ok = self._applier.replay(number, self._now_ms(), message)
                await self._storing.offer(rows)
                if ok:
                    used.append(number)
                else:
                    refused[number] = _why_not(message)
        if found:
            await self._records.mark_replayed(used, refused, self._now_ms())


def _why_not(message: Message) -> tuple[str, str]:
    """Why a payload that was read again is still of no use: a stable reason and its detail."""
    route, node = message.route, message.route.node
    if message.payload is None or node is None:
        reason, _, detail = message.reason.partition(": ")
        return reason, detail
    if not route.has_position:
        return "not_data", "births and deaths say how things were then, and are not read again"
    device = node.devices.get(route.device_id) if route.device_id else node.itself
    if device is None or device.birth is None:
        return "unborn", "there is still no birth that says how to read it"
    return "bad_value", "its values still cannot be read"
