"""Finds and configures the MQTT broker that the demo and the tests start on loopback.

Production runs its own broker from `config/mosquitto/mosquitto.conf`; this one serves a single machine.
"""

import os
import random
import shutil
import socket
from pathlib import Path

# Debian installs daemons outside the PATH of ordinary users.
_DAEMON_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

_OWN_PORTS = range(20_000, 32_000)

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def find_mosquitto() -> Path | None:
    """Returns the installed Mosquitto program, or None."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), *_DAEMON_FOLDERS])
    found = shutil.which("mosquitto", path=folders)
    return Path(found) if found else None


def loopback_config(port: int) -> str:
    """Returns a Mosquitto configuration for one loopback listener without accounts.

    Nothing is persisted: what must survive a broker's death is held by the agents' outboxes and the hub's
    journal, and a test that restarts this broker meets the harder case.
    """
    return "\n".join(
        [
            f"listener {port} 127.0.0.1",
            "allow_anonymous true",
            "persistence false",
            "set_tcp_nodelay true",
            "# the hub reads its socket all the time; a short queue would turn one long commit into loss",
            "max_queued_messages 200000",
            "message_size_limit 4194304",
            "# the hub shows the broker's own drop counters",
            "sys_interval 1",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "log_dest stderr",
            "",
        ]
    )


def port_is_free(host: str, port: int) -> bool:
    """Says whether a server could listen on this address now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def unused_port() -> int:
    """Returns a loopback TCP port that nobody listens on now.

    It lies below the range the system gives to outgoing connections: one of those could take it meanwhile.
    """
    for port in random.SystemRandom().sample(_OWN_PORTS, len(_OWN_PORTS)):
        if port_is_free("127.0.0.1", port):
            return port
    raise OSError(f"no port of {_OWN_PORTS.start} to {_OWN_PORTS.stop - 1} is free on loopback")
