"""Lines on their way into a bucket: posted in one request, every answer checked, refused ones found."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from hub.telemetry import influxdb_answers as answers
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_answers import PointsRefused
from hub.telemetry.port import Refused, Row, TelemetryError

BATCH_LINES = 5_000
_CONNECT_S = 3.0


class Line(NamedTuple):
    """A line, its time (ns), and the row it is of; lines of our own book-keeping have none."""

    text: str
    stamp: int
    row: Row | None = None


class Posting:
    """Posts lines to one bucket; the client's own batching and retries, which lose silently, are not used."""

    def __init__(self, address: Address) -> None:
        self.address = address
        limit_ms = round(address.timeout_s * 1000)
        self._timeout_ms = (min(limit_ms, round(_CONNECT_S * 1000)), limit_ms)
        self._client = InfluxDBClient(
            address.base_url, token=address.token, org=address.org or "-", timeout=self._timeout_ms
        )
        self._taken = ""
        self._service = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    def _post(self, lines: Sequence[str]) -> None:
        """Write lines; return when InfluxDB says that it has all of them.

        Raises `PointsRefused` or `TelemetryError`.
        """
        body = "\n".join(lines).encode("utf-8", "replace")
        packer = zlib.compressobj(1, wbits=31)  # gzip, at a tenth of the price of the client's own level 9
        try:
            _, status, _ = self._service.post_write_with_http_info(  # type: ignore[no-untyped-call]
                org=self.address.org or "-",
                bucket=self.address.bucket,
                body=packer.compress(body) + packer.flush(),
                precision=WritePrecision.NS,
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            if not error.status:
                raise answers.away(self.address, error) from error
            said = str(error.body or error.reason or "")
            raise answers.problem(self.address, error.status, said, error.headers or {}) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise answers.away(self.address, error) from error
        except UnicodeDecodeError as error:
            raise answers.unexpected(self.address, "bytes that are no text") from error
        if status != 204:
            raise answers.unexpected(self.address, f"{status} to a write, not 204")

    def write(self, lines: list[Line]) -> list[Refused]:
        """Write one batch; where points are refused, halve it until they stand alone.

        InfluxDB has taken the others of the batch already, or takes them in their half: twice is once.
        """
        refused: list[Refused] = []
        taken = len(lines)
        doubtful: PointsRefused | None = None
        waiting = [lines]
        while waiting:
            part = waiting.pop()
            try:
                self._post([line.text for line in part])
            except PointsRefused as refusal:
                alone = _refused_of(part, refusal)
                if alone is None:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    refused += (Refused(line.row, refusal.reason) for line in alone if line.row)
                    taken -= len(alone)
                    doubtful = doubtful if refusal.is_certain else refusal
            else:
                self._taken = part[-1].text
        if doubtful is not None and not taken:
            self._prove(doubtful)
        return refused

    def _prove(self, doubtful: PointsRefused) -> None:
        """Nothing was taken, and perhaps not for the rows' fault: write again what was taken before."""
        try:
            if not self._taken:
                raise doubtful
            self._post([self._taken])
        except PointsRefused:
            raise TelemetryError(
                f"{self.address} refuses every write ({doubtful.reason}); check HUB_TELEMETRY_URL",
                is_permanent=True,
            ) from doubtful

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]


def _refused_of(part: list[Line], refusal: PointsRefused) -> list[Line] | None:
    """The lines a refusal is about, or None if it cannot be told and the batch has to be halved."""
    if len(part) == 1 or refusal.dropped == len(part):
        return part
    if refusal.is_by_age and refusal.dropped:
        return sorted(part, key=lambda line: line.stamp)[: refusal.dropped]
    return None
