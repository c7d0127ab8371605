"""`hub simulate room`: a room of devices on loopback, and the agent's file that reaches them.

Exit codes: 0 ended as asked · 1 the room could not be opened · 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import signal
import sys
from pathlib import Path

import uvloop

from devices.kind import kinds
from simulators.rooms.broker import NoBrokerError
from simulators.rooms.configuration import AgentFile, text_of, write
from simulators.rooms.room import FaultError, PlannedFault, Room, RoomPlan, opened

log = logging.getLogger(__name__)
DONE, FAILED, WRONG = 0, 1, 2
_FAULT = re.compile(r"([\w-]+)=([\w-]+)(?:@(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?)?")


class ArgumentError(ValueError):
    """An argument is wrong; the text names it, its value and the fix."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hub simulate room",
        description="Run a room with devices of every kind, each speaking its real protocol on loopback, "
        "and write the file of an agent that reaches them: hub agent --config FILE.",
    )
    add = parser.add_argument
    add("--kinds", metavar="A,B", help="kinds of device, with commas [all]")
    add("--devices", type=int, default=1, metavar="N", help="devices of each kind [1]")
    add("--write-config", type=Path, metavar="FILE", help="write the agent's file there")
    add("--leave-out", metavar="A,B", help="kinds that the file does not name: a search finds them [none]")
    add("--group", default="D703-THPT-02", metavar="ID", help="the agent's school [D703-THPT-02]")
    add("--node", default="D703-THPT-02-a1", metavar="ID", help="the agent [D703-THPT-02-a1]")
    add("--room", default="P101", metavar="CODE", help="the room [P101]")
    add("--mqtt-url", default="mqtt://127.0.0.1:1883", metavar="URL", help="the hub's broker, for the file")
    add("--poll-s", type=float, default=5.0, metavar="S", help="seconds between two polls, for the file [5]")
    add("--room-broker", metavar="URL", help="broker of relays, sensors, headsets [a Mosquitto of its own]")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="WHO=WHAT[@FROM[-UNTIL]]",
        help="a device's id or a kind, and what goes wrong, such as projector=silence@10-40 (seconds after "
        "the start); a wrong one is answered with all that there are; may be repeated",
    )
    add("--lesson", action=argparse.BooleanOptionalAction, default=True, help="a lesson runs [yes]")
    add("--seed", type=int, default=1, help="the same seed gives the same devices [1]")
    add("--seconds", type=float, default=0.0, metavar="S", help="end after so long [0: never]")
    return parser


def command(argv: list[str]) -> int:
    """Run `hub simulate room` with these arguments; returns the exit code."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        plan = plan_of(arguments)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(plan, arguments))
    except (ArgumentError, FaultError) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    except (NoBrokerError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return DONE


def plan_of(arguments: argparse.Namespace) -> RoomPlan:
    """What was asked for. Raises ArgumentError."""
    known = kinds()
    wanted = arguments.kinds.split(",") if arguments.kinds else list(known)
    left_out = arguments.leave_out.split(",") if arguments.leave_out else []
    if unknown := [one for one in left_out if one not in known]:
        raise ArgumentError(f"--leave-out {','.join(unknown)}: write some of {', '.join(known)}")
    if unknown := [one for one in wanted if one not in known]:
        raise ArgumentError(f"--kinds {','.join(unknown)}: write some of {', '.join(known)}")
    for name, low, high in (("devices", 1, 500), ("poll_s", 0.1, 3600), ("seconds", 0, 1e9)):
        if not low <= getattr(arguments, name) <= high:
            option = f"--{name.replace('_', '-')}"
            raise ArgumentError(
                f"{option} {getattr(arguments, name):g}: write a number from {low:g} to {high:g}"
            )
    return RoomPlan(
        kinds={one: known[one] for one in wanted},
        each=arguments.devices,
        room=arguments.room,
        seed=arguments.seed,
        lesson=arguments.lesson,
        broker_url=arguments.room_broker,
        faults=[_fault(text) for text in arguments.fault],
        unnamed=left_out,
    )


def _fault(text: str) -> PlannedFault:
    found = _FAULT.fullmatch(text)
    if found is None:
        raise ArgumentError(f"--fault {text}: write for example projector=silence or ups=stuck@10-40")
    target, fault, begins_s, ends_s = found.groups()
    return PlannedFault(target, fault, float(begins_s or 0), float(ends_s) if ends_s else None)


async def _run(plan: RoomPlan, arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with opened(plan) as room:
        _say_what_is_there(room)
        if arguments.write_config is not None:
            agent = AgentFile(
                arguments.group, arguments.node, arguments.mqtt_url, arguments.poll_s, room.discovery
            )
            write(arguments.write_config, text_of(agent, room.entries()))
            log.info("the agent's file is %s: hub agent --config %s", *2 * (arguments.write_config,))
        await room.live(stop, arguments.seconds)
    log.info("room %s is closed", plan.room)


def _say_what_is_there(room: Room) -> None:
    for one in room.stands:
        where = (
            f"{one.options['host']}:{one.options['port']}" if "port" in one.options else one.options["url"]
        )
        log.info("%s: %s by %s at %s", one.id, one.kind.id, one.protocol, where)
    for entry in room.unspoken:
        log.info("%s: %s has no protocol to speak here, the agent simulates it", entry.id, entry.kind)
