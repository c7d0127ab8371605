"""The control role: what the clock drives, done by one leader among any number of processes.

Roll-ups are made by the leader too, in a thread: however long they take, the lease is renewed beside them.
"""

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import Callable
from functools import partial

from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts import service as accounts
from hub.alarms import service as alarms
from hub.assets.following import rooms_moved
from hub.audit.watch import Watch
from hub.clock import today
from hub.commands import service as commands
from hub.database import Database
from hub.database.lease import give_up_lease, take_lease
from hub.discovery import service as discovery
from hub.organisation import history
from hub.organisation import service as organisation
from hub.organisation.rules import RoomSeen
from hub.registry import service as registry
from hub.settings import Settings
from hub.telemetry.engines import open_reader, open_rollups
from hub.telemetry.rollup_job import Keep
from hub.telemetry.rollup_role import keep_rolled_up
from hub.tickets import service as tickets

log = logging.getLogger(__name__)

LEADER = Gauge("hub_control_leader", "1 in the process that leads the control role")

LEASE_MS = 15_000
RENEW_S = 5.0
ROOMS_EVERY_MS = 30_000
TICKETS_EVERY_MS = 60_000
CLEAN_EVERY_MS = 3_600_000
DAY_MS = 86_400_000
KEEP_PRESENCE_MS = 400 * DAY_MS
KEEP_ALARMS_MS = 400 * DAY_MS
KEEP_COMMANDS_MS = 400 * DAY_MS
KEEP_QUARANTINE_MS = 90 * DAY_MS
KEEP_PROPOSALS_MS = 90 * DAY_MS


class ControlRole:
    """Holds or awaits the lease; the holder learns rooms from devices, escalates and forgets."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{random.getrandbits(32):08x}"
        self._rooms_ms = 0
        self._tickets_ms = 0
        self._cleaned_ms = 0
        self.leading = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; gives the lease up at the end, so that another takes over at once."""
        try:
            while not stop.is_set():
                await self._step()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RENEW_S * random.uniform(0.8, 1.0))
        finally:
            if self.leading:
                self._lead(False)
                async with self._database.write() as session:
                    await give_up_lease(session, "control", self._holder)

    async def hold(self, session: AsyncSession) -> bool:
        """Renews the lease in somebody's transaction: two leaders cannot both commit what they do."""
        if self.leading and not await take_lease(session, "control", self._holder, LEASE_MS):
            self._lead(False)
        return self.leading

    async def _step(self) -> None:
        # work is done in the transaction that renews the lease: two leaders cannot both commit
        async with self._database.write() as session:
            self._lead(await take_lease(session, "control", self._holder, LEASE_MS))
            if not self.leading:
                return
            now_ms = self._now_ms()
            if now_ms - self._rooms_ms >= ROOMS_EVERY_MS:
                found = await registry.rooms_in_use(session)
                await organisation.record_rooms(session, [RoomSeen(school, room) for school, room in found])
                self._rooms_ms = now_ms
            if now_ms - self._tickets_ms >= TICKETS_EVERY_MS:
                await tickets.escalate_overdue(session, now_ms)
                await history.follow_due(session, [rooms_moved], today(), now_ms)
                self._tickets_ms = now_ms
            if now_ms - self._cleaned_ms >= CLEAN_EVERY_MS:
                await accounts.forget_ended(session, now_ms)
                await registry.forget_old(
                    session,
                    presence_before_ms=now_ms - KEEP_PRESENCE_MS,
                    quarantine_before_ms=now_ms - KEEP_QUARANTINE_MS,
                )
                await alarms.forget_closed(session, now_ms - KEEP_ALARMS_MS)
                await commands.forget_old(session, now_ms - KEEP_COMMANDS_MS)
                await discovery.forget_old(session, now_ms - KEEP_PROPOSALS_MS)
                self._cleaned_ms = now_ms

    async def roll_up(self, settings: Settings, stop: asyncio.Event) -> None:
        """Makes the roll-ups while this process leads, until `stop`; a loop of its own beside `run`."""
        engine = settings.telemetry_url, settings.telemetry_secret
        await keep_rolled_up(
            partial(open_reader, *engine),
            partial(open_rollups, *engine),
            Keep(settings.telemetry.days),
            self._now_ms,
            lambda: self.leading,
            stop,
        )

    async def watch_audit(self, settings: Settings, stop: asyncio.Event) -> None:
        """Proves the audit log and notes its head while this process leads, until `stop`."""
        await Watch(self._database, settings.data_dir, self._now_ms, lambda: self.leading).run(stop)

    def _lead(self, leading: bool) -> None:
        if leading != self.leading:
            log.info("this process %s the control role", "leads" if leading else "no longer leads")
        self.leading = leading
        LEADER.set(leading)
