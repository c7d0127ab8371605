"""Where the web role is entered: its port, with TLS where that is set, and the port that leads there."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import ASGIApp

from hub.certificates.serving import Serving
from hub.clock import now_ms
from hub.settings import Settings
from hub.web.server import ToHttps, listen_for_redirects, serve_http
from hub.web.server import listen as listen_on_port


class Door:
    """Open ports; raises `SettingsError` for one that cannot be opened, or a certificate that is none."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.http_port
        self._public_url = settings.public_url
        self.serving = None if settings.tls == "off" else Serving(settings, now_ms)
        self.listener = listen_on_port(settings)
        self.redirecting: socket.socket | None = None
        try:
            self.redirecting = listen_for_redirects(settings)
        except BaseException:
            self.listener.close()
            raise

    def loops(self, app: ASGIApp, stop: asyncio.Event) -> dict[str, Callable[[], Awaitable[None]]]:
        """Gives what has to run, by name."""
        context = self.serving.context if self.serving is not None else None
        found: dict[str, Callable[[], Awaitable[None]]] = {
            "web": partial(serve_http, app, self.listener, stop, context)
        }
        if self.serving is not None:
            found["certificate"] = partial(self.serving.watch, stop)
        if self.redirecting is not None:
            found["to HTTPS"] = partial(
                serve_http, ToHttps(self._port, self._public_url), self.redirecting, stop
            )
        return found

    def close(self) -> None:
        """Closes the ports."""
        self.listener.close()
        if self.redirecting is not None:
            self.redirecting.close()


def listen(settings: Settings) -> Door:
    """Opens the ports of the web role."""
    return Door(settings)
