"""The ingest role: wires the hot path to the broker, the disk, the database and the clock."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from devices.kind import kinds
from devices.wire.payloads import rebirth_payload
from hub import clock
from hub.alarms.rules import AlarmBook
from hub.database import Database
from hub.garbage import collect_rarely
from hub.ingest.acknowledge import Acknowledgements
from hub.ingest.apply import Applier
from hub.ingest.broker_line import BrokerLine, Outgoing
from hub.ingest.decode import Decoder
from hub.ingest.inbox import Inbox
from hub.ingest.journal import Journal
from hub.ingest.mirror import Mirror
from hub.ingest.model import DEAD, Device
from hub.ingest.pipeline import Pipeline
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.records import Records
from hub.ingest.requests import Requests
from hub.ingest.sessions import Directory
from hub.ingest.spool import Spool
from hub.ingest.state import FollowerState, snapshot_of
from hub.ingest.status import Status
from hub.ingest.storing import Storing
from hub.settings import Settings
from hub.supervision import Backoff, supervise
from hub.telemetry.engines import open_writer

log = logging.getLogger(__name__)

_SNAPSHOT_S = 5
_LAST_ROWS_S = 5


class IngestRole:
    """One ingest worker; `run` returns after `stop` is set and everything is written down."""

    def __init__(self, settings: Settings, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._settings = settings
        self._now_ms = now_ms
        knobs = settings.ingest
        self._inbox = Inbox(knobs.inbox_messages)
        self._database = Database(settings.database_url)
        self._records = Records(self._database)
        folder = settings.data_dir / f"ingest-{settings.shard}"
        self._journal = Journal(folder / "journal.db")
        self._state = FollowerState(folder / "state.db")
        self._telemetry = open_writer(settings.telemetry_url, settings.telemetry_secret)
        self._book = AlarmBook()
        self._directory = Directory(self._telemetry, kinds(), self._book)
        self._directory.reorder_ms = knobs.reorder_ms
        self._rebirths = RebirthRequests(knobs.rebirth_cooldown_s, knobs.rebirth_per_s, knobs.rebirth_burst)
        self._applier = Applier(self._directory, self._book, self._rebirths, settings.shard)
        self._outgoing = Outgoing()
        self._mirror = Mirror(self._directory, self._outgoing.publish_retained, knobs.mirror_interval_ms)
        self._acknowledgements = Acknowledgements(self._outgoing.publish)
        decoder = Decoder(self._directory.node, lambda node: self._rebirths.want(node, "unborn"))
        self._spool = Spool(folder / "spool.db", knobs.spool_limit_mb * 1_000_000)
        self._storing = Storing(self._telemetry, self._spool, now_ms)
        self._pipeline = Pipeline(
            inbox=self._inbox,
            decoder=decoder,
            journal=self._journal,
            acknowledgements=self._acknowledgements,
            applier=self._applier,
            storing=self._storing,
            cursor=self._state.cursor,
            batch_messages=knobs.batch_messages,
            gather_s=knobs.commit_interval_ms / 1000,
            restore_positions=self._restore_positions,
            now_ms=now_ms,
        )
        self._unsaved: dict[Device, None] = {}
        self._requests = Requests(
            self._directory,
            self._book,
            self._applier,
            self._pipeline,
            decoder,
            self._storing,
            self._records,
            now_ms,
        )
        status = Status(
            settings.shard, now_ms(), self._inbox, self._pipeline, self._storing, self._journal,
            self._applier, self._directory, self._mirror, self._rebirths, self._records, self._requests,
        )  # fmt: skip
        self._line = BrokerLine(
            settings, self._outgoing, self._inbox, self._directory, self._book, self._applier, self._mirror,
            self._requests, status, now_ms,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Restore what was known, then read the broker until `stop` is set."""
        await self._restore()
        # millions of small objects live for milliseconds: looking through them all for cycles costs a fifth
        collect_rarely()
        quick = Backoff(first_s=0.2, limit_s=10)
        async with asyncio.TaskGroup() as tasks:
            for name, loop in (
                ("ingest connection", self._line.live),
                ("ingest receive", self._pipeline.receive),
                ("ingest follow", self._pipeline.follow),
                ("ingest store", self._storing.run),
                ("ingest live", self._live),
                ("ingest clock", self._clock),
                ("ingest status", self._say),
                ("ingest records", self._record),
                ("ingest snapshot", self._snapshot),
                ("ingest requests", self._requests.answer),
                ("ingest organisation", self._requests.follow_organisation),
            ):
                tasks.create_task(supervise(name, loop, stop, quick, grace_s=0), name=name)
        await self._close()

    # -- start and end -------------------------------------------------------------------------------

    async def _restore(self) -> None:
        claims, schools = await self._records.decisions()
        self._directory.claims, self._directory.known_schools = claims, schools
        self._state.restore(self._directory)
        now_ms = self._now_ms()
        self._book.load(await self._records.open_alarms(), now_ms)
        for node in self._directory.nodes.values():
            # silence is counted from when the hub could hear again
            node.heard_ms = max(node.heard_ms, now_ms)
            for device in (node.itself, *node.devices.values()):
                self._applier.dirty[device] = None
                self._mirror.restored(device)
                if device.presence.state != DEAD:
                    self._applier.attendance.restored(device, now_ms)

    def _restore_positions(self) -> None:
        """Take from the journal what is durable; a batch that never reached it is forgotten."""
        for node in self._directory.nodes.values():
            node.positions.clear()
        for (sender, epoch), positions in self._journal.positions().items():
            group, _, node_id = sender.partition("/")
            known = self._directory.node(group, node_id)
            if known is not None:
                known.positions[epoch] = positions

    async def _close(self) -> None:
        storing = asyncio.create_task(self._storing.run())
        try:
            await self._storing.settle(_LAST_ROWS_S)
            await self._save()
        except sqlite3.Error as error:
            log.error("stopped without a snapshot, the next start reads the journal: %s", error)
        finally:
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)
        self._journal.close()
        self._state.close()
        self._spool.close()
        self._telemetry.close()
        await self._database.close()

    # -- loops of the clock --------------------------------------------------------------------------

    @property
    def _overloaded(self) -> bool:
        behind = self._journal.last_id - self._pipeline.cursor
        unsent_bytes = self._outgoing.unsent_bytes
        return len(self._inbox) > self._inbox.limit // 4 or behind > 100 or unsent_bytes > 4 * 1024 * 1024

    async def _live(self) -> None:
        """Twenty times a second: acknowledgements, alarms, and the mirror of what changed."""
        while True:
            await asyncio.sleep(0.05)
            now_ms = self._now_ms()
            self._applier.effects.alarms += self._book.due(now_ms)
            for change in self._records.gather(self._applier.effects):
                self._mirror.alarm_changed(change)
                self._touch(change.alarm.school, change.alarm.node, change.alarm.device)
            if self._outgoing.connection is None:
                continue
            self._acknowledgements.send_due(now_ms)
            self._unsaved.update(self._applier.dirty)
            self._mirror.publish_changed(self._applier.dirty, now_ms, overloaded=self._overloaded)

    def _touch(self, school: str, node_id: str, device_id: str | None) -> None:
        for group in {school, *(group for group, known in self._directory.claims if known == node_id)}:
            node = self._directory.nodes.get(f"{group}/{node_id}")
            device = node and (node.devices.get(device_id) if device_id else node.itself)
            if device:
                self._applier.dirty[device] = None

    async def _clock(self) -> None:
        """Four times a second: reorder timers and silence; rebirths."""
        while True:
            await asyncio.sleep(0.25)
            now_ms = self._now_ms()
            async with self._pipeline.lock:
                await self._storing.offer(self._applier.tick(now_ms))
            if self._outgoing.connection is None:
                continue
            for node, reason in self._rebirths.due(now_ms, paused=self._overloaded):
                log.debug("asking %s for a rebirth: %s", node.sender, reason)
                wish = rebirth_payload(now_ms, node.rebirth_metric)
                self._outgoing.publish(f"spBv1.0/{node.group}/NCMD/{node.id}", wish)

    async def _say(self) -> None:
        """Once a second the status; a loop of its own, so that it is heard whatever the others wait for."""
        while True:
            await asyncio.sleep(1)
            self._line.say_status()

    async def _record(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            await self._records.flush()

    async def _snapshot(self) -> None:
        said = False
        while True:
            await asyncio.sleep(_SNAPSHOT_S)
            try:
                await self._save()
            except sqlite3.Error as error:
                if not said:
                    log.error("the snapshot cannot be written, the journal is kept meanwhile: %s", error)
                said = True
            else:
                said = False

    async def _save(self) -> None:
        """Remember the follower's state, then forget the journal it no longer needs."""
        async with self._pipeline.lock:
            self._unsaved.update(self._applier.dirty)
            held = self._applier.held_entry()
            cursor = self._pipeline.cursor if held is None else min(self._pipeline.cursor, held - 1)
            devices = list(self._unsaved)
            nodes = [node.itself for node in self._directory.nodes.values() if node.itself.birth is not None]
            snapshot = snapshot_of([*nodes, *(device for device in devices if device.id)], cursor)
            self._unsaved.clear()
        try:
            await self._records.flush()
            await self._storing.settle()
            await asyncio.to_thread(self._telemetry.flush)
            await asyncio.to_thread(self._state.save, snapshot)
        except BaseException:
            self._unsaved.update(dict.fromkeys(devices))  # the next snapshot has to hold them
            raise
        before_ms = self._now_ms() - round(self._settings.ingest.journal_keep_s * 1000)
        while await asyncio.to_thread(self._journal.prune, cursor, before_ms):
            await asyncio.sleep(0)
