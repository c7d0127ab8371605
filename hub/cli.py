"""The `hub` command. Each subcommand imports what it needs when it runs, so that `hub --help` is instant.

Commands of packages that the hub may not import (agents, simulators) come through the entry point group
`smart_classroom.commands`: a callable that takes its arguments and returns an exit code.
"""

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import typer

from hub import __version__
from hub.command_line.audit import audit
from hub.command_line.backup import backup, restore
from hub.command_line.configured import configured
from hub.command_line.conform import conform
from hub.command_line.demo import demo
from hub.command_line.files import bring, give
from hub.command_line.package import packages
from hub.command_line.people import tokens, users
from hub.command_line.tail import tail
from hub.command_line.telemetry import telemetry
from hub.settings import SettingsError

COMMANDS_GROUP = "smart_classroom.commands"

_ABOUT = {
    "agent": "Run the edge agent of a school (--config FILE).",
    "simulate": "Simulate the schools of the province.",
}

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")
app.add_typer(telemetry, name="telemetry")
app.add_typer(audit, name="audit")
app.add_typer(packages, name="package")


def main() -> None:
    """Runs the command line.

    Wrong settings end it with exit code 2, one line each; a database that cannot be used with 1 and one line.
    """
    for name, command in _commands().items():
        _add_forwarded(name, command)
    try:
        app()
    except SettingsError as error:
        print("The settings cannot be used:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        told = _told_of_database(error)
        if told is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        sys.exit(1)


def _told_of_database(error: Exception) -> str | None:
    """Says what is wrong with the database in one line; None for an error that is not the database's."""
    from hub.database.trouble import database_problem, is_of_database, without_password
    from hub.settings import load_settings

    if not is_of_database(error):
        return None
    url = load_settings().database_url
    return f"the database {without_password(url)}: {database_problem(error, url)}"


@app.callback(invoke_without_command=True)
def _about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """The smart-classroom hub."""
    if version:
        print(__version__)
        raise typer.Exit


app.command()(demo)


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="ingest, control, web: one, or several with commas.")] = (
        "ingest,control,web"
    ),
) -> None:
    """Run roles of the hub until SIGTERM."""
    from hub import app as composition

    settings = configured()
    composition.serve(settings, {name.strip() for name in role.split(",") if name.strip()})


app.command("import")(bring)
app.command("export")(give)
app.command()(backup)
app.command()(restore)


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


app.command()(tail)
app.command()(conform)


@app.command()
def doctor() -> None:
    """Check settings, broker, database, disk and programs; say what to do about what is wrong."""
    from hub.doctor import examine

    wrong = 0
    for finding in asyncio.run(examine(configured())):
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


if __name__ == "__main__":
    main()
