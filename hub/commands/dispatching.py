"""The dispatcher: sends commands to devices and follows what becomes of them, in the leader of control alone.

Everything that matters is in the database before it happens: a command is written down as sent, in the
transaction that proves the leadership, before it leaves. Whoever leads next goes on with what is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from devices.wire.commands import COMMAND_EXPIRES, COMMAND_ID
from devices.wire.datatypes import DataType
from devices.wire.encoding import encode_payload
from devices.wire.structures import MetricValue, Payload, PayloadError
from devices.wire.topics import MessageType, Topic
from hub.commands import storing
from hub.commands.board import Board, Decision
from hub.commands.drifting import Drifting
from hub.commands.rules import Life, State, Wish, aborts, end_of_day_ms, refused
from hub.commands.sight import Sight
from hub.commands.storing import Pending
from hub.database import Database
from hub.ingest import packets
from hub.ingest.connection import IngestConnection, dial

log = logging.getLogger(__name__)

Hold: TypeAlias = Callable[[AsyncSession], Awaitable[bool]]
"""Proves in a transaction that this process leads; false if it does not."""

SENT = Counter("hub_commands_sent", "Commands sent to devices, those sent again included")
ENDED = Counter("hub_commands_ended", "Commands that ended, by how", ["state"])
PENDING = Gauge("hub_commands_pending", "Commands that are not ended, in the leader")

CHANGED, PROGRESS, DRIFT = "hub/changed/commands", "hub/progress/commands", "hub/request/drift"
SWEEP_S = 0.5
GATHER_S = 0.01
PACE_S = 0.04
LISTEN_FIRST_S = 1.5  # the retained documents tell what became of commands before the last leader died
LOOK_AGAIN_S = 10.0  # what an event that was lost would have told
STATE_DRIFT_S = 30.0
_REACHED = frozenset({State.SUCCEEDED, State.TIMED_OUT, State.FAILED})


class NoLongerLeading(Exception):
    """Another process leads now; whatever was decided here is not written."""


class Dispatcher:
    """Holds what is under way while it leads, and nothing otherwise."""

    def __init__(
        self,
        database: Database,
        mqtt_url: str,
        name: str,
        now_ms: Callable[[], int],
        leads: Callable[[], bool],
        hold: Hold,
    ) -> None:
        self._database, self._url, self._name = database, mqtt_url, name
        self._now_ms, self._leads, self._hold = now_ms, leads, hold
        self._begin()

    def _begin(self) -> None:
        self._board, self._sight, self._drifting = Board(), Sight(), Drifting()
        self._wake = asyncio.Event()
        self._told: set[str] = set()
        self._told_batches: set[str] = set()
        self._wishes_changed = self._look_again = True
        self._touched: set[str] = set()
        self._loop_s = 0.0
        self._drift_s = self._looked_s = self._swept_s = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Works whenever this process leads, until `stop`; ends with `ConnectionError` without the broker."""
        while not stop.is_set():
            if self._leads():
                with contextlib.suppress(NoLongerLeading):
                    await self._lead(stop)
                PENDING.set(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.2)

    async def _lead(self, stop: asyncio.Event) -> None:
        self._begin()
        connection, user, password = await dial(self._url, self._deliver)
        try:
            name = f"{self._name}-{random.getrandbits(32):08x}"
            await connection.open(name, packets.Will(PROGRESS, b"{}", qos=0, retain=False), user, password)
            await connection.subscribe([("hub/live/#", 0), (CHANGED, 1)])
            clock = asyncio.get_running_loop().time
            began_s = clock()
            while self._leads() and not stop.is_set():
                if connection.lost.done():
                    raise ConnectionError("lost the broker")
                self._loop_s = clock()
                if self._loop_s - began_s >= LISTEN_FIRST_S:
                    await self._turn(connection)
                pause_s = PACE_S if self._board.is_pacing else SWEEP_S
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause_s)
                self._wake.clear()
                await asyncio.sleep(GATHER_S)
        finally:
            connection.close()

    # -- what comes ----------------------------------------------------------------------------------

    def _deliver(self, messages: list[tuple[bytes, bytes]]) -> None:
        """Takes what came from the broker; wakes for what is waited for, not for every document."""
        for raw_topic, payload in messages:
            topic = raw_topic.decode(errors="replace")
            if topic == CHANGED:
                self._hear(payload)
                self._wake.set()
            else:
                self._sight.picture.message(topic, payload, retained=False)
        if self._sight.is_stirred or any(key in self._board.devices for key in self._sight.changed):
            self._wake.set()

    def _hear(self, payload: bytes) -> None:
        try:
            said = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(said, dict):
            return
        ids = said.get("ids")
        self._told |= {str(one)[:32] for one in ids[:1000]} if isinstance(ids, list) else set()
        if isinstance(said.get("batch"), str):
            self._told_batches.add(said["batch"][:32])
        self._wishes_changed |= bool(said.get("wanted"))

    async def _load(self) -> None:
        """Reads what is new in the database."""
        board = self._board
        again = self._look_again or self._loop_s - self._looked_s >= LOOK_AGAIN_S
        if not (again or self._told or self._told_batches or self._wishes_changed):
            return
        ids, self._told = self._told, set()
        batches, self._told_batches = self._told_batches, set()
        async with self._database.read() as session:
            if again:
                there = await storing.active_ids(session)
                board.keep(there)
                ids = (ids | there) - board.pending.keys()
                self._look_again, self._looked_s = False, self._loop_s
            for batch_id in batches:
                found = await storing.of_batch(session, batch_id)
                board.put(found)
                ids -= {pending.life.id for pending in found}
                if len(found) < sum(one.batch_id == batch_id for one in board.pending.values()):
                    self._look_again = True  # some were taken back
                self._touched.add(batch_id)
            board.put(await storing.by_ids(session, ids))
            if again or batches:
                board.run(await storing.running(session))
                self._touched |= board.batches.keys()
            if self._wishes_changed or again:
                self._drifting.load(await storing.wishes(session))
                self._drift_s, self._wishes_changed = 0.0, False

    # -- what is done --------------------------------------------------------------------------------

    async def _turn(self, connection: IngestConnection) -> None:
        """Decides, writes it down, and then sends."""
        await self._load()
        now_ms = self._now_ms()
        sweeps = self._loop_s - self._swept_s >= SWEEP_S
        changed = None if sweeps else self._sight.changed
        if sweeps:
            self._swept_s = self._loop_s
        decision = self._board.decide(self._sight, now_ms, changed)
        busy = {(one.key, one.metric) for one in self._board.pending.values()}
        drifts = self._drifting.judge(self._sight, changed, busy, now_ms)
        self._sight.changed, self._sight.is_stirred = set(), False
        over = sweeps and self._drifting.forget(now_ms)
        if decision.lives or drifts or over or (sweeps and self._touched):
            await self._write(connection, decision, drifts, over, sweeps, now_ms)
        if drifts or over or self._loop_s - self._drift_s >= STATE_DRIFT_S:
            self._drift_s = self._loop_s
            connection.publish(DRIFT, orjson.dumps({"drifting": self._drifting.statement()}))
        PENDING.set(len(self._board.pending))

    async def _write(
        self,
        connection: IngestConnection,
        decision: Decision,
        drifts: dict[tuple[storing.Key, str], Wish],
        over: bool,
        sweeps: bool,
        now_ms: int,
    ) -> None:
        board = self._board
        before = {name: board.pending[name] for name in decision.lives}
        queued = {name for name, pending in before.items() if pending.life.state is State.QUEUED}
        raws = {name: self._raw(before[name], decision.lives[name], now_ms) for name in decision.sends}
        for name in [name for name, raw in raws.items() if raw is None]:
            if name in queued:  # a value that its datatype cannot hold
                decision.lives[name] = refused(before[name].life, "value", now_ms)
        until_ms = end_of_day_ms(now_ms)
        batches: list[dict[str, Any]] = []
        async with self._database.write() as session:
            if not await self._hold(session):
                raise NoLongerLeading
            there = await storing.still_queued(session, queued) if queued else set()
            lives = [life for name, life in decision.lives.items() if name not in queued or name in there]
            await storing.save(session, lives)
            ended = [_with(before[life.id], life) for life in lives if life.state in _REACHED]
            await storing.want(session, ended, until_ms)
            await storing.note_drift(session, drifts)
            if over:
                await storing.forget_wishes(session, now_ms)
            touched = self._touched | {b for life in lives if (b := before[life.id].batch_id) is not None}
            if sweeps:
                batches = [said for name in touched if (said := await self._follow(session, name, now_ms))]
                touched = set()
        self._touched = touched
        board.took(lives)
        for name in queued - there:
            board.drop(name)
        self._drifting.took(drifts)
        self._drifting.want(ended, until_ms)
        if any(said["state"] != "running" for said in batches):
            self._look_again = True
        written = {life.id for life in lives}
        for name, raw in raws.items():
            if raw is not None and name in written and not decision.lives[name].is_final:
                connection.send_raw(raw)
                SENT.inc()
        self._tell(connection, [(before[life.id], life) for life in lives], batches)

    async def _follow(self, session: AsyncSession, batch_id: str, now_ms: int) -> dict[str, Any] | None:
        """Counts a group; ends it when all are done, or when too many fail."""
        running = self._board.batches.get(batch_id)
        if running is None:
            return None
        counts = await storing.counts(session, batch_id)
        state, detail = "running", ""
        if not counts.waiting:
            state = "done"
        elif aborts(counts.succeeded, counts.failed, running.abort_percent):
            state, detail = "aborted", "too_many_failures"
        if state != "running":
            await storing.end_batch(session, batch_id, state, detail, now_ms)
            counts = await storing.counts(session, batch_id)
        return {
            "id": batch_id, "unit": running.unit, "state": state, "detail": detail, "total": running.total,
            "waiting": counts.waiting, "done": running.total - counts.waiting,
            "succeeded": counts.succeeded, "failed": counts.failed,
        }  # fmt: skip

    def _raw(self, pending: Pending, life: Life, now_ms: int) -> bytes | None:
        """The DCMD as a packet, ready before the transaction: nothing can fail after it."""
        try:
            topic = Topic(pending.key[0], MessageType.DCMD, pending.key[1], pending.key[2])
            payload = encode_payload(dcmd(pending, life, now_ms))
        except (PayloadError, ValueError) as error:
            log.warning("the command %s cannot be written down as DCMD: %s", life.id, error)
            return None
        return packets.publish(str(topic), payload)

    def _tell(
        self, connection: IngestConnection, changed: list[tuple[Pending, Life]], batches: list[dict[str, Any]]
    ) -> None:
        """Tells the web role how far things are, so that pages can show it without asking."""
        for _, life in changed:
            if life.is_final:
                ENDED.labels(life.state.value).inc()
        for start in range(0, len(changed), 200):
            said = [_progress(pending, life) for pending, life in changed[start : start + 200]]
            connection.publish(PROGRESS, orjson.dumps({"commands": said}))
        if batches:
            connection.publish(PROGRESS, orjson.dumps({"batches": batches}))


