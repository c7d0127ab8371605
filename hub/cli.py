"""The `hub` command. Each subcommand imports what it needs when it runs, so that `hub --help` is instant.

Commands of packages that the hub may not import (agents, simulators) come through the entry point group
`smart_classroom.commands`: a callable that takes its arguments and returns an exit code.
"""

import asyncio
import importlib
import importlib.util
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hub import __version__
from hub.settings import Settings, SettingsError, load_settings, unknown_variables

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")

COMMANDS_GROUP = "smart_classroom.commands"

_ABOUT = {
    "agent": "Run the edge agent of a school (--config FILE).",
    "simulate": "Simulate the schools of the province.",
}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
users = typer.Typer(no_args_is_help=True, help="Accounts of people.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens of programs and wall screens.")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")
telemetry = typer.Typer(no_args_is_help=True, help="What the telemetry engine holds.")
app.add_typer(telemetry, name="telemetry")


def main() -> None:
    """Runs the command line; wrong settings end it with exit code 2, one line each."""
    for name, command in _commands().items():
        _add_forwarded(name, command)
    try:
        app()
    except SettingsError as error:
        print("The settings cannot be used:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """The smart-classroom hub."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    schools: Annotated[int, typer.Option(min=1, help="Simulated schools; 445 is the whole province.")] = 24,
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    http_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the pages [8000].")] = None,
    mqtt_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the broker [1883, or a free one if taken].")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where it keeps its data [data/demo-<schools>].")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same schools.")] = 1,
    scenario: Annotated[str | None, typer.Option(help="What goes wrong: a file of config/scenarios.")] = None,
    clock: Annotated[
        str | None,
        typer.Option(help="real, shifted:09:50 or compressed:60x [a school morning outside school hours]."),
    ] = None,
) -> None:
    """Open a simulated province on this machine; Ctrl-C ends it."""
    from rich.console import Console

    from hub.demo import DemoFailed, DemoOptions, run_demo

    options = DemoOptions(schools, host, http_port, mqtt_port, data_dir, seed, scenario, clock)
    console = Console(highlight=False)
    try:
        raise typer.Exit(asyncio.run(run_demo(options, console)))
    except DemoFailed as error:
        console.print("[red]The demo could not start.[/]")
        console.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="ingest, control, web: one, or several with commas.")] = (
        "ingest,control,web"
    ),
) -> None:
    """Run roles of the hub until SIGTERM."""
    from hub import app as composition

    settings = _settings()
    composition.serve(settings, {name.strip() for name in role.split(",") if name.strip()})


@app.command("import")
def import_province(
    schools: Annotated[int | None, typer.Option(min=1, help="Only so many, evenly chosen [all].")] = None,
) -> None:
    """Bring the database up to date and fill in the province's schools and offices; again is harmless."""
    from hub.demo_records import SCHOOL_ZONE
    from hub.organisation.service import seed_province

    today = datetime.now(SCHOOL_ZONE).date()
    codes = _in_database(lambda session: seed_province(session, today, schools))
    print(f"{len(codes)} schools are in the database.")


