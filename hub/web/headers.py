"""Security headers on every answer, a limit on every body, and a count of every request; plain ASGI.

It is plain ASGI because event streams must pass through unbuffered.
"""

import re
import time

from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.web import problems
from hub.web.policy import HEADERS

MAX_BODY_MB = 1
MEGABYTE = 1_048_576
LARGE_BODIES = (
    (re.compile(r"/api/v1/imports/?"), 200),
    (re.compile(r"/api/v1/packages/?"), 200),
    (re.compile(r"/api/v1/assets/\d+/documents/?"), 10),
)
"""Routes that take files, with the most MB they take; they write them to disk while they arrive."""

REQUESTS = Counter("hub_http_requests", "HTTP requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "hub_http_seconds",
    "Time until the answer began",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


class Shield:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        read_bytes = 0
        most_mb = _most_mb(scope)
        # what stands around a file in a form is not the sender's to count
        most_bytes = (most_mb + (most_mb > MAX_BODY_MB)) * MEGABYTE

        async def limited() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > most_bytes:
                raise HTTPException(413, str(most_mb))
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(scope, MutableHeaders(scope=message))
                _count(scope, message["status"], time.perf_counter() - started_s)
            await send(message)

        if _declared_length(scope) > most_bytes:
            refused = problems.response(
                problems.of_status(413, scope["method"], {}, str(most_mb)), scope["path"]
            )
            await refused(scope, receive, guarded)
        else:
            await self._app(scope, limited, guarded)


def _add_headers(scope: Scope, headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if scope["scheme"] == "https" and not _is_this_machine(scope):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if scope["path"].startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")


def _is_this_machine(scope: Scope) -> bool:
    # browsers remember it for all ports of a name: a demo on http://localhost would be gone for a year
    host = dict(scope["headers"]).get(b"host", b"")
    return bool(host == b"localhost" or host.startswith(b"localhost:"))


def _count(scope: Scope, status: int, seconds: float) -> None:
    # the route's template, never the address: an address is unbounded and may name a school
    route = getattr(scope.get("route"), "path", None) or "(none)"
    method = (
        scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
    )
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(route).observe(seconds)


def _most_mb(scope: Scope) -> int:
    if scope["method"] != "POST":
        return MAX_BODY_MB
    return next((most for path, most in LARGE_BODIES if path.fullmatch(scope["path"])), MAX_BODY_MB)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
