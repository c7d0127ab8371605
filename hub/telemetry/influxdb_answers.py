"""What InfluxDB's answers mean: taken, points it will never take, somebody has to act, or try again later."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from hub.telemetry.influxdb_address import Address
from hub.telemetry.port import TelemetryError

_DROPPED = re.compile(r"dropped=(\d+)")
_ABOUT_POINTS = (
    "partial write", "unable to parse", "field type conflict", "beyond retention", "dropped=",
    "line protocol", "max key size", "too long", "time outside range", "invalid field",
    "invalid number", "unprocessable",
)  # fmt: skip
_MISSING = ("retention policy not found", "database not found", "bucket not found", "could not find bucket")


class PointsRefused(Exception):
    """The engine works but will not take all points of a batch.

    `dropped`: how many, where it says so; `is_by_age`: they are the oldest; `is_certain`: its words are about
    points, not about the request; `is_too_large`: smaller batches may pass.
    """

    def __init__(self, reason: str, *, is_too_large: bool = False) -> None:
        super().__init__(reason)
        # what goes into counters must not hold the line itself, or its number
        self.reason = re.sub(r"unable to parse '.*': ", "unable to parse: ", _DROPPED.sub("", reason)).strip()
        found = _DROPPED.search(reason)
        self.dropped = int(found[1]) if found else None
        self.is_by_age = "beyond retention policy" in reason
        self.is_too_large = is_too_large
        self.is_certain = any(word in reason.lower() for word in _ABOUT_POINTS)


def words(body: str) -> str:
    """Return the engine's own words: 1.x says `error`, 2.x `message`, proxies say what they like."""
    try:
        said = orjson.loads(body)
        text = said.get("error") or said.get("message") if isinstance(said, dict) else None
    except orjson.JSONDecodeError:
        text = None
    return " ".join(str(text or body).split())[:500]


def problem(address: Address, status: int, body: str, headers: Mapping[str, str]) -> Exception:
    """Return what an answer other than success means: `TelemetryError`, or `PointsRefused` for a write."""
    said = words(body)
    heard = f"{status}: {said}" if said else str(status)
    if status in (401, 403):
        return TelemetryError(
            f"{address} refuses the token ({heard}); give one that may read and write {address.bucket!r}"
            " with HUB_TELEMETRY_TOKEN",
            is_permanent=True,
        )
    if status == 404 or any(text in said.lower() for text in _MISSING):
        return TelemetryError(
            f"{address} has no bucket {address.bucket!r} ({heard}); create it, or name another in"
            " HUB_TELEMETRY_URL",
            is_permanent=True,
        )
    if status in (400, 413, 422):
        return PointsRefused(said or str(status), is_too_large=status == 413)
    if status == 429 or status >= 500:
        return TelemetryError(
            f"{address} cannot take or give data now ({heard})", retry_after_s=_retry_after_s(headers)
        )
    return unexpected(address, heard)


def unexpected(address: Address, heard: str) -> TelemetryError:
    """Return the error for an answer that InfluxDB does not give."""
    return TelemetryError(
        f"{address} does not answer as InfluxDB does ({heard}); check HUB_TELEMETRY_URL", is_permanent=True
    )


def away(address: Address, error: Exception) -> TelemetryError:
    """Return the error for an engine that cannot be reached or does not answer in time."""
    why = " ".join(str(error).split())
    # urllib3 begins with the object's address, which tells nobody anything
    why = re.sub(r"^(<[^>]*>|\w+\([^)]*\)): ", "", why)[:200]
    return TelemetryError(f"{address} does not answer: {why or type(error).__name__}")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    try:
        return min(3600.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
