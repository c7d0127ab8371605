"""A display or wall cell that speaks Samsung MDC over TCP.

What it answers is the simulation of its kind; commands are those of the protocol's version 15.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices.simulation import SimulatedDevice, UnreachableError
from simulators.protocols.served import Link, Served

HEADER, ANSWER = 0xAA, 0xFF
INPUTS = {"DisplayPort": 0x25, "HDMI 1": 0x21, "HDMI 2": 0x23, "OPS": 0x50, "Android": 0x64}
NOT_IN_THIS_STATE = 0x01


class RefusedCommand(Exception):
    """The display says no."""


def packet(command: int, display_id: int, data: bytes) -> bytes:
    """A message with its checksum: the sum of all bytes but the header."""
    body = bytes((command, display_id, len(data))) + data
    return bytes((HEADER,)) + body + bytes((sum(body) % 256,))


class MdcDisplay(Served):
    """One display. Moods: `mute_in_standby` (refuses everything but its status while it is off),
    `odd_power` (a power state that the protocol does not know).
    """

    def __init__(
        self, device: SimulatedDevice, *, display_id: int = 1, columns: int = 4, rows: int = 3, seed: int = 1
    ) -> None:
        super().__init__(most=1, seed=seed)
        self.moods: set[str] = set()
        self._device = device
        self._id = display_id
        self._wall = (columns, rows)

    async def converse(self, link: Link) -> None:
        """Answer one command after the other; wrong checksums and other displays' commands are ignored."""
        while True:
            head = await link.reader.readexactly(4)
            rest = await link.reader.readexactly(head[3] + 1)
            if head[0] != HEADER or sum(head[1:] + rest[:-1]) % 256 != rest[-1] or head[2] != self._id:
                continue
            command = head[1]
            try:
                said = b"A" + bytes((command,)) + self._answer(command, rest[:-1], self._device.read())
            except RefusedCommand:
                said = b"N" + bytes((command, NOT_IN_THIS_STATE))
            except UnreachableError:
                continue
            await link.say(packet(ANSWER, self._id, said))

    def _answer(self, command: int, data: bytes, values: Mapping[str, Any]) -> bytes:
        lit = values["Power"] in (True, "on", "standby")
        if command != 0x00 and command != 0x11 and not lit and "mute_in_standby" in self.moods:
            raise RefusedCommand
        if data:
            self._obey(command, data, values)
            return data
        answers: dict[int, Callable[[], bytes]] = {
            0x00: lambda: bytes((self._power(lit), 0, 0xFF, INPUTS[values["Input"]], 0x10, 0, 0)),
            0x0D: lambda: self._errors(values),
            0x0E: lambda: str(values["Firmware"]).encode(),
            0x11: lambda: bytes((self._power(lit),)),
            0x14: lambda: bytes((INPUTS[values["Input"]],)),
            0x25: lambda: bytes((values["Brightness"],)),
            0x83: lambda: (values["Operating Hours"] * 6).to_bytes(4, "big"),
            0x89: lambda: self._place(values["Position"]),
            0xF9: lambda: bytes((values["Power"] == "standby",)),
        }
        try:
            return answers[command]()
        except KeyError as error:  # a command or a value that this kind of display does not have
            raise RefusedCommand from error

    def _power(self, lit: bool) -> int:
        return 9 if "odd_power" in self.moods else int(lit)

    def _errors(self, values: Mapping[str, Any]) -> bytes:
        fault = values["Fault"]
        lamp, hot, dark = fault in ("panel", "backlight"), fault == "temperature", fault == "no_signal"
        return bytes((lamp, hot, 0, dark, round(values["Temperature"]), 0))

    def _place(self, position: str) -> bytes:
        row, column = (int(part) for part in position.split("-"))
        columns, rows = self._wall
        return bytes((rows * 16 + columns, (row - 1) * columns + column))

    def _obey(self, command: int, data: bytes, values: Mapping[str, Any]) -> None:
        stepped = isinstance(values["Power"], str)  # a wall cell knows standby
        if command == 0x11:
            if stepped:
                self._device.write("Power", "on" if data[0] else "off")
            else:
                self._device.write("Power", bool(data[0]))
        elif command == 0x14 and (wanted := [name for name, code in INPUTS.items() if code == data[0]]):
            self._device.write("Input", wanted[0])
        elif command == 0x25 and data[0] <= 100:
            self._device.write("Brightness", data[0])
        elif command == 0xF9 and stepped:
            self._device.write("Power", "standby" if data[0] else "on")
        else:
            raise RefusedCommand
