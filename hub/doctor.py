"""What `hub doctor` looks at: each finding says what it saw and, where something is wrong, what to do."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from hub.broker import find_mosquitto, port_is_free
from hub.database import Database
from hub.probes import http_problem, mqtt_problem
from hub.settings import Settings

DISK_FREE_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    text: str
    wrong: bool = False


async def examine(settings: Settings) -> list[Finding]:
    """Looks at everything the configured hub depends on; changes nothing but a file it removes again."""
    return [finding async for finding in _findings(settings)]


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield await asyncio.to_thread(_data_dir, settings.data_dir)
    yield await asyncio.to_thread(_disk, settings.data_dir)
    broker = await mqtt_problem(settings.mqtt_url)
    place = _without_password(settings.mqtt_url)
    if broker is None:
        yield Finding(f"broker: {place} takes connections")
    else:
        hint = "start it or set HUB_MQTT_URL"
        if find_mosquitto() is None:
            hint += "; no Mosquitto is installed here (sudo apt-get install mosquitto)"
        yield Finding(f"broker: {place} does not ({broker}); {hint}", wrong=True)
    yield await _database(settings.database_url)
    yield await _web(settings)


def _data_dir(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            os.fsync(probe.fileno())
    except OSError as error:
        return Finding(
            f"data directory: {folder} cannot be written ({error.strerror}); set HUB_DATA_DIR", wrong=True
        )
    return Finding(f"data directory: {folder.resolve()} can be written")


def _disk(folder: Path) -> Finding:
    existing = next((each for each in (folder, *folder.resolve().parents) if each.exists()), Path("/"))
    free = shutil.disk_usage(existing).free
    text = f"disk: {free / 1e9:.1f} GB free"
    wrong = free < DISK_FREE_BYTES
    return Finding(f"{text}; make room or move HUB_DATA_DIR" if wrong else text, wrong)


async def _database(url: str) -> Finding:
    place = _without_password(url)
    database = Database(url)
    try:
        await database.ping()
    except Exception as error:  # noqa: BLE001  each driver has its own exceptions, and any of them is the finding
        return Finding(f"database: {place} does not answer ({error}); set HUB_DATABASE_URL", wrong=True)
    finally:
        await database.close()
    return Finding(f"database: {place} answers")


async def _web(settings: Settings) -> Finding:
    place = f"{settings.http_host}:{settings.http_port}"
    if await asyncio.to_thread(port_is_free, settings.http_host, settings.http_port):
        return Finding(f"web: nobody listens on {place}; `hub serve` will")
    problem = await http_problem(f"http://{place}/readyz")
    if problem is None:
        return Finding(f"web: a hub on {place} is ready")
    return Finding(f"web: {place} is taken and not by a ready hub ({problem}); set HUB_HTTP_PORT", wrong=True)


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    return scheme + slashes + rest.rpartition("@")[2]
