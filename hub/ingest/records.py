"""Writes what ingest learns into the relational database, and reads what people decided there."""

from __future__ import annotations

import asyncio
import logging
import random

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from hub.alarms import service as alarms
from hub.alarms.rules import Alarm, AlarmChange
from hub.clock import today
from hub.database import Database
from hub.ingest.effects import Effects
from hub.organisation import service as organisation
from hub.organisation.tables import Unit
from hub.registry import service as registry
from hub.registry.rules import Claim

log = logging.getLogger(__name__)

_MAX_PENDING = 200_000


class Records:
    """Gathers effects and commits them together; the order of alarms and presence is kept."""

    def __init__(self, database: Database) -> None:
        self.failure = ""
        self.dropped = 0
        self._database = database
        self._pending = Effects()
        self._flushing = asyncio.Lock()

    def gather(self, effects: Effects) -> list[AlarmChange]:
        """Take over effects (and empty them); return the alarm changes, for the mirror."""
        pending = self._pending
        pending.nodes.update(effects.nodes)
        pending.devices.update(effects.devices)
        pending.rooms.update(effects.rooms)
        room = _MAX_PENDING - len(pending.presence) - len(pending.quarantine)
        self.dropped += max(0, len(effects.presence) + len(effects.quarantine) - room)
        pending.presence += effects.presence[: max(0, room)]
        pending.quarantine += effects.quarantine[: max(0, room - len(effects.presence))]
        pending.alarms += effects.alarms
        changes = effects.alarms[:]
        parts = (effects.nodes, effects.devices, effects.rooms)
        for part in (*parts, effects.presence, effects.quarantine, effects.alarms):
            part.clear()
        return changes

    async def flush(self) -> None:
        """Commit everything gathered so far; returns when it is committed."""
        async with self._flushing:
            effects, self._pending = self._pending, Effects()
            try:
                await self._persist(effects)
            except BaseException:  # asked to stop: the last flush has to find them
                later, self._pending = self._pending, effects
                self.gather(later)
                raise

    async def _persist(self, effects: Effects) -> None:
        """Write effects, trying again for as long as the database refuses."""
        wait_s = 0.2
        while effects:
            try:
                await self._write(effects)
            except SQLAlchemyError as error:
                if not self.failure:
                    log.error("the database refuses what ingest learnt, trying again: %s", error)
                self.failure = str(error)
                await asyncio.sleep(wait_s * random.uniform(0.5, 1))
                wait_s = min(10, wait_s * 2)
            else:
                if self.failure:
                    log.warning("the database takes what ingest learnt again")
                self.failure = ""
                return

    async def _write(self, effects: Effects) -> None:
        async with self._database.write() as session:
            if effects.nodes:
                await registry.record_nodes(session, effects.nodes.values())
            if effects.devices:
                await registry.record_devices(session, effects.devices.values())
            if effects.rooms:
                await organisation.record_rooms(session, effects.rooms.values())
            if effects.presence:
                await registry.record_presence(session, effects.presence)
            if effects.quarantine:
                await registry.record_quarantine(session, effects.quarantine)
            if effects.alarms:
                await alarms.record_changes(session, effects.alarms)

    async def decisions(self) -> tuple[dict[tuple[str, str], Claim], frozenset[str]]:
        """Read who claimed which node, and the codes of all units that report, such as schools.

        An office that was abolished keeps its building, its conference room and the node in it.
        """
        async with self._database.read() as session:
            claims = await registry.claims(session)
            reports = or_(Unit.valid_to.is_(None), Unit.valid_to > today(), Unit.kind == "office")
            schools = await session.scalars(select(Unit.code).where(reports))
            return claims, frozenset(schools)

    async def open_alarms(self) -> list[Alarm]:
        """Read the alarms that are open."""
        async with self._database.read() as session:
            return list(await alarms.load_open(session))

    async def alarms(self, ids: list[str]) -> list[Alarm]:
        """Read the alarms of these ids."""
        async with self._database.read() as session:
            return await alarms.get_alarms(session, ids)

    async def quarantined(self, ids: list[int]) -> dict[int, tuple[str, bytes]]:
        """Read quarantined payloads: id to (topic, bytes)."""
        async with self._database.read() as session:
            return await registry.quarantined_payloads(session, ids)

    async def mark_replayed(self, used: list[int], refused: dict[int, tuple[str, str]], now_ms: int) -> None:
        """Note which payloads could be used after all, and why the others could not (reason, detail)."""
        async with self._database.write() as session:
            await registry.mark_replayed(session, used, now_ms)
            await registry.mark_refused(session, refused, now_ms)
