"""`hub telemetry`: what the telemetry engine holds."""

import sys
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from hub.command_line.configured import configured

telemetry = typer.Typer(no_args_is_help=True, help="What the telemetry engine holds.")


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

    settings = configured()
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
