"""The web role put together: routes, pages, the live picture, and what keeps them up to date."""

import asyncio
import contextlib
import importlib
import importlib.util
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import BaseRoute

from devices import province
from hub import __version__
from hub.accounts import accounts_api, oidc, oidc_links, own_api, tokens_api
from hub.accounts import api as session_api
from hub.accounts.authentication import Authenticator
from hub.accounts.rules import SessionEnds
from hub.accounts.seal import Seal
from hub.accounts.throttle import LoginThrottle
from hub.accounts.wall_door import WallDoor
from hub.alarms import api as alarms_api
from hub.assets import api as assets_api
from hub.assets import documents_api, following, statistics_api, stocktaking_api
from hub.audit import api as audit_api
from hub.audit.service import last_proof, proof_problem
from hub.certificates import api as certificates_api
from hub.certificates.door import Door, listen
from hub.clock import now_ms, today
from hub.commands import api as commands_api
from hub.commands import groups_api
from hub.commands import service as commands
from hub.commands.progress import Progress
from hub.commands.rules import Plain
from hub.commands.sight import Interlocks
from hub.commands.storing import Key
from hub.database import Database
from hub.discovery import api as discovery_api
from hub.enrolment import api as enrolment_api
from hub.enrolment.broker_files import BrokerFiles
from hub.events import Events
from hub.fleet import api as fleet_api
from hub.fleet import packages_api, rollouts_api
from hub.garbage import collect_rarely
from hub.imports import api as imports_api
from hub.imports import sync_api
from hub.imports.runner import Runner
from hub.live import api as live_api
from hub.live import schools_api
from hub.live.inventory import Inventory
from hub.live.picture import Picture
from hub.live.status import StatusBoard
from hub.organisation import api as organisation_api
from hub.organisation import service as organisation
from hub.organisation.trees import Trees
from hub.registry import api as registry_api
from hub.settings import Settings
from hub.telemetry import api as telemetry_api
from hub.telemetry import export_api
from hub.telemetry.engines import check_reader, open_reader, open_rollups
from hub.telemetry.history import History
from hub.telemetry.port import TelemetryReader
from hub.telemetry.rollup_role import tell_progress
from hub.tickets import api as tickets_api
from hub.traffic import api as traffic_api
from hub.traffic.stream import Traffic
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

__all__ = ["ROUTERS", "build", "listen", "start_web"]

ROUTERS = (
    health.router,
    session_api.router,
    own_api.router,
    accounts_api.router,
    tokens_api.router,
    oidc.router,
    oidc_links.router,
    certificates_api.router,
    enrolment_api.router,
    fleet_api.router,
    discovery_api.router,
    rollouts_api.router,
    packages_api.router,
    organisation_api.router,
    registry_api.router,
    alarms_api.router,
    audit_api.router,
    tickets_api.router,
    groups_api.router,
    commands_api.router,
    live_api.router,
    schools_api.router,
    wall_api.router,
    telemetry_api.router,
    export_api.router,
    traffic_api.router,
    views_api.router,
    assets_api.router,
    statistics_api.router,
    documents_api.router,
    stocktaking_api.router,
    imports_api.router,
    sync_api.router,
)
ORGANISE_EVERY_S = 30.0


class Start(Protocol):
    """Starts a loop, supervised, under a name."""

    def __call__(self, name: str, role: Callable[[], Awaitable[None]], grace_s: float = 1) -> None: ...


def start_web(
    settings: Settings,
    database: Database,
    door: Door,
    start: Start,
    closing: contextlib.AsyncExitStack,
    stop: asyncio.Event,
) -> None:
    """Starts the loops of the web role; `closing` gets what is to be closed after them."""
    name = _name(settings)
    events = Events(settings.mqtt_url, name)
    app = build(settings, database, events)
    closing.callback(app.state.telemetry.close)
    closing.callback(app.state.history.close)
    picture, walls = app.state.picture, app.state.walls
    start("events", events.run)
    start("picture", partial(picture.follow, settings.mqtt_url, f"{name}-picture"))
    start("organisation", partial(_organise, database, [walls, app.state.inventory], stop))
    start("traffic", app.state.traffic.run)
    start("command progress", app.state.command_progress.run)
    start("walls", partial(walls.run, stop))
    start("imports", partial(app.state.imports.run, stop), grace_s=5)
    start("roll-up progress", partial(tell_progress, app.state.history, now_ms, stop))
    if app.state.broker_files is not None:
        start("broker files", partial(app.state.broker_files.run, stop), grace_s=5)
    for loop, run in door.loops(app, stop).items():
        start(loop, run, grace_s=5)
    collect_rarely()


def _name(settings: Settings) -> str:
    """A new MQTT client id, of no other process and no other line of this one."""
    return f"{settings.host_id}-web-{os.getpid()}-{random.getrandbits(32):08x}"


