"""A projector that speaks PJLink, class 1 or 2, with or without a password.

What it answers is the projector kind's own simulation; `moods` are habits that real ones have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from devices.simulation import SimulatedDevice, UnreachableError
from simulators.protocols.served import Link, Served

POWER = {"off": "0", "on": "1", "cooling": "2", "warming": "3"}
INPUTS = {"HDMI 1": "31", "HDMI 2": "32", "VGA": "11", "Network": "51"}
FAULTS = ("fan", "lamp", "temperature", "cover", "filter", "other")


class PJLinkProjector(Served):
    """One projector. Moods: `standby_err3` (in standby it answers hardly anything), `no_power_in_standby`
    (not even its power), `no_lamp` (a laser), `failure` (ERR4 to everything), `odd_power` (a state that the
    specification does not know).
    """

    def __init__(
        self, device: SimulatedDevice, *, password: str = "", pjlink_class: int = 1, seed: int = 1
    ) -> None:
        super().__init__(most=1, seed=seed)
        self.moods: set[str] = set()
        self._device = device
        self._password = password
        self._class = pjlink_class

    def corrupt(self, data: bytes) -> bytes:
        """PJLink has no checksum; the header is hit."""
        return bytes((data[0] ^ 1,)) + data[1:]

    async def converse(self, link: Link) -> None:
        """Greet, check the password, answer one line after the other."""
        salt = f"{self.rng.getrandbits(32):08x}"
        await link.say(f"PJLINK 1 {salt}\r".encode() if self._password else b"PJLINK 0\r")
        digest = hashlib.md5((salt + self._password).encode(), usedforsecurity=False).hexdigest()
        proved = not self._password
        while True:
            line = (await link.reader.readuntil(b"\r")).decode(errors="replace")[:-1]
            if not proved:
                if not line.startswith(digest):
                    await link.say(b"PJLINK ERRA\r")
                    continue
                proved, line = True, line[len(digest) :]
            if (answer := self._answer(line)) is not None:
                await link.say(answer.encode() + b"\r")

    def _answer(self, line: str) -> str | None:
        if len(line) < 7 or line[0] != "%" or line[6] != " ":
            return None
        version, name, parameter = line[1], line[2:6].upper(), line[7:]
        try:
            values = self._device.read()
        except UnreachableError:
            return None
        said = self._said(name, parameter, values) if version <= str(self._class) else "ERR1"
        return f"%{version}{name}={said}"

    def _said(self, name: str, parameter: str, values: Mapping[str, Any]) -> str:
        if "failure" in self.moods and name != "CLSS":
            return "ERR4"
        if values["Power"] == "off" and name != "CLSS":
            hidden = "no_power_in_standby" in self.moods and parameter == "?"
            if hidden or ("standby_err3" in self.moods and name != "POWR"):
                return "ERR3"
        if parameter != "?":
            return self._obey(name, parameter, values)
        match name:
            case "CLSS":
                return str(self._class)
            case "POWR":
                return "7" if "odd_power" in self.moods else POWER[values["Power"]]
            case "INPT":
                return INPUTS[values["Input"]]
            case "LAMP":
                lit = values["Power"] in ("on", "warming")
                return "ERR1" if "no_lamp" in self.moods else f"{values['Lamp Hours']} {int(lit)}"
            case "ERST":
                return "".join("2" if values["Fault"] == fault else "0" for fault in FAULTS)
            case _:
                return "ERR1"

    def _obey(self, name: str, parameter: str, values: Mapping[str, Any]) -> str:
        if name == "POWR":
            if parameter not in ("0", "1"):
                return "ERR2"
            if values["Power"] == "cooling" and parameter == "1":
                return "ERR3"
            self._device.write("Power", "on" if parameter == "1" else "off")
        elif name == "INPT":
            wanted = next((one for one, code in INPUTS.items() if code == parameter), None)
            if wanted is None:
                return "ERR2"
            if values["Power"] != "on":
                return "ERR3"
            self._device.write("Input", wanted)
        else:
            return "ERR1"
        return "OK"
