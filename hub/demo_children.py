"""The demo's child processes: a broker, the hub's roles, and the simulated schools."""

import contextlib
import os
import pwd
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hub.broker import find_mosquitto, loopback_config, port_is_free, unused_port
from hub.certificates.hosts import addresses
from hub.processes import Child
from hub.settings import EnrolmentSettings, Settings


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
        "HUB_ENROLMENT__MQTT_URL": settings.enrolment.mqtt_url,
        "HUB_ENROLMENT__BROKER_DIR": settings.enrolment.broker_dir,
        "HUB_ENROLMENT__RELOAD_PID_FILE": settings.enrolment.reload_pid_file,
        "HUB_DEMO": "true",
        "HUB_DEMO_TOKEN": settings.demo_token.get_secret_value() if settings.demo_token else "",
        "PYTHONUNBUFFERED": "1",
    }
    simulate = [*hub, "simulate", "--schools", str(schools), "--mqtt-url", settings.mqtt_url]
    simulate += ["--data-dir", str(settings.data_dir / "schools"), "--seed", str(seed), "--clock", clock]
    if scenario:
        simulate += ["--scenario", scenario]
    return {
        "broker": _broker(folder, settings, logs),
        "ingest": Child("ingest", [*hub, "serve", "--role", "ingest"], logs / "ingest.log", environment),
        # beside the pages its roll-ups would make them wait for the interpreter's lock
        "control": Child("control", [*hub, "serve", "--role", "control"], logs / "control.log", environment),
        "web": Child("web", [*hub, "serve", "--role", "web"], logs / "web.log", environment),
        "schools": Child("schools", simulate, logs / "schools.log", environment),
    }


def _broker(folder: Path, settings: Settings, logs: Path) -> Child:
    port = urlsplit(settings.mqtt_url).port or 1883
    program = find_mosquitto()
    if program is None:
        return Child("broker", [sys.executable, "-m", "hub.embedded_broker", str(port)], logs / "broker.log")
    config = folder / "mosquitto.conf"
    text = loopback_config(port)
    if settings.enrolment.broker_dir:
        head = f"per_listener_settings true\npid_file {settings.enrolment.reload_pid_file}\n"
        # the folder's other files are no configuration: only this one ends so
        text = f"{head}{text}include_dir {settings.enrolment.broker_dir}\n"
    config.write_text(text)
    config.chmod(0o644)
    return Child("broker", [program, "-c", config], logs / "broker.log", user=_broker_account())


def _broker_account() -> str | None:
    # As root, Mosquitto would change to its own account by itself and so lose the tie to this process' life.
    return "mosquitto" if os.geteuid() == 0 and _has_account("mosquitto") else None


def with_enrolment(settings: Settings, folder: Path) -> Settings:
    """Gives the settings of a demo at which real agents can enrol: with HTTPS, and Mosquitto for a broker."""
    if settings.tls == "off" or find_mosquitto() is None:
        return settings.model_copy(update={"enrolment": EnrolmentSettings()})
    files = folder / "agents"
    files.mkdir(mode=0o755)
    if account := _broker_account():
        # for its process id; it keeps the hub's group, which may read its key
        os.chown(files, pwd.getpwnam(account).pw_uid, -1)
    host = settings.http_host
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (compared with, not listened on)
        host = next(iter(addresses()), "127.0.0.1")
    port = 8883 if port_is_free(host, 8883) else unused_port()
    enrolment = settings.enrolment.model_copy(
        update={
            "mqtt_url": f"mqtts://{f'[{host}]' if ':' in host else host}:{port}",
            "broker_dir": str(files),
            "reload_pid_file": str(files / "mosquitto.pid"),
            "reload_command": "",
        }
    )
    return settings.model_copy(update={"enrolment": enrolment})


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