def dcmd(pending: Pending, life: Life, now_ms: int) -> Payload:
    """Makes the payload: the metric that is written, with its datatype, and what makes the command one."""
    metrics = [MetricValue(name=pending.metric, datatype=DataType(pending.datatype), value=life.value)]
    if life.proves:  # a node that knows nothing of ids gets the plain command of the specification
        metrics += [
            MetricValue(name=COMMAND_ID, datatype=DataType.String, value=life.id),
            MetricValue(name=COMMAND_EXPIRES, datatype=DataType.Int64, value=life.expires_ms),
        ]
    for metric in metrics:
        metric.ts_ms = now_ms
    return Payload(ts_ms=now_ms, metrics=metrics)


def _with(pending: Pending, life: Life) -> Pending:
    return Pending(
        life, pending.key, pending.school, pending.room, pending.kind, pending.command, pending.metric,
        pending.datatype, pending.batch_id,
    )  # fmt: skip


def _progress(pending: Pending, life: Life) -> dict[str, Any]:
    group, node, device = pending.key
    return {
        "id": life.id, "group": group, "node": node, "device": device, "school": pending.school,
        "room": pending.room, "command": pending.command, "metric": pending.metric, "value": life.value,
        "state": life.state.value, "detail": life.detail, "observed_value": life.observed,
        "tries": life.tries, "sent_ms": life.sent_ms, "delivered_ms": life.delivered_ms,
        "ended_ms": life.ended_ms, "batch_id": pending.batch_id,
    }  # fmt: skip
