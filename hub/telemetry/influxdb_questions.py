"""Questions in InfluxQL, which InfluxDB 1.8, 2 and 3 all answer, and their answers as they stream in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import msgspec

from hub.telemetry import influxdb_answers as answers
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_answers import PointsRefused
from hub.telemetry.port import TelemetryError

_CONNECT_S = 3.0
_READ_S = 30.0
_CHUNK_ROWS = 10_000


class Table(NamedTuple):
    """A piece of an answer: the number of its statement, the tags it is grouped by, and rows by column."""

    statement: int
    tags: dict[str, str]
    rows: list[list[Any]]


class _Series(msgspec.Struct):
    values: list[list[Any]] = []
    tags: dict[str, str] = {}


class _Result(msgspec.Struct):
    statement_id: int = 0
    series: list[_Series] = []
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


class Questions:
    """Asks one bucket; may be used by several threads at once."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client = httpx.Client(
            base_url=address.base_url,
            headers={"Authorization": f"Token {address.token}"} if address.token else {},
            timeout=httpx.Timeout(max(_READ_S, address.timeout_s), connect=_CONNECT_S),
            trust_env=False,
            verify=address.base_url.startswith("https:"),  # certificates take long to load: only for TLS
        )
        self._params = {"db": address.database, "epoch": "ns", "chunked": "true"}
        self._params |= {"rp": address.policy} if address.policy else {}

    def ask(self, question: str, timeout_s: float | None = None) -> Iterator[Table]:
        """Yield the answer in pieces, statement after statement. Raises `TelemetryError`."""
        timeout = self._client.timeout if timeout_s is None else httpx.Timeout(timeout_s)
        params = {**self._params, "chunk_size": str(_CHUNK_ROWS)}
        try:
            with self._client.stream(
                "POST", "/query", params=params, data={"q": question}, timeout=timeout
            ) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._problem(response.status_code, response.text, response.headers)
                for line in _lines(response):
                    yield from self._tables(line)
        except httpx.HTTPError as error:
            raise answers.away(self.address, error) from error

    def rows(self, question: str) -> list[list[Any]]:
        """Return all rows of the answer to one question."""
        return [row for table in self.ask(question) for row in table.rows]

    def _tables(self, line: bytes) -> Iterator[Table]:
        try:
            answer = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise answers.unexpected(self.address, f"{line[:80]!r}") from error
        for result in answer.results:
            if failed := answer.error or result.error:
                raise self._problem(500, failed, {})
            for series in result.series:
                yield Table(result.statement_id, series.tags, series.values)
        if answer.error:
            raise self._problem(500, answer.error, {})

    def _problem(self, status: int, body: str, headers: Any) -> TelemetryError:
        found = answers.problem(self.address, status, body, headers)
        if isinstance(found, PointsRefused):
            return TelemetryError(f"{self.address} refuses a question: {found.reason}", is_permanent=True)
        assert isinstance(found, TelemetryError)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _lines(response: httpx.Response) -> Iterator[bytes]:
    """Split at newlines alone: httpx would also split at characters that stand in people's texts."""
    rest = b""
    for piece in response.iter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(None, whole)
    if rest.strip():
        yield rest
