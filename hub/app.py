"""The composition root: starts the roles, each loading only what is its own.

What the web role is made of is put together in `hub.web_role`.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import random
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import uvloop
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.standing import standing
from hub.clock import now_ms, today
from hub.commands.dispatching import Dispatcher
from hub.control import ControlRole
from hub.database import Database, migrate
from hub.database.trouble import database_problem, without_password
from hub.discovery import service as discovery
from hub.fleet.sending import Sender
from hub.imports.sync import Sync
from hub.organisation import service as organisation
from hub.organisation.trees import Trees
from hub.settings import SettingProblem, Settings, SettingsError
from hub.supervision import supervise
from hub.web.principal import PermissionName, Schools

log = logging.getLogger(__name__)

ROLES = frozenset({"ingest", "control", "web"})
Role: TypeAlias = Callable[[], Awaitable[None]]


def serve(settings: Settings, roles: Collection[str]) -> None:
    """Runs roles until SIGTERM or SIGINT; raises `SettingsError` for what cannot be started."""
    unknown = sorted(set(roles) - ROLES)
    if unknown or not roles:
        fix = f"use some of {','.join(sorted(ROLES))}"
        raise SettingsError([SettingProblem("--role", ",".join(unknown), fix)])
    uvloop.run(run(settings, roles))


async def run(settings: Settings, roles: Collection[str], stop: asyncio.Event | None = None) -> None:
    """Runs roles, supervised, in this loop until `stop` is set (or a signal, without `stop`)."""
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # a role's process loads nothing of the others: the pages cost 30 MB and a second of start
    web = importlib.import_module("hub.web_role") if "web" in roles else None
    door = web.listen(settings) if web is not None else None
    database = Database(settings.database_url)
    closing = contextlib.AsyncExitStack()
    closing.push_async_callback(database.close)
    if door is not None:
        closing.callback(door.close)
    async with closing:
        await asyncio.to_thread(_keep_private, settings.data_dir)
        await _migrated(settings.database_url, stop)
        if settings.demo and not stop.is_set():
            await _fill_empty(database)
        async with asyncio.TaskGroup() as tasks:
            start = partial(_start, tasks, stop)
            if "ingest" in roles:
                ingest = importlib.import_module("hub.ingest.service")
                start("ingest", lambda: ingest.IngestRole(settings).run(stop), grace_s=10)
            if "control" in roles:
                control = ControlRole(database, now_ms)
                start("control", partial(control.run, stop))
                start("sources", partial(_sources(settings, database, control).run, stop))
                start("roll-ups", partial(control.roll_up, settings, stop), grace_s=10)
                start("audit", partial(control.watch_audit, settings, stop))
                start("fleet", partial(_sender(settings, database, control).run, stop), grace_s=5)
                start("commands", partial(_dispatcher(settings, database, control).run, stop), grace_s=5)
            if web is not None and door is not None:
                web.start_web(settings, database, door, start, closing, stop)


def _start(tasks: asyncio.TaskGroup, stop: asyncio.Event, name: str, role: Role, grace_s: float = 1) -> None:
    tasks.create_task(supervise(name, role, stop, grace_s=grace_s), name=name)


def _sources(settings: Settings, database: Database, control: ControlRole) -> Sync:
    trees = Trees()

    async def subtree(session: AsyncSession, unit: str) -> Schools:
        return await trees.subtree(session, unit, today())

    async def rights(
        session: AsyncSession, account_id: int | None, token_id: int | None
    ) -> Mapping[PermissionName, Schools]:
        return await standing(session, account_id, token_id, subtree, now_ms())

    return Sync(
        database, settings.data_dir, now_ms, today, rights, lambda: control.leading,
        private_addresses=settings.sync_private_addresses,
    )  # fmt: skip


def _sender(settings: Settings, database: Database, control: ControlRole) -> Sender:
    name = f"{settings.host_id}-control-{os.getpid()}"
    scheme = "http" if settings.tls == "off" else "https"
    url = settings.public_url or f"{scheme}://{settings.http_host}:{settings.http_port}"
    return Sender(
        database, settings.mqtt_url, name, url.rstrip("/"), now_ms, lambda: control.leading, discovery.heard
    )


def _dispatcher(settings: Settings, database: Database, control: ControlRole) -> Dispatcher:
    name = f"{settings.host_id}-commands-{os.getpid()}"
    return Dispatcher(database, settings.mqtt_url, name, now_ms, lambda: control.leading, control.hold)


async def _fill_empty(database: Database) -> None:
    """Gives a demo started by hand the whole province; one that has schools keeps them."""
    async with database.write() as session:
        if not await organisation.school_codes(session, today()):
            await organisation.seed_province(session, today())


def _keep_private(folder: Path) -> None:
    """Makes the data directory, and closes one to others that an older hub had left open."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        try:
            folder.chmod(0o700)
        except OSError as error:
            log.warning("%s can be read by others (%s); do: chmod 700", folder, error.strerror)


async def _migrated(url: str, stop: asyncio.Event) -> None:
    """Brings the schema up to date, as soon as the database answers."""
    wait_s = 0.5
    while not stop.is_set():
        try:
            await migrate(url)
            return
        except OperationalError as error:
            place = without_password(url)
            log.warning("the database %s cannot be used yet: %s", place, database_problem(error, url))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s * random.uniform(0.5, 1))
            wait_s = min(wait_s * 2, 15)
