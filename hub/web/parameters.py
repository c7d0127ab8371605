"""Refuses query parameters that a route does not know: a misspelt filter would silently filter nothing."""

import difflib
from collections.abc import Sequence

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from hub.errors import Fault, Invalid
from hub.wording import said

API = "/api/"


def declared(dependant: Dependant) -> dict[str, Sequence[object]]:
    """Gives the query and path parameters of a route and of all it depends on, each with its bounds."""
    found: dict[str, Sequence[object]] = {
        field.alias: field.field_info.metadata for field in (*dependant.query_params, *dependant.path_params)
    }
    for each in dependant.dependencies:
        found |= declared(each)
    return found


async def any_parameters() -> None:
    """Declares that others make the address of this route: it may hold parameters that nobody here knows."""


async def only_declared(request: Request) -> None:
    """Raises `Invalid` for each query parameter the route does not declare, with the nearest it does."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or not request.url.path.startswith(API):
        return
    if any(each.call is any_parameters for each in route.dependant.dependencies):
        return
    known = sorted(declared(route.dependant).keys() - request.path_params.keys())
    faults = tuple(
        Fault(name, request.query_params[name], "there is no such query parameter here", _fix(name, known))
        for name in dict.fromkeys(request.query_params)
        if name not in known
    )
    if faults:
        raise Invalid(
            said("{fields}: no such query parameter", fields=", ".join(fault.field for fault in faults)),
            faults=faults,
        )


def _fix(name: str, known: list[str]) -> str:
    if near := difflib.get_close_matches(name.lower(), known, n=2):
        return said("write {near}", near=" / ".join(near))
    if known:
        return said("leave it out; known are {known}", known=", ".join(known))
    return "leave it out; there are none here"
