"""Lets wall screens in without a login: `/wall/main?token=…` becomes a view-only cookie.

In the demo a browser on the same machine gets that cookie by itself.
"""

from collections.abc import Callable
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.accounts import service
from hub.accounts.authentication import WALL_COOKIE, Authenticator
from hub.database import Database

_COOKIE_S = 365 * 24 * 3600
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class WallDoor:
    """Middleware of the addresses below `/wall/`. `demo_unit` is set in the demo: what its own wall shows."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: Database,
        authenticate: Authenticator,
        now_ms: Callable[[], int],
        demo_unit: str | None,
    ) -> None:
        self._app = app
        self._database = database
        self._authenticate = authenticate
        self._now_ms = now_ms
        self._demo_unit = demo_unit
        self._demo_secret = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/wall/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        secret = request.query_params.get("token")
        if secret is not None:
            # away from the address bar, the history and the logs of proxies
            kept = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
            # never two slashes at the start: a browser would take the next word for another host
            path = "/" + request.url.path.lstrip("/")
            redirect = RedirectResponse(path + ("?" + urlencode(kept) if kept else ""), 303)
            if await self._authenticate.of_secret(secret, ("wall",)):
                redirect.headers["set-cookie"] = wall_cookie(secret, secure=scope["scheme"] == "https")
            await redirect(scope, receive, send)
            return
        cookie = await self._demo_cookie(request)
        if not cookie:
            await self._app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_cookie)

    async def _demo_cookie(self, request: Request) -> str:
        local = (
            request.client is not None
            and request.client.host in _LOOPBACK
            and request.url.hostname in _LOOPBACK
        )
        if not self._demo_unit or not local or await self._authenticate(request) is not None:
            return ""
        if not await self._authenticate.of_secret(self._demo_secret, ("wall",)):
            async with self._database.write() as session:
                self._demo_secret = await service.create_wall_token(
                    session, "demo wall", self._demo_unit, self._now_ms(), self._now_ms() + _COOKIE_S * 1000
                )
        return wall_cookie(self._demo_secret, secure=False)


def wall_cookie(secret: str, *, secure: bool) -> str:
    """Makes the header value that sets the wall's cookie."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[WALL_COOKIE] = secret
    for name, value in {"path": "/", "httponly": True, "samesite": "Lax", "max-age": _COOKIE_S}.items():
        cookie[WALL_COOKIE][name] = value
    if secure:
        cookie[WALL_COOKIE]["secure"] = True
    return cookie.output(header="").strip()
