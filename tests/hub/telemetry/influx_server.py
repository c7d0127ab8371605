"""Debian's `influxd` with a folder and ports of its own on loopback, and the gateway before it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import httpx

from hub.broker import unused_port
from tests.hub.telemetry.influx_gateway import Gateway

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
  logging-enabled = false
[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  index-version = "tsi1"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "{cold}"
  compact-full-write-cold-duration = "{cold}"
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
[logging]
  level = "warn"
"""


class Influx:
    """One server; its data may lie in a folder of its own (`data`), such as a disk that is full."""

    def __init__(self, program: Path, folder: Path, data: Path | None = None, cold: str = "10m") -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(5):  # another process may take a port between finding and using it
            self.port = unused_port()
            config = _CONFIG.format(
                rpc=unused_port(), http=self.port, folder=folder, data=data or folder, cold=cold
            )
            (folder / "influxd.conf").write_text(config)
            with contextlib.suppress(RuntimeError):
                self.start()
                break
        else:
            raise RuntimeError(f"influxd did not start: {self.log()}")
        self.gateway = Gateway(self.port)

    def log(self) -> str:
        path = self._folder / "influxd.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def start(self) -> None:
        with (self._folder / "influxd.log").open("ab") as log:
            command = [str(self._program), "run", "-config", str(self._folder / "influxd.conf")]
            environment = {**os.environ, "GOMAXPROCS": "2"}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.port}/ping", timeout=1).status_code == 204:
                    return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"influxd did not start: {self.log()}")

    def ask(self, question: str) -> dict[str, object]:
        """Ask as an operator would, past the gateway."""
        answer = httpx.post(f"http://127.0.0.1:{self.port}/query", data={"q": question}, timeout=20)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        assert "error" not in answer.text, answer.text
        return found

    def new_database(self) -> str:
        """Make an empty database; return the telemetry URL of it, without the token."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.ask(f'CREATE DATABASE "{name}"')
        return self.url(f"{name}/autogen")

    def url(self, bucket: str, options: str = "") -> str:
        return f"influxdb://127.0.0.1:{self.gateway.port}/{quote(bucket)}{options}"

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it for good, and the gateway."""
        self._end(signal.SIGTERM)
        self.gateway.stop()

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(with_signal)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
