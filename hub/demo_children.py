"""The demo's child processes: a broker, the hub's roles, and the simulated schools."""

import contextlib
import os
import pwd
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hub.broker import find_mosquitto, loopback_config
from hub.processes import Child
from hub.settings import Settings


def demo_children(
    settings: Settings, folder: Path, *, schools: int, seed: int, clock: str, scenario: str | None
) -> dict[str, Child]:
    """Describes the child processes, in the order of starting; `folder` is for the broker's configuration."""
    logs = settings.data_dir / "logs"
    hub = [sys.executable, "-m", "hub.cli"]
    environment = {
        "HUB_HTTP_HOST": settings.http_host,
        "HUB_HTTP_PORT": str(settings.http_port),
        "HUB_TLS": settings.tls,
        "HUB_MQTT_URL": settings.mqtt_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_DATABASE_URL": settings.database_url,
        "HUB_TELEMETRY_URL": settings.telemetry_url,
        "HUB_DEMO": "true",
        "HUB_DEMO_TOKEN": settings.demo_token.get_secret_value() if settings.demo_token else "",
        "PYTHONUNBUFFERED": "1",
    }
    simulate = [*hub, "simulate", "--schools", str(schools), "--mqtt-url", settings.mqtt_url]
    simulate += ["--data-dir", str(settings.data_dir / "schools"), "--seed", str(seed), "--clock", clock]
    if scenario:
        simulate += ["--scenario", scenario]
    return {
        "broker": _broker(folder, urlsplit(settings.mqtt_url).port or 1883, logs),
        "ingest": Child("ingest", [*hub, "serve", "--role", "ingest"], logs / "ingest.log", environment),
        # beside the pages its roll-ups would make them wait for the interpreter's lock
        "control": Child("control", [*hub, "serve", "--role", "control"], logs / "control.log", environment),
        "web": Child("web", [*hub, "serve", "--role", "web"], logs / "web.log", environment),
        "schools": Child("schools", simulate, logs / "schools.log", environment),
    }


def _broker(folder: Path, port: int, logs: Path) -> Child:
    program = find_mosquitto()
    if program is None:
        return Child("broker", [sys.executable, "-m", "hub.embedded_broker", str(port)], logs / "broker.log")
    config = folder / "mosquitto.conf"
    config.write_text(loopback_config(port))
    config.chmod(0o644)
    # As root, Mosquitto would change to its own account by itself and so lose the tie to this process' life.
    user = "mosquitto" if os.geteuid() == 0 and _has_account("mosquitto") else None
    return Child("broker", [program, "-c", config], logs / "broker.log", user=user)


@contextlib.contextmanager
def broker_folder() -> Iterator[Path]:
    """A folder that Mosquitto's own account can read, wherever the data directory is."""
    with tempfile.TemporaryDirectory(prefix="hub-demo-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _has_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def broker_name() -> str:
    """Names the broker that a demo on this machine has."""
    return "Mosquitto" if find_mosquitto() else "embedded (no Mosquitto is installed)"