@users.command("add")
def add_user(
    username: str,
    role: Annotated[str, typer.Option(help="For example operations or technician.")],
    unit: Annotated[str, typer.Option(help="Code of the school, office or department it is for.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    language: Annotated[str, typer.Option(help="vi or en")] = "vi",
) -> None:
    """Add an account; the password is asked for, or read from standard input."""
    from hub.accounts.service import create_account

    password = _ask_password()
    _in_database(
        lambda session: create_account(
            session, username, name or username, password, [(role, unit)], language
        )
    )
    print(f"{username} is {role} of {unit}.")


@users.command("password")
def set_user_password(username: str) -> None:
    """Set an account's password and end its sessions."""
    from hub.accounts.service import set_password

    password = _ask_password()
    if not _in_database(lambda session: set_password(session, username, password)):
        print(f"There is no account {username}.", file=sys.stderr)
        raise typer.Exit(1)


@tokens.command("api")
def api_token(
    name: str,
    role: Annotated[str, typer.Option(help="What it may do, as a role.")],
    unit: Annotated[str, typer.Option(help="Code of the unit it is for.")],
    days: Annotated[int, typer.Option(min=1, help="Days until it ends.")] = 365,
) -> None:
    """Create a token for a program; it is shown once."""
    from hub.accounts.service import create_token

    now_ms = time.time_ns() // 1_000_000
    end_ms = now_ms + days * 86_400_000
    print(
        _in_database(
            lambda session: create_token(
                session, "api", name, now_ms, role=role, unit_code=unit, expires_ms=end_ms
            )
        )
    )


@tokens.command("wall")
def wall_token(name: str, unit: Annotated[str, typer.Option(help="Code of the unit it shows.")]) -> None:
    """Create a view-only token for a wall screen; it is shown once."""
    from hub.accounts.service import create_wall_token

    now_ms = time.time_ns() // 1_000_000
    print(_in_database(lambda session: create_wall_token(session, name, unit, now_ms)))


@telemetry.command()
def verify(
    record: Annotated[Path, typer.Argument(help="What `hub simulate --record` wrote.")],
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Compare what simulators produced with what is stored, sample by sample; 1 if anything differs."""
    from hub.telemetry import engines
    from hub.telemetry.port import TelemetryError
    from hub.telemetry.verify import RecordError
    from hub.telemetry.verify import verify as compare

    settings = _settings()
    try:
        reader = engines.open_reader(settings.telemetry_url, settings.telemetry_secret)
        try:
            verdict = compare(record, reader)
        finally:
            reader.close()
    except (RecordError, TelemetryError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(dumps(verdict.as_dict()) if json else verdict.as_text())
    raise typer.Exit(1 if verdict.total.differs else 0)


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def bench(context: typer.Context) -> None:
    """Measure: `hub bench NAME [arguments]`, or all benchmarks one after the other without a name."""
    import pkgutil

    import hub.benchmarks

    modules = [f"hub.benchmarks.{found.name}" for found in pkgutil.iter_modules(hub.benchmarks.__path__)]
    known = {
        module.rpartition(".")[2]: run
        for module in modules
        if (run := getattr(importlib.import_module(module), "command", None)) is not None
    }
    name, *arguments = context.args or ["all"]
    if name != "all" and name not in known:
        print(f"hub bench: there is {', '.join(sorted(known))}", file=sys.stderr)
        raise typer.Exit(0 if name in {"--help", "-h"} else 2)
    raise typer.Exit(max(run(arguments) for each, run in sorted(known.items()) if name in {each, "all"}))


@app.command()
def tail(
    school: Annotated[
        str | None, typer.Option(help="School, the group of its topics; knows * and ?.")
    ] = None,
    node: Annotated[str | None, typer.Option(help="Edge node.")] = None,
    device: Annotated[str | None, typer.Option(help="Device; only messages about devices are shown.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric; only these metrics are shown.")] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="NBIRTH, DDATA, STATE, …; may be repeated.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="One metric a line, with datatype and time.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The payload in hex as well.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many messages.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="End after so long: 10s, 2m.")] = None,
) -> None:
    """Show live Sparkplug traffic, decoded; Ctrl-C ends it. Looks, and sends nothing."""
    import shutil

    from devices.wire.topics import MessageType
    from hub.traffic.rules import Question
    from hub.traffic.tail import Look, seconds
    from hub.traffic.tail import tail as show

    try:
        types = frozenset(MessageType(name.upper()) for name in type_ or ())
        for_s = seconds(for_) if for_ else None
    except ValueError as error:
        raise typer.BadParameter(f"{error}; message types are {', '.join(MessageType)}") from None
    look = Look(
        Question(school, None, node, device, metric, types), json=json, values=values, raw=raw,
        colour=sys.stdout.isatty(), width=shutil.get_terminal_size((100, 24)).columns,
        count=count, for_s=for_s,
    )  # fmt: skip
    asyncio.run(show(_settings(), look))


@app.command()
def doctor() -> None:
    """Check settings, broker, database, disk and programs; say what to do about what is wrong."""
    from hub.doctor import examine

    wrong = 0
    for finding in asyncio.run(examine(_settings())):
        wrong += finding.wrong
        print(f"{'✗' if finding.wrong else '✓'} {finding.text}")
    raise typer.Exit(1 if wrong else 0)


def _commands() -> dict[str, EntryPoint]:
    """The commands of other packages that are really there."""
    found = entry_points(group=COMMANDS_GROUP)
    return {each.name: each for each in found if importlib.util.find_spec(each.module.partition(".")[0])}


def _add_forwarded(name: str, command: EntryPoint) -> None:
    def forward(context: typer.Context) -> None:
        run: Callable[[list[str]], int] = command.load()
        raise typer.Exit(run(list(context.args)))

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, help=_ABOUT.get(name), add_help_option=False, context_settings=settings)(forward)


def _settings() -> Settings:
    """Reads the settings and sets up logging by them."""
    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for warning in unknown_variables():
        logging.getLogger(__name__).warning("%s", warning)
    return settings


def _in_database(change: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    """Makes one change in one transaction of the configured database, brought up to date first."""
    from sqlalchemy.exc import IntegrityError

    import hub.organisation.tables  # noqa: F401  accounts refer to units
    from hub.database import Database, migrate
    from hub.errors import Problem

    async def run(url: str) -> T:
        await migrate(url)
        database = Database(url)
        try:
            async with database.write() as session:
                return await change(session)
        finally:
            await database.close()

    try:
        return asyncio.run(run(_settings().database_url))
    except Problem as error:
        print(f"error: {error}" + (f"; {error.fix}" if error.fix else ""), file=sys.stderr)
    except IntegrityError:
        print("error: there is no such unit; `hub import` fills in the province's", file=sys.stderr)
    raise typer.Exit(1)


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    main()
