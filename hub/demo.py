"""`hub demo`: a whole province on one machine, for looking at.

Starts a broker, the hub's roles and simulated schools as child processes, says what it is doing until the
first picture is there, starts again what dies, and leaves nothing running when it ends.
"""

import asyncio
import contextlib
import fcntl
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devices import province
from hub.broker import LOOPBACK_HOSTS, port_is_free, unused_port
from hub.certificates.hosts import addresses
from hub.certificates.serving import address, trusted
from hub.clock import LOCAL_TIME
from hub.demo_children import broker_folder, broker_name, demo_children, with_enrolment
from hub.demo_records import DemoLogin, prepare
from hub.probes import SchoolsHeard, http_problem, mqtt_problem
from hub.processes import Child, Crew
from hub.settings import SettingProblem, Settings, SettingsError, load_settings

# ten minutes before uplinks are busiest: the wall has something to tell soon after it opens
SCHOOL_MORNING = "shifted:09:50"
READY_WITHIN_S = 120.0
FIRST_PICTURE_WITHIN_S = 120.0
# a scenario may have cut a school off before it was ever heard
ENOUGH_SCHOOLS = 0.95


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `hub demo` was asked for; None means: choose well."""

    schools: int = 24
    host: str | None = None
    http_port: int | None = None
    mqtt_port: int | None = None
    data_dir: Path | None = None
    seed: int = 1
    scenario: str | None = None
    clock: str | None = None
    tls: bool = False


class DemoFailed(Exception):
    """The demo cannot start; the text says why and what to do."""


def choose_clock(now: datetime) -> str:
    """Returns the schools' clock: the real one in school hours, else one that shows a school morning."""
    local = now.astimezone(LOCAL_TIME)
    in_school_hours = local.weekday() < 5 and 7 <= local.hour < 17
    return "real" if in_school_hours else SCHOOL_MORNING


def demo_settings(options: DemoOptions) -> Settings:
    """Returns the settings of the demo's own roles: loopback broker, SQLite in its own data directory.

    The configured databases are left alone on purpose: demo accounts do not belong in them. Raises
    `SettingsError` for a port that is taken.
    """
    base = load_settings()
    data_dir = (options.data_dir or Path("data") / f"demo-{options.schools}").resolve()
    host = options.host or base.http_host
    http_port = options.http_port or base.http_port
    if not port_is_free(host, http_port):
        raise SettingsError([_port_taken("--http-port (HUB_HTTP_PORT)", http_port)])
    mqtt_port = options.mqtt_port or 1883
    if not port_is_free("127.0.0.1", mqtt_port):
        if options.mqtt_port:
            raise SettingsError([_port_taken("--mqtt-port", mqtt_port)])
        mqtt_port = unused_port()  # a broker of the machine's own has 1883; ours may be anywhere
    return load_settings(
        http_host=host,
        http_port=http_port,
        http_redirect_port=None,
        public_url="",
        tls="own" if options.tls else "off",
        mqtt_url=f"mqtt://127.0.0.1:{mqtt_port}",
        data_dir=data_dir,
        database_url=f"sqlite+aiosqlite:///{data_dir}/hub.db",
        telemetry_url=f"sqlite:///{data_dir}/telemetry.db",
        demo=True,
        demo_token=base.demo_token or secrets.token_urlsafe(24),
        schools=[],
    )


async def run_demo(options: DemoOptions, console: Console) -> int:
    """Runs the demo until it is told to stop; returns the exit code.

    Raises `SettingsError` for a taken port and `DemoFailed` when a part does not come up.
    """
    settings = demo_settings(options)
    clock = options.clock or choose_clock(datetime.now(LOCAL_TIME))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _only_demo_in(settings.data_dir), _deaths_shown_on(console), broker_folder() as folder:
        settings = with_enrolment(settings, folder)
        async with _ended_in_order(console) as crew:
            children = demo_children(
                settings, folder,
                schools=options.schools, seed=options.seed, clock=clock, scenario=options.scenario,
            )  # fmt: skip
            starting = asyncio.create_task(_start(crew, children, settings, options, console))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                _tell(console, settings, clock, starting.result())
                await stopping
            starting.cancel()
            await asyncio.wait({starting})
    console.print("Stopped; nothing is left running.")
    return 0


