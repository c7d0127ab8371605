"""`hub demo`: its options."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


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
    tls: Annotated[
        bool, typer.Option("--tls", help="HTTPS with an authority of its own (page /trust).")
    ] = False,
) -> None:
    """Open a simulated province on this machine; Ctrl-C ends it."""
    from rich.console import Console

    from hub.demo import DemoFailed, DemoOptions, run_demo

    options = DemoOptions(schools, host, http_port, mqtt_port, data_dir, seed, scenario, clock, tls)
    console = Console(highlight=False)
    try:
        raise typer.Exit(asyncio.run(run_demo(options, console)))
    except DemoFailed as error:
        console.print("[red]The demo could not start.[/]")
        console.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
