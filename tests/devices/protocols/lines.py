"""What the tests of all protocols over TCP share: a device in memory, line faults, reasons of failures."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Set
from contextlib import closing
from typing import Any

from devices.kind import RoomConditions, kind
from devices.simulation import SimulatedDevice
from edge_agents.driver import Driver, reason_of
from simulators.protocols.served import LineFault, Served

ROOM = RoomConditions(outdoor_c=30, age_years=2)
REASONS = {
    LineFault.CHECKSUM: {"protocol_error"},
    LineFault.HALF: {"protocol_error"},
    LineFault.STUCK: {"timeout"},
    LineFault.GARBAGE: {"protocol_error", "timeout"},
    LineFault.BABBLE: {"protocol_error", "timeout"},
    LineFault.SILENCE: {"timeout"},
    LineFault.RESET: {"protocol_error"},
}
"""Which reason codes a line fault may get; garbage may look like an answer that never ends."""


def simulated(kind_id: str, *, seed: int = 1, room: RoomConditions = ROOM) -> SimulatedDevice:
    """A device of the kind that has lived for a minute."""
    device = kind(kind_id).simulate(random.Random(seed))
    device.step(room, 60)
    return device


def driver_of(kind_id: str, **options: Any) -> Driver:
    """The kind's own driver, as an agent makes it."""
    make = kind(kind_id).driver
    assert make is not None
    driver: Driver = make(**{"host": "127.0.0.1", **options})
    return driver


async def reason(call: Awaitable[Any]) -> str:
    """The code with which the call fails; `fine` if it does not."""
    try:
        await call
    except Exception as error:  # noqa: BLE001 — the loop of a device takes any
        return reason_of(error)
    return "fine"


async def polled(driver: Driver) -> str:
    """How connecting and polling end."""
    first = await reason(driver.connect())
    return first if first != "fine" else await reason(driver.poll())


async def survives(driver: Driver, server: Served, fault: LineFault, reasons: Set[str] = frozenset()) -> None:
    """The fault has its reason code (REASONS if none is given), and after it the same driver works again."""
    reasons = reasons or REASONS[fault]
    server.fault = fault
    assert await polled(driver) in reasons
    await driver.close()
    server.fault = None
    await heals(driver)
    server.fault = fault
    assert await reason(driver.poll()) in reasons, "also in the middle of a session"
    await driver.close()
    server.fault = None
    await heals(driver)
    await driver.close()


async def heals(driver: Driver) -> None:
    """The driver works again, tried as an agent does: a slow machine may need more than one attempt."""
    said = ""
    for _ in range(100):
        if (said := await polled(driver)) == "fine":
            return
        await driver.close()
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not heal: {said}")


def free_port() -> int:
    """A loopback port on which nobody listens."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
