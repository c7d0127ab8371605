"""Asking an SNMP agent: GET, and the walk over several columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from devices.protocols.snmp.community import CommunityLine
from devices.protocols.snmp.failures import TooBigError
from devices.protocols.snmp.message import END, Oid
from devices.protocols.snmp.options import SnmpOptions
from devices.simulation import UnreachableError

GET_MOST = 60  # of one question; what is too big for the device is asked in halves
VARIABLES_MOST = 40  # of one answer: fits an Ethernet frame, whatever the device makes of larger ones
ROWS_MOST = 4096  # a device that never ends its table is wrong, not large


class Line(Protocol):
    """How one agent is asked."""

    async def ask(self, oids: Sequence[Oid], repetitions: int | None = None) -> list[tuple[Oid, Any]]:
        """Names and values; with `repetitions` of so many rows after each. Raises UnreachableError."""
        ...

    def close(self) -> None:
        """Let go of it; to be called once."""


class SnmpClient:
    """One agent. Every call raises UnreachableError; a wrong community is silence, and so a `timeout`."""

    def __init__(self, options: SnmpOptions) -> None:
        self._line = _line(options)
        self._most = GET_MOST

    async def get(self, *oids: Oid) -> list[Any]:
        """The values in order, None for what the device does not have."""
        values: list[Any] = []
        while (first := len(values)) < len(oids):
            part = oids[first : first + self._most]
            try:
                answer = await self._line.ask(part)
            except TooBigError:
                if len(part) == 1:
                    raise
                self._most = len(part) // 2  # its answers are small: remembered, so that it is asked once
                continue
            if len(answer) != len(part):
                raise UnreachableError("protocol_error", "another number of values than asked for")
            values += [_readable(value) for _, value in answer]
        return values

    async def columns(self, *columns: Oid) -> list[dict[int, Any]]:
        """Whole columns of a table, values by the row's number."""
        found: list[dict[int, Any]] = [{} for _ in columns]
        ends: dict[int, Oid] = dict(enumerate(columns))  # where each column is to go on
        while ends:
            asked = list(ends)
            repetitions = max(1, VARIABLES_MOST // len(asked))
            answer = await self._line.ask([ends[number] for number in asked], repetitions)
            if not answer:
                break
            for place, (oid, value) in enumerate(answer):
                number = asked[place % len(asked)]
                if number not in ends:
                    continue
                column = columns[number]
                if oid[: len(column)] != column or value is END:
                    del ends[number]
                    continue
                if oid <= ends[number] or len(found[number]) >= ROWS_MOST:
                    raise UnreachableError("protocol_error", "a table without an end")
                ends[number] = oid
                found[number][oid[-1]] = _readable(value)
        return found

    def close(self) -> None:
        """Let go of the line; to be called once."""
        self._line.close()


def _line(options: SnmpOptions) -> Line:
    if options.version == "2c":
        return CommunityLine(options)
    from devices.protocols.snmp.user import UserLine  # 15 MB that nobody else needs

    return UserLine(options)


def _readable(value: Any) -> Any:
    if value is END:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def numbers(oids: Sequence[str]) -> list[Oid]:
    """Object identifiers as tuples of numbers."""
    return [tuple(int(part) for part in oid.split(".")) for oid in oids]
