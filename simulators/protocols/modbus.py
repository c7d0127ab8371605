"""A device that speaks Modbus TCP: its registers hold what the kind's own simulation reads."""

from __future__ import annotations

from collections.abc import Sequence

from devices.kind import kind
from devices.protocols.modbus.options import ModbusOptions, Register
from devices.protocols.modbus.plan import value_of, words_for
from devices.simulation import SimulatedDevice, UnreachableError
from simulators.protocols.served import Link, Served

TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, FAILURE, GATEWAY_SILENT = 1, 2, 3, 4, 11


class ExceptionAnswer(Exception):
    """The device answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ModbusDevice(Served):
    """One device with the map of `options`. Moods: `strict` (no read over addresses that hold nothing),
    `read_only` (writes fail), `behind_gateway` (the gateway finds nobody), `wrong_unit` (another answers).
    """

    def __init__(self, device: SimulatedDevice, options: ModbusOptions, *, seed: int = 1) -> None:
        super().__init__(most=1, seed=seed)
        self.moods: set[str] = set()
        self.requests = 0
        self._device = device
        self._options = options
        self._types = {metric.name: metric.datatype for metric in kind(options.kind_id).metrics}

    def corrupt(self, data: bytes) -> bytes:
        """TCP's Modbus has no checksum; the number of the request is hit."""
        return data[:1] + bytes((data[1] ^ 0x40,)) + data[2:]

    async def converse(self, link: Link) -> None:
        """Answer one request after the other."""
        while True:
            head = await link.reader.readexactly(7)
            body = await link.reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
            if head[6] != self._options.unit:
                continue
            self.requests += 1
            try:
                answer = body[:1] + self._answer(body[0], body[1:])
            except ExceptionAnswer as error:
                answer = bytes((body[0] | 0x80, error.code))
            except UnreachableError:
                continue
            unit = head[6] ^ ("wrong_unit" in self.moods)
            await link.say(head[:4] + (len(answer) + 1).to_bytes(2, "big") + bytes((unit,)) + answer)

    def _answer(self, function: int, data: bytes) -> bytes:
        if "behind_gateway" in self.moods:
            raise ExceptionAnswer(GATEWAY_SILENT)
        address, count = (int.from_bytes(data[at : at + 2], "big") for at in (0, 2))
        if function in TABLES:
            return self._read(TABLES[function], address, count)
        if "read_only" in self.moods:
            raise ExceptionAnswer(FAILURE)
        if function == 5:
            self._write("coil", address, [int(data[2:4] == b"\xff\x00")])
        elif function == 6:
            self._write("holding", address, [count])
        elif function == 16:
            words = [int.from_bytes(data[at : at + 2], "big") for at in range(5, 5 + 2 * count, 2)]
            self._write("holding", address, words)
        else:
            raise ExceptionAnswer(ILLEGAL_FUNCTION)
        return data[:4]

    def _read(self, table: str, address: int, count: int) -> bytes:
        held = self._held(table)
        if "strict" in self.moods and any(at not in held for at in range(address, address + count)):
            raise ExceptionAnswer(ILLEGAL_ADDRESS)
        said = [held.get(at, 0) for at in range(address, address + count)]
        if table in ("coil", "discrete"):
            bits = sum(bit << at for at, bit in enumerate(said)).to_bytes((count + 7) // 8, "little")
            return bytes((len(bits),)) + bits
        return bytes((2 * count,)) + b"".join(word.to_bytes(2, "big") for word in said)

    def _held(self, table: str) -> dict[int, int]:
        values, held = self._device.read(), {}
        for register in self._options.registers:
            if register.table == table:
                words = words_for(register, values[register.metric])
                held.update({register.address + at: word for at, word in enumerate(words)})
        return held

    def _write(self, table: str, address: int, words: Sequence[int]) -> None:
        register = self._at(table, address)
        if register is None or register.words != len(words):
            raise ExceptionAnswer(ILLEGAL_ADDRESS)
        value = value_of(register, words, self._types[register.metric])
        if value is None:
            raise ExceptionAnswer(ILLEGAL_VALUE)
        self._device.write(register.metric, value)

    def _at(self, table: str, address: int) -> Register | None:
        found = (one for one in self._options.registers if (one.table, one.address) == (table, address))
        return next(found, None)
