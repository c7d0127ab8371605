"""Runs the web application in a loop that other roles share, and stops it when they stop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from hub.settings import SettingProblem, Settings, SettingsError

GRACE_S = 3


class _Server(uvicorn.Server):
    """Leaves the signals to the program, which has more to stop than a web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: Settings) -> socket.socket:
    """Opens the web port; raises `SettingsError` if that is not possible."""
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    try:
        return socket.create_server((settings.http_host, settings.http_port), family=family, backlog=2048)
    except OSError as error:
        place = f"{settings.http_host}:{settings.http_port}"
        fix = (
            f"the address {place} cannot be used ({error.strerror}); stop what uses it or choose another port"
        )
        raise SettingsError([SettingProblem("HUB_HTTP_PORT", str(settings.http_port), fix)]) from None


async def serve_http(app: FastAPI, listener: socket.socket, stop: asyncio.Event) -> None:
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
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    stopping = asyncio.create_task(_stop(server, stop))
    try:
        await server.serve(sockets=[listener.dup()])
    finally:
        stopping.cancel()


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