@cache
def _routes() -> Sequence[BaseRoute]:
    """Gives the routes of all features, analysed once in a process however many applications have them."""
    whole = FastAPI(openapi_url=None, dependencies=[Depends(only_declared)])
    own = len(whole.router.routes)
    for router in ROUTERS:
        whole.include_router(router)
    return whole.router.routes[own:]


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
    lasting = settings.accounts
    ends = SessionEnds(lasting.session_idle_minutes * 60_000, lasting.session_longest_hours * 3_600_000)
    trees = Trees()
    subtree = partial(_subtree, trees)
    authenticate = Authenticator(database, subtree, now_ms, token, ends)
    picture = Picture()
    app.state.settings = settings
    app.state.database = database
    app.state.events = events
    app.state.now_ms = now_ms
    app.state.authenticate = authenticate
    app.state.subtree = subtree
    app.state.trees = trees
    app.state.followers = [following.rooms_moved]
    app.state.session_ends = ends
    app.state.login_throttle = LoginThrottle()
    app.state.enrolment_failures = enrolment_api.failures()
    app.state.seal = Seal(Path(lasting.key_file or settings.data_dir / "accounts.key"))
    app.state.login_providers = oidc.providers_of(settings.oidc, now_ms)
    app.state.imports = Runner(database, settings.data_dir / "imports", now_ms, today)
    app.state.picture = picture
    app.state.inventory = Inventory()
    picture.add_listener(app.state.inventory)
    app.state.interlocks = Interlocks()
    picture.add_listener(app.state.interlocks)
    app.state.wanted_of = partial(_wanted_of, database)
    app.state.command_progress = Progress(settings.mqtt_url, f"{_name(settings)}-commands")
    app.state.statuses = StatusBoard(app.state.inventory)
    picture.add_listener(app.state.statuses)
    app.state.traffic = Traffic(settings.mqtt_url, f"{_name(settings)}-traffic", now_ms)
    app.state.traffic.school_of = partial(traffic_api.school_of, picture)
    app.state.telemetry = open_reader(settings.telemetry_url, settings.telemetry_secret)
    engine = settings.telemetry_url, settings.telemetry_secret
    app.state.history = History(app.state.telemetry, open_rollups(*engine), settings.telemetry.days, now_ms)
    app.state.walls = Walls(picture, build_id(__version__, [Path(__file__).parent, *pages.values()]), now_ms)
    app.state.walls.remember(WallMemory(app.state.telemetry, settings.data_dir))
    app.state.checks = [health.database_check(database), *_broker_checks(events, picture)]
    app.state.checks.append(_telemetry_check(app.state.telemetry))
    app.state.checks.append(_audit_check(database))
    app.state.broker_files = None
    if settings.enrolment.broker_dir:
        app.state.broker_files = BrokerFiles(settings, database, now_ms)
        app.state.checks.append(_enrolment_check(app.state.broker_files))
    problems.install(app)
    app.router.routes.extend(_routes())

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
        return picture.ingest_faults() if picture.ingest_online() else "no fresh heartbeat of ingest"

    return [health.Check("broker", broker), health.Check("ingest", ingest)]


def _telemetry_check(reader: TelemetryReader) -> health.Check:
    async def telemetry() -> str:
        return await asyncio.to_thread(check_reader, reader)

    return health.Check("telemetry", telemetry)


def _enrolment_check(files: BrokerFiles) -> health.Check:
    async def enrolment() -> str:
        return files.problem

    return health.Check("enrolment", enrolment, needed=False)  # agents that are there stay, and so do pages


def _audit_check(database: Database) -> health.Check:
    async def audit() -> str:
        async with database.read() as session:
            return proof_problem(await last_proof(session), now_ms())

    return health.Check("audit", audit, needed=False)  # what happened is to be looked at; the hub works


async def _organise(database: Database, told: Sequence[Walls | Inventory], stop: asyncio.Event) -> None:
    """Tells which schools there are, now and whenever that changes."""
    known: tuple[list[SchoolFacts], dict[str, str]] | None = None
    districts = [DistrictFacts(each.code, each.name, each.short) for each in province.districts()]
    while not stop.is_set():
        async with database.read() as session:
            units = await organisation.schools(session, today())
            names = await organisation.names(session, today())
        schools = [
            SchoolFacts(u.code, u.name, u.levels[0] if u.levels else "", u.district_code or "") for u in units
        ]
        if (schools, names) != known:
            for each in told:
                each.organise(schools, districts, names)
            known = schools, names
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ORGANISE_EVERY_S)


async def _wanted_of(database: Database, key: Key) -> dict[str, Plain]:
    async with database.read() as session:
        return await commands.wanted_values(session, key, now_ms())


async def _subtree(trees: Trees, session: AsyncSession, unit_code: str) -> frozenset[str] | None:
    return await trees.subtree(session, unit_code, today())
