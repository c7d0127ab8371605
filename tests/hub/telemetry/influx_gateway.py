"""What InfluxDB 1.6 lacks and 1.8 has: `/api/v2/write` and tokens; and a place to make an engine ill.

A thread with an HTTP server before `influxd`: it translates that one path, checks the token, passes all else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "writer:s3cr3t/token=="  # of a test


class Gateway:
    """Listens on a port of its own; `illness` answers writes instead of the engine while it is set."""

    def __init__(self, engine_port: int) -> None:
        self.token = TOKEN
        self.delay_s = 0.0
        self.illness: tuple[int, str, dict[str, str]] | None = None
        self.limit_bytes = 25_000_000
        self.writes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, engine_port))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(gateway: Gateway, engine_port: int) -> type[BaseHTTPRequestHandler]:
    class Passage(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self._may_pass():
                return
            path = self.path
            if path.startswith("/api/v2/write"):
                gateway.writes += 1
                time.sleep(gateway.delay_s)
                if len(body) > gateway.limit_bytes:
                    self._answer(413, '{"error":"Request Entity Too Large"}', {})
                    return
                if gateway.illness is not None:
                    self._answer(*gateway.illness)
                    return
                given = parse_qs(urlsplit(path).query)
                database, _, policy = given["bucket"][0].partition("/")
                path = "/write?" + urlencode(
                    {"db": database, "rp": policy, "precision": given["precision"][0]}
                )
            self._pass("POST", path, body)

        def do_GET(self) -> None:
            if self._may_pass():
                self._pass("GET", self.path, b"")

        def _may_pass(self) -> bool:
            sent = self.headers.get("Authorization", "")
            if sent == f"Token {gateway.token}":
                return True
            self._answer(401, '{"code":"unauthorized","message":"unauthorized access"}', {})
            return False

        def _answer(self, status: int, body: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def _pass(self, method: str, path: str, body: bytes) -> None:
            engine = HTTPConnection("127.0.0.1", engine_port)
            left_out = ("host", "authorization", "accept-encoding")
            kept = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            try:
                engine.request(method, path, body, kept)
                self._stream(engine.getresponse())
            except OSError:
                self.close_connection = True  # the engine is away: so is the gateway
                self.connection.close()
            finally:
                engine.close()

        def _stream(self, answer: HTTPResponse) -> None:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date"):
                    self.send_header(name, value)
            if answer.status == 204:
                self.end_headers()
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while piece := answer.read1(65536):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            pass

    return Passage


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that another process does."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(0.02)
