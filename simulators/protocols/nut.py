"""An upsd that speaks NUT's network protocol for one UPS, which is the UPS kind's own simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.simulation import SimulatedDevice, UnreachableError
from simulators.protocols.served import Link, Served

TESTS = {"good": "Done and passed", "weak": "Done and warning"}


class Upsd(Served):
    """One upsd with one UPS. Moods: `stale` (its driver has lost the UPS), `no_driver`, `closed`
    (to this address), `odd_status` (flags that nobody knows), `odd_numbers` (text instead of numbers).
    """

    def __init__(
        self,
        device: SimulatedDevice,
        *,
        ups: str = "ups",
        account: tuple[str, str] | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(most=8, seed=seed)
        self.moods: set[str] = set()
        self._device = device
        self._ups = ups
        self._account = account

    def corrupt(self, data: bytes) -> bytes:
        """NUT has no checksum; the first letter is hit."""
        return bytes((data[0] ^ 1,)) + data[1:]

    async def converse(self, link: Link) -> None:
        """Answer one line after the other."""
        said = {"USERNAME": "", "PASSWORD": ""}
        while True:
            words = (await link.reader.readuntil(b"\n")).decode("ascii", "replace").split()
            answer = self._answer(words, said)
            await link.say(("".join(f"{line}\n" for line in answer)).encode())

    def _answer(self, words: list[str], said: dict[str, str]) -> list[str]:
        match words:
            case ["USERNAME" | "PASSWORD" as which, text]:
                said[which] = text  # upsd takes any; it looks at them when something is to be done
                return ["OK"]
            case _ if "closed" in self.moods:
                return ["ERR ACCESS-DENIED"]
            case ["LIST", "VAR", name]:
                return self._refusal(name) or self._variables()
            case ["INSTCMD", name, command]:
                if self._account is not None and (said["USERNAME"], said["PASSWORD"]) != self._account:
                    return ["ERR ACCESS-DENIED"]
                return self._refusal(name) or [self._obey(command)]
            case _:
                return ["ERR UNKNOWN-COMMAND"]

    def _refusal(self, name: str) -> list[str]:
        if name != self._ups:
            return ["ERR UNKNOWN-UPS"]
        if "no_driver" in self.moods:
            return ["ERR DRIVER-NOT-CONNECTED"]
        try:
            self._device.read()
        except UnreachableError:
            return ["ERR DATA-STALE"]
        return ["ERR DATA-STALE"] if "stale" in self.moods else []

    def _variables(self) -> list[str]:
        values = self._device.read()
        told = variables_of(values)
        if "odd_status" in self.moods:
            told["ups.status"] = "WAIT XYZZY"
        if "odd_numbers" in self.moods:
            told["battery.charge"] = "n/a"
        lines = [f'VAR {self._ups} {name} "{value}"' for name, value in sorted(told.items())]
        return [f"BEGIN LIST VAR {self._ups}", *lines, f"END LIST VAR {self._ups}"]

    def _obey(self, command: str) -> str:
        if command not in ("beeper.enable", "beeper.disable"):
            return "ERR CMD-NOT-SUPPORTED"
        self._device.write("Beeper", command == "beeper.enable")
        return "OK"


def variables_of(values: Mapping[str, Any]) -> dict[str, str]:
    """NUT's variables of a simulated UPS, as a .dev file of dummy-ups holds them too."""
    flags = {"online": "OL CHRG", "on_battery": "OB DISCHRG", "low_battery": "OB DISCHRG LB"}[
        values["Status"]
    ]
    told = {
        "battery.charge": f"{values['Charge']:.1f}",
        "battery.runtime": f"{values['Runtime'] * 60:.0f}",
        "device.mfr": "Simulated",
        "input.voltage": f"{values['Input Voltage']:.1f}",
        "ups.beeper.status": "enabled" if values["Beeper"] else "disabled",
        "ups.load": f"{values['Load']:.1f}",
        "ups.status": flags + " RB" * (values["Battery Health"] == "replace"),
        "ups.temperature": f"{values['Temperature']:.1f}",
    }
    if (test := TESTS.get(values["Battery Health"])) is not None:
        told["ups.test.result"] = test
    return told
