"""Every route that may change something writes it down, or says why not."""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from hub.audit.trail import trail, unaudited
from hub.web.access import SAFE_METHODS
from tests.hub.web.test_routes import routes


def calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from calls(each)


def audited(route: APIRoute) -> bool:
    return any(call is trail or isinstance(call, unaudited) for call in calls(route.dependant))


def test_m04_every_route_that_changes_something_is_audited_or_says_why_not(application: FastAPI) -> None:
    changing = [route for route in routes(application.routes) if (route.methods or set()) - SAFE_METHODS]
    silent = [f"{route.methods} {route.path}" for route in changing if not audited(route)]
    assert silent == []
    assert len(changing) >= 20
