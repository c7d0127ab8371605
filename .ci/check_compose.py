"""Checks docker-compose.yml without a Docker engine: what it refers to exists, and its settings are ours."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from hub.settings import unknown_variables

_TOP = {"name", "services", "volumes", "networks", "configs", "secrets"}
_SERVICE = {
    "build", "command", "depends_on", "environment", "healthcheck", "image", "ports", "profiles", "restart",
    "user", "volumes", "networks", "read_only", "tmpfs", "stop_grace_period", "init",
}  # fmt: skip


def mistakes(path: Path) -> list[str]:
    """Returns what is wrong with a compose file, one line each."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = [
        f"{key}: no such top-level key" for key in document if key not in _TOP and not key.startswith("x-")
    ]
    services: dict[str, dict[str, Any]] = document.get("services") or {}
    if not services:
        found.append("services: there are none")
    for name, service in services.items():
        found += [f"services.{name}.{text}" for text in _service(service, document, path.parent)]
    return found


def _service(service: dict[str, Any], document: dict[str, Any], folder: Path) -> list[str]:
    found = [f"{key}: no such key, or not one we use" for key in service if key not in _SERVICE]
    if ("image" in service) == ("build" in service):
        found.append("image: exactly one of image and build has to be there")
    if "build" in service and not (folder / service["build"] / "Dockerfile").is_file():
        found.append(f"build: {service['build']} has no Dockerfile")
    if ":" not in service.get("image", ":"):
        found.append(f"image: {service['image']} has no version")
    found += [
        f"depends_on: there is no service {each}"
        for each in service.get("depends_on", ())
        if each not in document["services"]
    ]
    for mount in service.get("volumes", ()):
        source = str(mount).split(":")[0]
        if source.startswith("."):
            if not (folder / source).exists():
                found.append(f"volumes: {source} does not exist")
        elif source not in document.get("volumes", {}):
            found.append(f"volumes: {source} is not declared")
    for port in service.get("ports", ()):
        if not re.fullmatch(r"(127\.0\.0\.1|\$\{\w+:-127\.0\.0\.1\}):\d+:\d+", str(port)):
            found.append(f"ports: {port} should name loopback, host port and container port")
    found += [f"environment: {text}" for text in unknown_variables(service.get("environment", {}))]
    return found


if __name__ == "__main__":
    lines = mistakes(Path(sys.argv[1] if len(sys.argv) > 1 else "docker-compose.yml"))
    for line in lines:
        print(line, file=sys.stderr)
    sys.exit(bool(lines))
