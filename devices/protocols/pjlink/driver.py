"""A projector by PJLink: every question is a connection of its own, one after the other.

Source: PJLink Class 2 specification, JBMIA, version 2.10; its sections are named as §.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import Any

from aiopjlink import (
    Errors,
    PJClass,
    PJLink,
    PJLinkERR1,
    PJLinkERR2,
    PJLinkERR3,
    PJLinkERR4,
    PJLinkException,
    PJLinkPassword,
    Power,
    Sources,
)

from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.pjlink.options import PJLinkOptions
from devices.simulation import UnreachableError

POWER = {
    Power.State.OFF: "off",
    Power.State.ON: "on",
    Power.State.COOLING: "cooling",
    Power.State.WARMING: "warming",
}
HOURS_EVERY_S = 60.0


class PJLinkDriver:
    """Power, lamp hours, input and fault of one projector; PJLink knows no temperature in degrees."""

    def __init__(self, options: PJLinkOptions) -> None:
        self._link = PJLink(
            options.host,
            options.port,
            options.password.get_secret_value() if options.password else None,
            timeout=options.answer_s,
        )
        self._codes = options.inputs
        self._names = {code: name for name, code in options.inputs.items()}
        self._class = PJClass.ONE
        self._failed = False
        self._hours: dict[str, Any] = {}
        self._hours_due_s = 0.0

    async def connect(self) -> None:
        """Ask for its class; one that does not know the question is of class 1."""
        self._hours_due_s = 0.0
        asked = await self._ask(self._link.info.pjlink_class(), unknown=PJClass.ONE)
        self._class = asked or PJClass.ONE

    async def poll(self) -> Mapping[str, Any]:
        """What it says now. In standby some questions are not answered (ERR3): those values are left out."""
        self._failed = False
        # a projector that will not even tell its power "at present" is there, and in standby
        power = await self._ask(self._link.power.get(), unavailable=Power.State.OFF)
        values: dict[str, Any] = {"Power": POWER.get(power), "Temperature": None}
        values |= await self._slow_ones()
        source = await self._ask(self._link.sources.get(self._class))
        if source is not None:
            code = f"{source[0].value}{source[1]}"
            values["Input"] = self._names.get(code, f"{source[0].name.capitalize()} {source[1]}")
        errors = await self._ask(self._link.errors.query(), unknown={})
        if errors is not None:
            broken = (category for category, level in errors.items() if level is Errors.Level.ERROR)
            values["Fault"] = next((category.value for category in broken), "")
        if self._failed and not values.get("Fault"):
            values["Fault"] = "other"
        return values

    async def _slow_ones(self) -> Mapping[str, Any]:
        """Its lamps' hours, asked again when they may have moved: each question is a connection."""
        now_s = time.monotonic()
        if now_s >= self._hours_due_s:
            lamps = await self._ask(self._link.lamps.status(), unknown=[])
            if lamps is None:  # in standby it may not say; what it said stays true
                return {}
            self._hours_due_s = now_s + HOURS_EVERY_S
            self._hours = {"Lamp Hours": max((hours for hours, _ in lamps), default=None)}
        return self._hours

    async def write(self, metric: str, value: Any) -> None:
        """Switch power or input. Raises RefusedError when it says no, as to "on" while it cools."""
        if metric == "Power":
            asked = self._link.power.set(Power.State.ON if value == "on" else Power.State.OFF)
        elif (code := self._codes.get(value)) is not None and metric == "Input":
            asked = self._link.sources.set(Sources.Mode(code[0]), code[1], self._class)
        else:
            raise RefusedError(f"{metric} = {value!r} is not among its inputs; name it in options.inputs")
        try:
            await asked
        except (PJLinkERR1, PJLinkERR2, PJLinkERR3, PJLinkERR4) as error:
            raise RefusedError(f"{metric} = {value!r}: {error}") from error
        except PJLinkException as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Nothing is kept open between questions."""

    async def _ask(self, question: Awaitable[Any], *, unknown: Any = None, unavailable: Any = None) -> Any:
        """The answer; `unknown` to ERR1 and ERR2, `unavailable` to ERR3 (§2.2); ERR4 is a fault."""
        try:
            return await question
        except (PJLinkERR1, PJLinkERR2):
            return unknown
        except PJLinkERR3:
            return unavailable
        except PJLinkERR4:
            self._failed = True
            return None
        except PJLinkException as error:
            raise _unreachable(error) from error


def _unreachable(error: PJLinkException) -> UnreachableError:
    if isinstance(error, PJLinkPassword):
        return UnreachableError("auth_failed", str(error))
    return unreachable(error)
