"""The permission every route declares, and who is asking.

    @router.get("/alarms")
    async def list_alarms(who: Annotated[Principal, Depends(permission("alarms.read"))]) -> …

A route for everybody says so: `dependencies=[Depends(public)]`. One test walks over all routes.
A request is authenticated by `Authorization: Bearer <token>`, by the session cookie of a login, or by the
cookie of a wall screen. Changes made with a cookie must come from our own pages and carry the header
`X-Requested-With` (any value), which other sites cannot send.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request

from hub.errors import CrossSite, Forbidden, PasswordChangeRequired, Unauthenticated
from hub.web.principal import PERMISSIONS, PermissionName, Principal
from hub.wording import said

Authenticate: TypeAlias = Callable[[HTTPConnection], Awaitable[tuple[Principal, bool] | None]]
"""Finds who asks, and whether a cookie said so (which a foreign page could have made the browser send)."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def public() -> None:
    """Declares that a route needs no login."""


class permission:  # noqa: N801 - reads as the declaration it is
    """Declares the permission a route needs, and gives the route the `Principal` that asks.

    A route about one school goes on to call `require_school`, a list filters by `principal.schools(…)`.
    """

    def __init__(self, name: PermissionName) -> None:
        if name not in PERMISSIONS:
            raise ValueError(f"{name!r} is not a permission; the permissions are {sorted(PERMISSIONS)}")
        self.name: PermissionName = name

    async def __call__(self, request: Request) -> Principal:
        principal = await authenticated(request)
        if principal.must_change_password and self.name != "account.self":
            raise PasswordChangeRequired(
                "the password is a temporary one", fix="change it by POST /api/v1/account/password"
            )
        if not principal.may(self.name):
            raise Forbidden(
                said("{name} lacks the permission {permission}", name=principal.name, permission=self.name),
                fix="ask an administrator for it",
            )
        return principal


async def authenticated(request: Request) -> Principal:
    """Gives who asks; raises `Unauthenticated`, or `CrossSite` for a change from a foreign page."""
    authenticate: Authenticate = request.app.state.authenticate
    found = await authenticate(request)
    if found is None:
        fix = (
            "send Authorization: Bearer <token> (made by `hub token api`), or log in by POST /api/v1/session"
        )
        raise Unauthenticated("no valid token or session came with the request", fix=fix,
                              headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
    principal, by_cookie = found
    if by_cookie and request.method not in SAFE_METHODS:
        refuse_cross_site(request, custom_header=True)
    request.state.principal = principal  # the audit log asks who it was
    return principal


def require_school(principal: Principal, name: PermissionName, school: str | None) -> None:
    """Raises `Forbidden` unless the permission reaches this school; None is a node of no known school."""
    schools = principal.schools(name)
    if schools is not None and (school is None or school not in schools):
        raise Forbidden(
            said(
                "{name} has {permission} elsewhere, not in {school}",
                name=principal.name,
                permission=name,
                school=school or "unclaimed nodes",
            ),
            fix="ask an administrator for a role in that school",
        )


def refuse_cross_site(request: HTTPConnection, *, custom_header: bool) -> None:
    """Raises `CrossSite` if a browser says that another site's page made the request."""
    fetch_site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or fetch_site in {"cross-site", "same-site"}:
        raise CrossSite(field="Origin", value=origin, detail="it is not the hub's own address",
                        fix="use the hub's own pages, or a bearer token instead of the cookie")  # fmt: skip
    if custom_header and "x-requested-with" not in request.headers:
        raise CrossSite(field="X-Requested-With", value=None, detail="the header is missing",
                        fix="send X-Requested-With: hub with every change made with a cookie")  # fmt: skip
