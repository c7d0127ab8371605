"""Every route declares who may use it, and that is what happens."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIRouter
from starlette.routing import BaseRoute

from hub.accounts.rules import ROLES
from hub.web.access import permission, public

PUBLIC = {
    "/api/v1/enrolment/ca.pem",
    "/api/v1/packages/{version}/download",
    "POST /api/v1/enrolment",
    "POST /api/v1/enrolment/renew",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/openapi.json",
    "POST /api/v1/session",
    "/api/v1/session/providers",
    "/api/v1/session/oidc/{provider}/start",
    "/api/v1/session/oidc/{provider}/callback",
    "/api/v1/session/oidc/{provider}/logout",
    "/api/v1/trust",
    "/api/v1/trust/ca.pem",
}


def routes(found: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        else:
            inner = getattr(route, "original_router", None)
            assert isinstance(inner, APIRouter), f"{route} is neither a route nor a router of routes"
            yield from routes(inner.routes)


def declared(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        if isinstance(each.call, permission) or each.call is public:
            yield each.call
        yield from declared(each)


def of(route: APIRoute, application: FastAPI) -> set[object]:
    own = set(declared(route.dependant))
    for outer in application.routes:
        router = getattr(outer, "original_router", None)
        if router is not None and route in router.routes:
            own |= {each.dependency for each in router.dependencies}
    return own


def test_every_route_declares_one_permission_or_is_public_on_purpose(application: FastAPI) -> None:
    seen = set()
    for route in routes(application.routes):
        calls = of(route, application)
        assert len(calls) == 1, f"{route.methods} {route.path} declares {calls or 'nothing'}"
        if calls == {public}:
            [method] = sorted(route.methods or {"none"})
            seen.add(route.path if method == "GET" else f"{method} {route.path}")
    assert seen == PUBLIC


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_at_least_see_itself(role: str) -> None:
    assert "account.self" in ROLES[role]


def test_a_misspelt_permission_fails_at_once() -> None:
    with pytest.raises(ValueError, match="not a permission"):
        permission("devices.raed")  # type: ignore[arg-type]
