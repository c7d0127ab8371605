"""A UPS by NUT's network protocol, over one connection to its upsd.

Source: NUT developer guide, "Network protocol information" and "NUT command and variable naming scheme".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aionut import AIONUTClient, NUTCommandError, NUTConnectionClosedError, NUTLoginError

from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.nut.options import NutOptions
from devices.simulation import UnreachableError

NUMBERS = {
    "Charge": ("battery.charge", 1.0),
    "Runtime": ("battery.runtime", 1 / 60),
    "Load": ("ups.load", 1.0),
    "Input Voltage": ("input.voltage", 1.0),
}
"""Metric, variable, and by what its value is multiplied."""
TEMPERATURES = ("ups.temperature", "battery.temperature")
# upsd answers, but for the UPS: its cable is out, or the driver on that machine has lost it
GONE = {"DATA-STALE": "unplugged", "DRIVER-NOT-CONNECTED": "unplugged"}
DENIED = ("ACCESS-DENIED", "PASSWORD-REQUIRED", "USERNAME-REQUIRED", "INVALID-PASSWORD", "INVALID-USERNAME")


class NutDriver:
    """Supply, charge, runtime, load, voltage, health, temperature and beeper of one UPS."""

    def __init__(self, options: NutOptions) -> None:
        self._client = AIONUTClient(
            options.host,
            options.port,
            options.username,
            options.password.get_secret_value() if options.password else None,
            timeout=options.answer_s,
        )
        self._ups = options.ups

    async def connect(self) -> None:
        """Nothing yet: the first poll opens the connection, and opens it again when upsd hung up."""

    async def poll(self) -> Mapping[str, Any]:
        """What upsd knows now. A variable that this UPS does not have is null."""
        return values_of(await self._asked(self._client.list_vars(self._ups)))

    async def write(self, metric: str, value: Any) -> None:
        """Switch the beeper. Raises RefusedError where the UPS has no such command or the account may not."""
        if metric != "Beeper":
            raise RefusedError(f"{metric} cannot be written")
        command = "beeper.enable" if value else "beeper.disable"
        try:
            await self._asked(self._client.run_command(self._ups, command), refusing=True)
        except UnreachableError as error:
            if error.reason == "auth_failed":
                raise RefusedError(f"{command}: {error}; name an account in options.username") from error
            raise

    async def close(self) -> None:
        """Hang up."""
        # after a refused login the library has forgotten to close what it opened
        writer = getattr(self._client, "_writer", None)
        self._client.disconnect()
        if writer is not None:
            writer.transport.abort()

    async def _asked(self, question: Any, *, refusing: bool = False) -> Any:
        try:
            return await question
        except NUTLoginError as error:
            raise UnreachableError("auth_failed", str(error)) from error
        except NUTCommandError as error:
            code = str(error).rpartition("ERR ")[2].split(" ")[0]
            if code in GONE:
                raise UnreachableError(GONE[code], str(error)) from error
            if code in DENIED:
                raise UnreachableError("auth_failed", str(error)) from error
            if refusing:
                raise RefusedError(str(error)) from error
            raise UnreachableError("protocol_error", str(error)) from error
        except NUTConnectionClosedError as error:
            raise UnreachableError("protocol_error", str(error)) from error
        except Exception as error:
            raise unreachable(error) from error


def values_of(variables: Mapping[str, str]) -> dict[str, Any]:
    """Metrics of a UPS from NUT's variables; None for what it does not say or says in no number."""
    flags = frozenset(variables.get("ups.status", "").split())
    values: dict[str, Any] = {"On Battery": "OB" in flags if flags & {"OL", "OB"} else None}
    for metric, (name, factor) in NUMBERS.items():
        number = _number(variables.get(name))
        values[metric] = None if number is None else round(number * factor, 1)
    values["Status"] = status_of(flags)
    values["Battery Health"] = _health(flags, variables.get("ups.test.result", "").lower())
    known = (number for name in TEMPERATURES if (number := _number(variables.get(name))) is not None)
    values["Temperature"] = next(known, None)
    beeper = variables.get("ups.beeper.status")
    values["Beeper"] = None if beeper is None else beeper == "enabled"
    return values


def status_of(flags: frozenset[str]) -> str | None:
    """The worst thing that the status says, or None if it says none of what we know."""
    order = (
        ({"FSD"}, "shutting_down"),
        ({"OFF"}, "off"),
        ({"OB", "LB"}, "low_battery"),
        ({"OVER"}, "overloaded"),
        ({"OB"}, "on_battery"),
        ({"BYPASS"}, "bypass"),
        ({"OL"}, "online"),
    )
    return next((word for needed, word in order if needed <= flags), None)


def _health(flags: frozenset[str], test: str) -> str | None:
    if "RB" in flags or "failed" in test or "error" in test:
        return "replace"
    if "warning" in test:
        return "weak"
    return "good" if "passed" in test or "ok" in test.split() else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
