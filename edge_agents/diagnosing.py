"""What an agent finds out about itself when it is asked: its log, one device's driver, the network."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from devices.protocols.options import PORT_FIX
from devices.sections import SECRETS, DeviceSection
from edge_agents.driver import Driver, reason_of
from edge_agents.settings import AgentSettings

LINES_KEPT = 2000
TEXT_MOST = 80_000
_LINE_MOST = 2000
_WAIT_S = 5.0
_HIDDEN = "(hidden)"
_ASSIGNED = re.compile(
    r"(?i)\b((?:password|passwd|token|secret|community|auth_key|privacy_key|pin)\b['\"]?\s*[=:]\s*)"
    r"(?:'[^']*'|\"[^\"]*\"|[^\s,;)}\]]+)"
)
_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|$)", re.DOTALL)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without what looks like a secret, and without those that are known."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    text = _KEY.sub(_HIDDEN, text)
    return _ASSIGNED.sub(rf"\1{_HIDDEN}", _IN_URL.sub("***@", text))


def secrets_of(settings: AgentSettings) -> list[str]:
    """The secrets that the settings hold, the longest first; too short ones would hide everything."""
    found = set()
    if settings.mqtt.password is not None:
        found.add(settings.mqtt.password.get_secret_value())
    for device in settings.devices:
        for name, value in device.options.items():
            if name.startswith(SECRETS) and isinstance(value, str):
                found.add(value)
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


class LogRing(logging.Handler):
    """The end of the log, in memory."""

    def __init__(self, most: int = LINES_KEPT) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=most)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        try:
            self._lines.append(self.format(record)[:_LINE_MOST])
        except Exception:  # noqa: BLE001 — what cannot be formatted must not end what logged it
            self.handleError(record)

    def tail(self, lines: int, secrets: Iterable[str] = ()) -> list[str]:
        """The last lines, the oldest first, without secrets and bounded in size."""
        known, found, size = list(secrets), deque[str](), 0
        for line in reversed(list(self._lines)[-max(0, lines) :] if lines > 0 else []):
            clean = redacted(line, known)
            size += len(clean.encode()) + 8
            if size > TEXT_MOST:
                break
            found.appendleft(clean)
        return list(found)


async def try_driver(make: Callable[[], Driver], section: DeviceSection) -> dict[str, Any]:
    """Connect to one device and poll it once; says how long each took and, if it failed, why."""
    steps: list[dict[str, Any]] = []
    values: Mapping[str, Any] = {}
    driver: Driver | None = None

    async def step(name: str, doing: Callable[[], Any]) -> Any:
        began = time.monotonic()
        said: dict[str, Any] = {"step": name, "ok": False}
        steps.append(said)
        try:
            async with asyncio.timeout(section.timeout_s):
                result = doing()
                result = await result if asyncio.iscoroutine(result) else result
        except Exception as error:  # noqa: BLE001 — whatever a driver dies of is the finding
            said["reason"] = reason_of(error)
            said["text"] = redacted(f"{type(error).__name__}: {error}")[:500]
            raise _Stop from None
        finally:
            said["ms"] = round((time.monotonic() - began) * 1000)
        said["ok"] = True
        return result

    try:
        driver = await step("load", make)
        await step("connect", driver.connect)
        values = await step("poll", driver.poll)
    except _Stop:
        pass
    finally:
        if driver is not None:
            try:
                async with asyncio.timeout(section.timeout_s):
                    await driver.close()
            except Exception as error:  # noqa: BLE001 — as above
                steps.append(
                    {"step": "close", "ok": False, "reason": reason_of(error), "text": str(error)[:500]}
                )
    return {"ok": all(one["ok"] for one in steps), "steps": steps, "values": dict(list(values.items())[:100])}


class _Stop(Exception):
    pass


async def test_network(
    settings: AgentSettings, host: str | None, host_ms: int, now_ms: int
) -> dict[str, Any]:
    """Name, connection and clock on the way to the broker, and whether `host` answers.

    `host_ms` is what the hub's STATE said last: this clock cannot be before it.
    """
    mqtt = settings.mqtt_settings()
    found: dict[str, Any] = {"broker": await reach(mqtt.host, mqtt.port), "clock_ms": now_ms}
    if host_ms > 0:
        found["clock_behind_state_ms"] = max(0, host_ms - now_ms)
    if host:
        found["host"] = await ping(host)
    return found


async def reach(host: str, port: int) -> dict[str, Any]:
    """Look a name up and connect to a port; each with the time it took."""
    if not 1 <= port <= 65535:
        raise ValueError(PORT_FIX)
    found: dict[str, Any] = {"host": host, "port": port}
    began = time.monotonic()
    try:
        async with asyncio.timeout(_WAIT_S):
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        return {**found, "dns": {"ok": False, "text": str(error) or "no answer"}}
    found["dns"] = {
        "ok": True,
        "addresses": sorted({info[4][0] for info in infos})[:8],
        "ms": _ms_since(began),
    }
    began = time.monotonic()
    try:
        async with asyncio.timeout(_WAIT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        text = str(error) or "no answer"
        return {**found, "tcp": {"ok": False, "reason": reason_of(error), "text": text}}
    found["tcp"] = {"ok": True, "ms": _ms_since(began)}
    writer.close()
    return found


async def ping(host: str) -> dict[str, Any]:
    """Ask a host five times whether it is there, by ICMP where that is allowed."""
    from devices.protocols.reachability.options import PingOptions
    from devices.protocols.reachability.probe import Probe

    try:
        async with asyncio.timeout(4 * _WAIT_S):
            probe = Probe(PingOptions(host=host))
            seen = await probe.demand()
    except Exception as error:  # noqa: BLE001 — whatever it died of is the finding
        return {"host": host, "ok": False, "reason": reason_of(error), "text": str(error)[:300]}
    return {"host": host, "ok": True, "latency_ms": seen.latency_ms, "loss_percent": seen.loss_percent}


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