async def _start(
    crew: Crew, children: dict[str, Child], settings: Settings, options: DemoOptions, console: Console
) -> list[DemoLogin]:
    """Starts everything in order and returns when the first picture is there."""
    schools = options.schools
    with console.status("Preparing the records …") as status:
        accounts = await prepare(settings, options.schools, options.seed)
        console.print(f"[green]✓[/] Records of {schools} schools in {settings.data_dir}")
        status.update("Starting the broker …")
        crew.start(children["broker"])
        await _until(lambda: mqtt_problem(settings.mqtt_url), children["broker"], 20)
        console.print(f"[green]✓[/] Broker: {broker_name()} on {settings.mqtt_url}")
        status.update("Starting the hub …")
        crew.start(children["ingest"])
        crew.start(children["control"])
        crew.start(children["web"])
        await _until(
            lambda: http_problem(f"{address(settings)}/readyz", trusted(settings)),
            children["web"],
            READY_WITHIN_S,
        )
        console.print(f"[green]✓[/] Hub ready on {address(settings)}")
        crew.start(children["schools"])
        heard = SchoolsHeard({school.code for school in province.schools(schools)})

        async def missing() -> str | None:
            status.update(f"Opening the schools: {len(heard)} of {schools} have reported …")
            return (
                None
                if len(heard) >= ENOUGH_SCHOOLS * schools
                else f"{len(heard)} of {schools} schools have reported"
            )

        listening = asyncio.create_task(heard.listen(settings.mqtt_url))
        try:
            await _until(missing, children["schools"], FIRST_PICTURE_WITHIN_S)
            console.print(f"[green]✓[/] {len(heard)} of {schools} schools have reported")
        except DemoFailed as slow:
            if not len(heard):
                raise
            console.print(f"[yellow]![/] {slow}")  # some schools are a picture too
        finally:
            listening.cancel()
    return accounts


def _tell(console: Console, settings: Settings, clock: str, accounts: list[DemoLogin]) -> None:
    """Prints where to look and who to be."""
    here = address(settings)
    places = {
        "Wall": (f"{here}/wall/main", "the province at a glance, made for 1920×1080"),
        "Operations": (f"{here}/ops", "alarms to acknowledge, nodes, quarantine"),
        "Technicians": (f"{here}/tech", "every device: live values, charts, where the break is"),
        "Schools": (f"{here}/school", "rooms, equipment, tickets and people of one school"),
        "API": (f"{here}/api/v1/openapi.json", "everything the pages use"),
        "Broker": (settings.mqtt_url, "the live mirror is below hub/live/"),
    }
    people = Table("Role", "User", "Password", "Of", box=None, padding=(0, 2, 0, 0))
    for account in accounts:
        people.add_row(account.role, account.username, account.password, account.unit_code)
    console.rule("[bold]The province is open")
    for name, (where, what) in places.items():
        console.print(f"{name:11} [bold]{where}[/]  {what}", soft_wrap=True)
    if settings.enrolment.broker_dir:
        where = f"codes on {here}/enrolment; they come to {settings.enrolment.mqtt_url}"
        console.print(f"{'Agents':11} [bold]hub agent enrol CODE --config FILE[/]  {where}", soft_wrap=True)
    console.print()
    console.print(people)
    if clock != "real":
        console.print(f"\nThe schools' clock is {clock}: simulated data, shown as such on the wall.")
    if settings.http_host not in LOOPBACK_HOSTS:
        console.print("\nOn phones and computers of this network:")
        for each in _seen_from_outside(settings):
            console.print(f"  {each}", markup=False, soft_wrap=True)
        if settings.tls == "off":
            console.print(
                "[yellow]It listens beyond this machine without HTTPS: whoever is on the network can read "
                "passwords and everything shown, and phones do not open their camera. --tls changes that.[/]"
            )
        else:
            console.print("How devices come to trust it: the page /trust.")
    console.print("\nCtrl-C stops everything.")


async def _until(problem: Callable[[], Awaitable[str | None]], child: Child, within_s: float) -> None:
    """Waits until there is no problem; `DemoFailed` when that takes too long or the child keeps dying."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while (reason := await problem()) is not None:
        if loop.time() > deadline_s or child.deaths >= 5:
            raise DemoFailed(f"{child.name}: {reason}. The end of {child.log_path}:\n{child.last_lines()}")
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _ended_in_order(console: Console) -> AsyncIterator[Crew]:
    crew = Crew()
    try:
        yield crew
    finally:
        console.print("Stopping …")
        await crew.stop()


@contextlib.contextmanager
def _only_demo_in(data_dir: Path) -> Iterator[None]:
    """Keeps two demos out of one data directory."""
    with (data_dir / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fix = "another demo is using this directory; stop it or name another"
            raise SettingsError([SettingProblem("--data-dir", str(data_dir), fix)]) from None
        yield


class _DeathsOnConsole(logging.Handler):
    """Shows what supervision says, without tracebacks: the child's own log has its story."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(f"[yellow]![/] {record.getMessage()}", soft_wrap=True)


@contextlib.contextmanager
def _deaths_shown_on(console: Console) -> Iterator[None]:
    logger = logging.getLogger("hub.supervision")
    shown = _DeathsOnConsole(console)
    logger.addHandler(shown)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(shown)
        logger.propagate = True


def _seen_from_outside(settings: Settings) -> list[str]:
    """Gives the addresses to type on other machines of the network."""
    hosts = addresses() if settings.http_host in {"0.0.0.0", "::"} else [settings.http_host]  # noqa: S104
    scheme = "http" if settings.tls == "off" else "https"
    return [f"{scheme}://{f'[{each}]' if ':' in each else each}:{settings.http_port}" for each in hosts]


def _port_taken(setting: str, port: int) -> SettingProblem:
    return SettingProblem(setting, str(port), "another program listens there; stop it or choose another port")
