"""Opens the telemetry engine that a URL names; only that engine's libraries are loaded."""

from __future__ import annotations

from urllib.parse import urlsplit

from hub.telemetry.influxdb_address import SCHEMES, parse_address
from hub.telemetry.port import TelemetryError, TelemetryReader, TelemetryWriter
from hub.telemetry.rollup_port import RollupStore


def open_writer(url: str, token: str = "") -> TelemetryWriter:
    """Open the engine for writing; a server is asked nothing before the first write.

    `token` wins over one inside the URL. Raises `TelemetryError` for a URL that names no engine.
    """
    if urlsplit(url).scheme in SCHEMES:
        from hub.telemetry.influxdb import InfluxWriter

        return InfluxWriter(parse_address(url, token))
    from hub.telemetry.sqlite import SqliteWriter, path_of

    return SqliteWriter(path_of(url))


def open_reader(url: str, token: str = "") -> TelemetryReader:
    """Open the engine for reading; nothing is asked before the first question."""
    if urlsplit(url).scheme in SCHEMES:
        from hub.telemetry.influxdb_reader import InfluxReader

        return InfluxReader(parse_address(url, token))
    from hub.telemetry.sqlite import SqliteReader, path_of

    return SqliteReader(path_of(url))


def open_rollups(url: str, token: str = "") -> RollupStore:
    """Open the store of roll-ups beside the raw values."""
    if urlsplit(url).scheme in SCHEMES:
        from hub.telemetry.influxdb_rollups import InfluxRollups

        return InfluxRollups(parse_address(url, token))
    from hub.telemetry.sqlite import path_of
    from hub.telemetry.sqlite_rollups import SqliteRollups

    return SqliteRollups(path_of(url))


def check_reader(reader: TelemetryReader) -> str:
    """Return why an engine that is a server cannot be used now, "" if it can; a file needs no asking."""
    check = getattr(reader, "check", None)
    try:
        if check is not None:
            check()
    except TelemetryError as error:
        return str(error)
    return ""
