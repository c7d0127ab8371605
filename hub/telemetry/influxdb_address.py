"""Where an InfluxDB is: `influxdb://[token@]host[:port]/bucket?org=…`, or `influxdbs://` with TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from hub.telemetry.port import TelemetryError

SCHEMES = ("influxdb", "influxdbs")
EXAMPLE = "influxdb://127.0.0.1:8086/hub/autogen"
_OPTIONS = {"org", "timeout_s", "rollups"}


@dataclass(frozen=True, slots=True)
class Address:
    """One bucket of one server; `token` is `user:password` on 1.x."""

    base_url: str
    bucket: str
    token: str = field(repr=False)
    org: str
    timeout_s: float
    rollups: str = ""
    """Where roll-ups have buckets of their own: the beginning of their names, before `_5m`, `_1h`, `_1d`."""

    @property
    def database(self) -> str:
        """What InfluxQL calls the bucket, or its part before the slash."""
        return self.bucket.partition("/")[0]

    @property
    def policy(self) -> str:
        """The retention policy, "" for the default one."""
        return self.bucket.partition("/")[2]

    def __str__(self) -> str:
        return f"InfluxDB at {self.base_url}"


def parse_address(url: str, token: str = "") -> Address:
    """Read a URL; a token given apart wins over one inside. Raises `TelemetryError` saying what to write."""
    parts = urlsplit(url)
    shown = url.rpartition("@")[2] if "@" in url else url
    try:
        port = parts.port or 8086
    except ValueError:
        port = 0
    bucket = unquote(parts.path[1:])
    options = parse_qs(parts.query)
    unknown = sorted(set(options) - _OPTIONS)
    problem = ""
    if parts.scheme not in SCHEMES or not parts.hostname or not port:
        problem = "names no InfluxDB"
    elif not bucket.partition("/")[0]:
        problem = "names no bucket (on 1.x: database, or database/retention policy)"
    elif unknown:
        problem = f"has the unknown option {unknown[0]}"
    timeout_s = 10.0
    try:
        timeout_s = float(options.get("timeout_s", ["10"])[0])
    except ValueError:
        problem = "has a timeout_s that is not a number"
    inside = unquote(parts.username or "") + (f":{unquote(parts.password)}" if parts.password else "")
    token = token or inside
    if not problem and not (token.isascii() and token.isprintable()):
        problem = "has a token with characters that no HTTP header carries"
    if problem:
        raise TelemetryError(f"telemetry_url = {shown!r} {problem}; write {EXAMPLE}?org=…", is_permanent=True)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return Address(
        base_url=f"{'https' if parts.scheme == 'influxdbs' else 'http'}://{host}:{port}",
        bucket=bucket,
        token=token,
        org=options.get("org", [""])[0],
        timeout_s=timeout_s,
        rollups=options.get("rollups", [""])[0],
    )
