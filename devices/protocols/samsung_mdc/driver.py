"""A display or wall cell by Samsung MDC, over one connection that is kept open.

Source: Samsung Multiple Display Control protocol, version 15; commands are named with their numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from samsung_mdc import MDC  # type: ignore[import-untyped]
from samsung_mdc.commands import (  # type: ignore[import-untyped]
    ERROR_STATUS,
    INPUT_SOURCE,
    PANEL,
    POWER,
)
from samsung_mdc.exceptions import (  # type: ignore[import-untyped]
    MDCTLSAuthFailed,
    MDCTLSRequired,
    NAKError,
)

from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.samsung_mdc.options import SamsungMdcOptions
from devices.simulation import UnreachableError

Source = INPUT_SOURCE.INPUT_SOURCE_STATE
_ON, _OFF = POWER.POWER_STATE.ON, POWER.POWER_STATE.OFF


class _WholeReads(asyncio.StreamReader):
    """Reads as many bytes as are asked for: the library takes what has come for the whole."""

    async def read(self, n: int = -1) -> bytes:
        return await super().read(n) if n < 0 else await self.readexactly(n)


class _Connection(MDC):  # type: ignore[misc]
    """The library's connection, with an opener of our own so that its reads are whole."""

    reader: asyncio.StreamReader | None
    writer: asyncio.StreamWriter | None

    async def open(self) -> None:
        """Connect, and prove the PIN if there is one."""
        host, port = self.target
        loop = asyncio.get_running_loop()
        reader = _WholeReads(limit=4096, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        async with asyncio.timeout(self.connect_timeout):
            transport, _ = await loop.create_connection(lambda: protocol, host, port)
        self.reader = reader
        self.writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        if (pin := self.connection_kwargs.get("pin")) is not None:
            await self._start_tls(pin)

    def drop(self) -> None:
        """Let go of the connection without waiting for the display."""
        writer, self.reader, self.writer = self.writer, None, None
        if writer is not None:
            writer.transport.abort()


class Display:
    """Power, input, brightness, temperature and fault, which every display knows."""

    def __init__(self, options: SamsungMdcOptions) -> None:
        extra = {"pin": options.pin.get_secret_value()} if options.pin else {}
        self._mdc = _Connection((options.host, options.port), timeout=options.answer_s, **extra)
        self._id = options.display_id
        self._sources = options.inputs
        self._names = {source: name for name, source in options.inputs.items()}
        self._fresh = False
        self._firmware: dict[str, Any] = {}

    async def connect(self) -> None:
        """Open the one connection. Raises UnreachableError."""
        self._mdc.drop()
        self._firmware = {}
        try:
            await self._mdc.open()
        except (OSError, EOFError) as error:
            raise unreachable(error) from error
        except Exception as error:  # the library's own come without a common base
            raise _unreachable(error) from error
        self._fresh = True

    async def poll(self) -> Mapping[str, Any]:
        """What it says now; what it refuses to say, as in standby, is left out."""
        power, _volume, _mute, source, *_ = await self._asked(self._mdc.status)
        values = self.power_values(power, await self._told(self._mdc.panel) if power is _ON else None)
        values["Input"] = self._names.get(source.name, source.name)
        if (said := await self._told(self._mdc.brightness)) is not None:
            values["Brightness"] = said[0]
        if (said := await self._told(self._mdc.error_status)) is not None:
            values["Temperature"] = float(said[4])
            values["Fault"] = self.fault(said, lit=power is _ON)
        return values | await self.more(power)

    async def write(self, metric: str, value: Any) -> None:
        """Switch power or input, set the brightness. Raises RefusedError for what it does not take."""
        match metric:
            case "Power":
                await self.switch(value)
            case "Input":
                source = Source.__members__.get(self._sources.get(value, ""))
                if source is None:
                    raise RefusedError(
                        f"Input = {value!r} is not among its inputs; name it in options.inputs"
                    )
                await self._do(self._mdc.input_source, source)
            case "Brightness":
                await self._do(self._mdc.brightness, int(value))
            case _:
                raise RefusedError(f"{metric} cannot be written")

    async def close(self) -> None:
        """Hang up."""
        self._mdc.drop()

    def power_values(self, power: Any, panel: Any) -> dict[str, Any]:
        """The kind's power from the display's."""
        return {"Power": power is _ON}

    async def switch(self, value: Any) -> None:
        """Obey a written power."""
        await self._do(self._mdc.power, _ON if value else _OFF)

    def fault(self, said: tuple[Any, ...], *, lit: bool) -> str:
        """The kind's word for what ERROR_STATUS (0x0D) says."""
        lamp, temperature, _sensor, _signal, _degrees, fan = said
        if temperature is ERROR_STATUS.TEMPERATURE_ERROR_STATE.ERROR:
            return "temperature"
        if fan is ERROR_STATUS.FAN_ERROR_STATE.ERROR:
            return "fan"
        return "panel" if lamp is ERROR_STATUS.LAMP_ERROR_STATE.ERROR else ""

    async def more(self, power: Any) -> dict[str, Any]:
        """What only this kind knows."""
        if not self._firmware and (said := await self._told(self._mdc.software_version)) is not None:
            self._firmware = {"Firmware": said[0]}  # a new one comes with a restart, and so a new connection
        return self._firmware

    async def _do(self, command: Callable[..., Awaitable[Any]], *data: Any) -> None:
        try:
            await self._asked(command, data)
        except NAKError as error:
            raise RefusedError(str(error)) from error

    async def _told(self, command: Callable[..., Awaitable[Any]]) -> Any:
        try:
            return await self._asked(command)
        except NAKError:
            return None

    async def _asked(self, command: Callable[..., Awaitable[Any]], *data: Any) -> Any:
        """One question. A display that hung up on an idle connection is called once more."""
        try:
            answer = await command(self._id, *data)
        except NAKError:
            raise
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            torn = isinstance(error, asyncio.IncompleteReadError) and bool(error.partial)
            if self._fresh or torn:
                raise unreachable(error) from error
            await self.connect()
            return await self._asked(command, *data)
        except Exception as error:
            raise _unreachable(error) from error
        self._fresh = False
        return answer


class WallCell(Display):
    """A cell of a video wall: it knows its place, its hours, and standby (only the panel dark) from off."""

    def power_values(self, power: Any, panel: Any) -> dict[str, Any]:
        """On, off, or in standby when only the panel (0xF9) is off."""
        dark = panel is not None and panel[0] is PANEL.PANEL_STATE.OFF
        return {"Power": "off" if power is not _ON else "standby" if dark else "on"}

    async def switch(self, value: Any) -> None:
        """`on`, `standby`, `off`."""
        await self._do(self._mdc.power, _OFF if value == "off" else _ON)
        if value != "off":
            await self._do(self._mdc.panel, PANEL.PANEL_STATE[{"on": "ON", "standby": "OFF"}[value]])

    def fault(self, said: tuple[Any, ...], *, lit: bool) -> str:
        """Without a signal only a lit cell is at fault."""
        worst = super().fault(said, lit=lit)
        if worst:
            return "backlight" if worst == "panel" else worst
        unseen = said[3] is ERROR_STATUS.INPUT_SOURCE_ERROR_STATE.ERROR
        return "no_signal" if lit and unseen else ""

    async def more(self, power: Any) -> dict[str, Any]:
        """Its place as row-column, and the hours its panel has been on."""
        values: dict[str, Any] = {}
        if (said := await self._told(self._mdc.panel_on_time)) is not None:
            values["Operating Hours"] = said[0] // 6
        if (said := await self._told(self._mdc.video_wall_model)) is not None and said[0][0] > 0:
            (columns, _rows), number = said
            row, column = divmod(number - 1, columns)
            values["Position"] = f"{row + 1}-{column + 1}"
        return values


def _unreachable(error: Exception) -> UnreachableError:
    if isinstance(error, (MDCTLSAuthFailed, MDCTLSRequired)):
        return UnreachableError("auth_failed", f"{type(error).__name__}: {error}")
    return unreachable(error)
