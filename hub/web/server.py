"""Runs the web application in a loop that other roles share, and stops it when they stop."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.settings import SettingProblem, Settings, SettingsError
from hub.web.policy import HEADERS

GRACE_S = 3
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")


class _Server(uvicorn.Server):
    """Leaves the signals to the program, which has more to stop than a web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: Settings) -> socket.socket:
    """Opens the web port; raises `SettingsError` if that is not possible."""
    return _listen(settings.http_host, settings.http_port, "HUB_HTTP_PORT")


def listen_for_redirects(settings: Settings) -> socket.socket | None:
    """Opens the port that sends people to HTTPS, if there is TLS and such a port is wanted."""
    port = settings.http_redirect_port
    if settings.tls == "off" or port is None:
        return None
    return _listen(settings.http_host, port, "HUB_HTTP_REDIRECT_PORT")


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        place = f"{host}:{port}"
        fix = (
            f"the address {place} cannot be used ({error.strerror}); stop what uses it or choose another port"
        )
        raise SettingsError([SettingProblem(setting, str(port), fix)]) from None


async def serve_http(
    app: ASGIApp, listener: socket.socket, stop: asyncio.Event, tls: ssl.SSLContext | None = None
) -> None:
    """Answers requests until `stop` is set; open streams then have a few seconds to end."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # else anybody on this machine could claim another address
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    server = _Server(config)
    stopping = asyncio.create_task(_stop(server, stop))
    try:
        await server.serve(sockets=[listener.dup()])
    finally:
        stopping.cancel()


class ToHttps:
    """Sends whoever comes by plain HTTP to HTTPS; nothing else is answered there.

    To `public_url` where it is set, so that no Host header can send people elsewhere; else to the same host.
    """

    def __init__(self, port: int, public_url: str = "") -> None:
        self._port = "" if port == 443 else f":{port}"
        self._public_url = public_url if public_url.startswith("https://") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        named = _HOST.fullmatch(host)
        answer: ASGIApp
        if named is None:
            answer = PlainTextResponse("The Host header names no host.\n", 400, HEADERS)
        else:
            path = scope["raw_path"].decode("latin-1")
            query = scope["query_string"].decode("latin-1")
            door = self._public_url or f"https://{named['name']}{self._port}"
            address = f"{door}{path}{'?' + query if query else ''}"
            answer = RedirectResponse(address, 308, HEADERS)
        await answer(scope, receive, send)


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
