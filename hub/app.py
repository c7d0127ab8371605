"""The composition root: the only place that wires the parts, starts the roles and reads the clock."""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

import uvloop
from fastapi import Depends, FastAPI
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from devices import province
from hub import __version__
from hub.accounts import api as accounts_api
from hub.accounts.authentication import Authenticator
from hub.accounts.rules import LoginThrottle
from hub.accounts.wall_door import WallDoor
from hub.alarms import api as alarms_api
from hub.control import ControlRole
from hub.database import Database, migrate
from hub.events import Events
from hub.live import api as live_api
from hub.live import schools_api
from hub.live.inventory import Inventory
from hub.live.picture import Picture
from hub.organisation import api as organisation_api
from hub.organisation import service as organisation
from hub.registry import api as registry_api
from hub.settings import SettingProblem, Settings, SettingsError
from hub.supervision import supervise
from hub.telemetry import api as telemetry_api
from hub.telemetry.engines import check_reader, open_reader
from hub.telemetry.port import TelemetryReader
from hub.views import api as views_api
from hub.wall import api as wall_api
from hub.wall.memory import WallMemory
from hub.wall.rules import DistrictFacts, SchoolFacts
from hub.wall.service import Walls
from hub.web import health, problems
from hub.web.access import public
from hub.web.build import build_id
from hub.web.headers import Shield
from hub.web.parameters import only_declared
from hub.web.server import listen, serve_http

log = logging.getLogger(__name__)

ROLES = frozenset({"ingest", "control", "web"})
ROUTERS = (
    health.router,
    accounts_api.router,
    organisation_api.router,
    registry_api.router,
    alarms_api.router,
    live_api.router,
    schools_api.router,
    wall_api.router,
    telemetry_api.router,
    views_api.router,
)
ORGANISE_EVERY_S = 30.0
Role: TypeAlias = Callable[[], Awaitable[None]]


def now_ms() -> int:
    """Gives the present in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def today() -> date:
    """Gives the present day in the province."""
    return datetime.fromtimestamp(now_ms() / 1000, UTC).astimezone(organisation_api.LOCAL_TIME).date()


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
    listener = listen(settings) if "web" in roles else None
    database = Database(settings.database_url)
    closing = contextlib.AsyncExitStack()
    closing.push_async_callback(database.close)
    if listener is not None:
        closing.callback(listener.close)
    async with closing:
        await _migrated(settings.database_url, stop)
        if settings.demo and not stop.is_set():
            await _fill_empty(database)
        async with asyncio.TaskGroup() as tasks:
            start = partial(_start, tasks, stop)
            if "ingest" in roles:
                # a process that only serves pages loads nothing of the hot path
                ingest = importlib.import_module("hub.ingest.service")
                start("ingest", lambda: ingest.IngestRole(settings).run(stop), grace_s=10)
            if "control" in roles:
                start("control", lambda: ControlRole(database, now_ms).run(stop))
            if listener is not None:
                name = f"{settings.host_id}-web-{os.getpid()}-{random.getrandbits(32):08x}"
                events = Events(settings.mqtt_url, name)
                app = build(settings, database, events)
                closing.callback(app.state.telemetry.close)
                picture, walls = app.state.picture, app.state.walls
                start("events", events.run)
                start("picture", partial(picture.follow, settings.mqtt_url, f"{name}-picture"))
                start("organisation", partial(_organise, database, [walls, app.state.inventory], stop))
                start("walls", partial(walls.run, stop))
                start("web", partial(serve_http, app, listener, stop), grace_s=5)


def build(settings: Settings, database: Database, events: Events) -> FastAPI:
    """Builds the web application; nothing runs yet."""
    token = settings.demo_token.get_secret_value() if settings.demo_token else None
    pages = _pages()
    app = FastAPI(
        title="Smart-classroom hub",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(only_declared)],
    )
    authenticate = Authenticator(database, _subtree, now_ms, token)
    picture = Picture()
    app.state.settings = settings
    app.state.database = database
    app.state.events = events
    app.state.now_ms = now_ms
    app.state.authenticate = authenticate
    app.state.login_throttle = LoginThrottle()
    app.state.picture = picture
    app.state.inventory = Inventory()
    picture.add_listener(app.state.inventory)
    app.state.telemetry = open_reader(settings.telemetry_url, settings.telemetry_secret)
    app.state.walls = Walls(picture, build_id(__version__, [Path(__file__).parent, *pages.values()]), now_ms)
    app.state.walls.remember(WallMemory(app.state.telemetry, settings.data_dir))
    app.state.checks = [health.database_check(database), *_broker_checks(events, picture)]
    app.state.checks.append(_telemetry_check(app.state.telemetry))
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)

    @app.get("/api/v1/openapi.json", include_in_schema=False, dependencies=[Depends(public)])
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    demo_unit = organisation.root_of_list() if settings.demo else None
    app.add_middleware(
        WallDoor, database=database, authenticate=authenticate, now_ms=now_ms, demo_unit=demo_unit
    )
    app.add_middleware(Shield)
    for each in pages:
        each.load()(app, simulated=settings.demo)
    return app


def _pages() -> dict[EntryPoint, Path]:
    """Finds the page packages that are there, with their folders: without them the API is served alone."""
    found = {}
    for each in entry_points(group="smart_classroom.pages"):
        package = importlib.util.find_spec(each.module.partition(".")[0])
        if package is not None and package.submodule_search_locations:
            found[each] = Path(package.submodule_search_locations[0])
    return found


def _broker_checks(events: Events, picture: Picture) -> list[health.Check]:
    async def broker() -> str:
        return "" if events.connected and picture.connected else "not connected"

    async def ingest() -> str:
        return "" if picture.ingest_online() else "no fresh heartbeat of ingest"

    return [health.Check("broker", broker), health.Check("ingest", ingest)]


def _telemetry_check(reader: TelemetryReader) -> health.Check:
    async def telemetry() -> str:
        return await asyncio.to_thread(check_reader, reader)

    return health.Check("telemetry", telemetry)


async def _organise(database: Database, told: Sequence[Walls | Inventory], stop: asyncio.Event) -> None:
    """Tells which schools there are, now and whenever that changes."""
    known: list[SchoolFacts] | None = None
    districts = [DistrictFacts(each.code, each.name, each.short) for each in province.districts()]
    while not stop.is_set():
        async with database.read() as session:
            units = await organisation.schools(session, today())
        schools = [
            SchoolFacts(u.code, u.name, u.levels[0] if u.levels else "", u.district_code or "") for u in units
        ]
        if schools != known:
            for each in told:
                each.organise(schools, districts)
            known = schools
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ORGANISE_EVERY_S)


async def _subtree(session: AsyncSession, unit_code: str) -> frozenset[str] | None:
    return await organisation.subtree(session, unit_code, today())


def _start(tasks: asyncio.TaskGroup, stop: asyncio.Event, name: str, role: Role, grace_s: float = 1) -> None:
    tasks.create_task(supervise(name, role, stop, grace_s=grace_s), name=name)


async def _fill_empty(database: Database) -> None:
    """Gives a demo started by hand the whole province; one that has schools keeps them."""
    async with database.write() as session:
        if not await organisation.school_codes(session, today()):
            await organisation.seed_province(session, today())


async def _migrated(url: str, stop: asyncio.Event) -> None:
    """Brings the schema up to date, as soon as the database answers."""
    wait_s = 0.5
    while not stop.is_set():
        try:
            await migrate(url)
            return
        except OperationalError as error:
            log.warning("the database does not answer yet: %s", error.orig)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s * random.uniform(0.5, 1))
            wait_s = min(wait_s * 2, 15)
