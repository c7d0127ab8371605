"""A device by Modbus TCP, over one connection that is kept open.

Source: MODBUS Application Protocol 1.1b3, MODBUS Messaging on TCP/IP 1.0b.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from devices.kind import kind
from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.modbus.options import ModbusOptions, Register
from devices.protocols.modbus.plan import Request, read_from, requests_for, value_of, words_for
from devices.simulation import UnreachableError

# it writes every byte that it does not understand into the log: a line that babbles would fill the disk
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
GAP = 16
"""Unused addresses that are cheaper to read over than to ask around."""
_BY_CODE = {0x0A: "no_route", 0x0B: "unplugged"}
"""A gateway without a path, and one whose device does not answer; other codes are the map's fault."""
_ILLEGAL = (0x02, 0x03)


class ModbusDriver:
    """Reads a map of registers in as few requests as the device allows, writes commands into it."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._types = {metric.name: metric.datatype for metric in kind(options.kind_id).metrics}
        self._registers = {register.metric: register for register in options.registers}
        self._client: AsyncModbusTcpClient | None = None
        self._requests = requests_for(options.registers, most=options.most, gap=GAP)
        self._lost: BaseException | None = None
        self._fresh = False

    async def connect(self) -> None:
        """Open the one connection. Raises UnreachableError."""
        await self.close()
        options = self._options
        client = AsyncModbusTcpClient(
            options.host,
            port=options.port,
            timeout=options.answer_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._changed,
        )
        opened = client.ctx.call_create

        async def noting() -> Any:  # the library tells only that it could not connect, not why
            try:
                return await opened()
            except OSError as error:
                self._lost = error
                raise

        client.ctx.call_create = noting
        self._lost = None
        self._client = client
        if not await client.connect():
            raise self._reason()
        self._fresh = True

    async def poll(self) -> Mapping[str, Any]:
        """Every mapped metric; null for what the device says has no value."""
        try:
            blocks = {request: await self._read(request) for request in self._requests}
        except _IllegalAddressError:
            # it minds being asked for what it has not: from now on only what is mapped
            narrow = requests_for(self._registers.values(), most=self._options.most, gap=0)
            if narrow == self._requests:
                raise
            self._requests = narrow
            blocks = {request: await self._read(request) for request in narrow}
        return {
            metric: value_of(register, read_from(blocks, register), self._types[metric])
            for metric, register in self._registers.items()
        }

    async def write(self, metric: str, value: Any) -> None:
        """Write one register or coil. Raises RefusedError for what is not mapped, fits not or is refused."""
        register = self._registers.get(metric)
        if register is None or not register.writable or register.table not in ("holding", "coil"):
            raise RefusedError(f"{metric} has no register that may be written; see options.registers")
        try:
            words = words_for(register, value)
        except ValueError as error:
            raise RefusedError(f"{metric}: {error}") from error
        try:
            await self._asked(lambda client: self._writing(client, register, words))
        except _ExceptionAnswerError as error:
            if error.reason != "protocol_error":
                raise
            raise RefusedError(f"{metric} = {value!r}: {error}") from error

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _writing(
        self, client: AsyncModbusTcpClient, register: Register, words: Sequence[int]
    ) -> Awaitable[ModbusPDU]:
        unit = self._options.unit
        if register.bits:
            return client.write_coil(register.address, bool(words[0]), device_id=unit)
        if len(words) == 1:
            return client.write_register(register.address, words[0], device_id=unit)
        return client.write_registers(register.address, list(words), device_id=unit)

    async def _read(self, request: Request) -> list[int]:
        def read(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            calls = {
                "holding": client.read_holding_registers,
                "input": client.read_input_registers,
                "coil": client.read_coils,
                "discrete": client.read_discrete_inputs,
            }
            return calls[request.table](request.address, count=request.count, device_id=self._options.unit)

        answer = await self._asked(read)
        said = answer.bits if request.table in ("coil", "discrete") else answer.registers
        if len(said) < request.count:
            raise UnreachableError("protocol_error", f"{len(said)} values instead of {request.count}")
        return [int(one) for one in said[: request.count]]

    async def _asked(self, question: Any) -> Any:
        """One request. A device that hung up on an idle connection is called once more."""
        if not self._fresh and (self._client is None or not self._client.connected):
            await self.connect()
        if self._client is None:
            raise UnreachableError("protocol_error", "not connected")
        try:
            answer = await question(self._client)
        except ConnectionError as error:
            if self._fresh:
                raise unreachable(error) from error
            await self.connect()
            return await self._asked(question)
        except ModbusIOException as error:
            silent = "No response" in str(error)
            raise UnreachableError("timeout" if silent else "protocol_error", str(error)) from error
        except (ModbusException, OSError, ValueError) as error:
            raise unreachable(error) from error
        self._fresh = False
        if isinstance(answer, ExceptionResponse):
            code = answer.exception_code
            raise (_IllegalAddressError if code in _ILLEGAL else _ExceptionAnswerError)(code)
        return answer

    def _reason(self) -> UnreachableError:
        return unreachable(self._lost or TimeoutError("no connection"))

    def _changed(self, connected: bool) -> None:
        """Let a request that waits know at once that nobody will answer it."""
        if connected or self._client is None:
            return
        waiting = self._client.ctx.response_future
        if not waiting.done() and isinstance(waiting, asyncio.Future):
            waiting.set_exception(ConnectionResetError("the device hung up"))
            waiting.exception()  # seen, also if nobody waits


class _ExceptionAnswerError(UnreachableError):
    """The device answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(_BY_CODE.get(code, "protocol_error"), f"exception {code:#04x}")


class _IllegalAddressError(_ExceptionAnswerError):
    """There is no such address, or not so many."""
