"""The `hub` command, as its own process: what it prints, and how it ends."""

import http.server
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.conftest import Broker

Hub: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Runs one command over a data directory of the test's own."""

    def run(*arguments: str, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hub.cli", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "HUB_DATA_DIR": str(tmp_path / "data"), **settings},
        )

    return run


def test_the_organisation_accounts_and_tokens(hub: Hub) -> None:
    assert hub("import", "--schools", "3").stdout == "3 schools are in the database.\n"
    added = hub("user", "add", "an", "--role", "operations", "--unit", "SGDDT", typed="a long password\n")
    assert (added.returncode, added.stdout) == (0, "an is operations of SGDDT.\n")
    again = hub("user", "add", "an", "--role", "operations", "--unit", "SGDDT", typed="a long password\n")
    assert again.returncode == 1
    assert "taken" in again.stderr
    assert hub("user", "password", "an", typed="another long one\n").returncode == 0
    assert hub("user", "password", "nobody", typed="another long one\n").returncode == 2
    assert hub("token", "wall", "lobby", "--unit", "SGDDT").stdout.startswith("hub_wall_")
    lost = hub("token", "wall", "lobby", "--unit", "NOWHERE")
    assert lost.returncode == 2
    assert "no such unit" in lost.stderr


@pytest.mark.mosquitto
def test_the_doctor_says_what_is_wrong(hub: Hub, broker: Broker, unused_port: int, tmp_path: Path) -> None:
    new = hub("doctor", HUB_MQTT_URL=broker.url, HUB_HTTP_PORT=str(unused_port))
    assert new.returncode == 1
    assert "is not there yet; `hub import`" in new.stdout
    assert not (tmp_path / "data").exists(), "a diagnosis changes nothing"
    (tmp_path / "data").mkdir(mode=0o755)
    with sqlite3.connect(tmp_path / "data" / "hub.db") as empty:
        empty.execute("CREATE TABLE other (a)")
    bare = hub("doctor", HUB_MQTT_URL=broker.url, HUB_HTTP_PORT=str(unused_port))
    assert "has no tables; `hub import`" in bare.stdout
    assert "others can read" in bare.stdout
    (tmp_path / "data").chmod(0o700)
    hub("import", "--schools", "3")
    healthy = hub("doctor", HUB_MQTT_URL=broker.url, HUB_HTTP_PORT=str(unused_port))
    assert healthy.returncode == 0, healthy.stdout
    assert "answers and has 3 schools" in healthy.stdout
    broker.kill()
    ill = hub(
        "doctor", HUB_MQTT_URL=broker.url.replace("//", "//hub:geheim@"), HUB_HTTP_PORT=str(unused_port)
    )
    assert ill.returncode == 1
    assert "✗ broker" in ill.stdout
    assert "geheim" not in ill.stdout


@pytest.mark.parametrize("role", ["", "cook"])
def test_a_role_that_does_not_exist(role: str, hub: Hub) -> None:
    ended = hub("serve", "--role", role)
    assert ended.returncode == 2
    assert "--role" in ended.stderr


def test_wrong_settings_end_with_the_name(hub: Hub) -> None:
    ended = hub("serve", HUB_HTTP_PORT="eighty")
    assert ended.returncode == 2
    assert "HUB_HTTP_PORT = 'eighty'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_doctor_tells_a_hub_that_is_not_ready_from_another_program(
    hub: Hub, unused_port: int, tmp_path: Path
) -> None:
    said = {"ready": False, "checks": [{"name": "broker", "ok": False, "detail": "not connected"}]}

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(said).encode()
            self.send_response(503)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    provider = {"NAME": "So", "ISSUER": f"http://127.0.0.1:{unused_port}/realms/so", "CLIENT_ID": "hub"}
    settings = {"HUB_HTTP_PORT": str(unused_port), "HUB_MQTT_URL": "mqtt://127.0.0.1:1"}
    settings |= {f"HUB_OIDC__SO__{name}": value for name, value in provider.items()}
    with http.server.ThreadingHTTPServer(("127.0.0.1", unused_port), Answering) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            seen = hub("doctor", **settings).stdout
            said = {"other": True}
            foreign = hub("doctor", **settings).stdout
        finally:
            server.shutdown()
    assert f"✗ web: the hub on 127.0.0.1:{unused_port} is not ready: broker: not connected" in seen
    assert "is taken: another program" in foreign
    assert "✗ login: so (http://127.0.0.1" in foreign
    assert "not one of the configured issuer" in foreign


def test_what_the_hub_keeps_is_for_its_own_account(hub: Hub, tmp_path: Path) -> None:
    hub("import", "--schools", "1")
    kept = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(kept) > 1
    assert {path: oct(path.stat().st_mode) for path in kept if path.stat().st_mode & 0o077} == {}
