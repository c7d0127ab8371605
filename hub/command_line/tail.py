"""`hub tail`: its options, and the question they ask."""

import asyncio
import sys
from typing import Annotated

import typer

from hub.command_line.configured import configured


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
    """Show live Sparkplug traffic, decoded; Ctrl-C ends it. Looks, and sends nothing.

    Ends with 1 if it never reached the broker.
    """
    import shutil

    from devices.wire.topics import MessageType
    from hub.traffic.rules import Question
    from hub.traffic.tail import Look, seconds
    from hub.traffic.tail import tail as show

    known = {each.value: each for each in MessageType}
    wrong = next((name for name in type_ or () if name.upper() not in known), None)
    if wrong is not None:
        raise typer.BadParameter(
            f"{wrong!r} is no message type; write one of {', '.join(known)}", param_hint="--type"
        )
    types = frozenset(known[name.upper()] for name in type_ or ())
    try:
        for_s = seconds(for_) if for_ else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    look = Look(
        Question(school, None, node, device, metric, types), json=json, values=values, raw=raw,
        colour=sys.stdout.isatty(), width=shutil.get_terminal_size((100, 24)).columns,
        count=count, for_s=for_s,
    )  # fmt: skip
    if not asyncio.run(show(configured(), look)):
        raise typer.Exit(1)
