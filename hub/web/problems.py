"""Renders every error as an RFC 9457 problem document, with field, value and fix where there is one."""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from hub.errors import Fault, NotFound, Problem, Unavailable
from hub.web.policy import HEADERS

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_SECRET = ("password", "token", "secret")
_SHOWN_CHARACTERS = 200


def install(app: FastAPI) -> None:
    """Makes the application answer every error with a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(Exception, _unexpected)


def document(problem: Problem, path: str) -> dict[str, object]:
    """Builds the problem document: the first fault stands at the top, all of them in `errors`."""
    body: dict[str, object] = {
        "type": f"/problems/{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "instance": path,
    }
    if problem.fix:
        body["fix"] = problem.fix
    faults = [
        {"field": f.field, "value": shown(f.field, f.value), "detail": f.detail, "fix": f.fix}
        for f in problem.faults
    ]
    if faults:
        body |= {name: faults[0][name] for name in ("field", "value", "fix")} | {"errors": faults}
    return body


def shown(field: str, value: object) -> object:
    """Gives a value as it may be shown: short, representable, and never a secret."""
    if value is not None and any(word in field.lower() for word in _SECRET):
        return "(hidden)"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict | list):
        return f"({type(value).__name__} of {len(value)})"  # may hold secrets further down
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def response(problem: Problem, path: str) -> Response:
    """Renders a problem."""
    content = document(problem, path)
    return JSONResponse(content, problem.status, problem.headers, media_type=MEDIA_TYPE)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return response(error, request.url.path)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = []
    for found in error.errors():
        place = [str(part) for part in found["loc"]]
        field = ".".join(place[1:] or place)
        message = str(found["msg"])
        value = None if found["type"] == "missing" else found.get("input")
        faults.append(Fault(field, value, message, _fix(found["type"], field, place[0], message)))
    problem = Problem(f"{len(faults)} wrong value(s) in the request", faults=tuple(faults))
    problem.status, problem.kind, problem.title = 422, "invalid-request", "The request is not valid"
    return response(problem, request.url.path)


def _fix(error_type: str, field: str, where: str, message: str) -> str:
    if error_type == "missing":
        return f"send {field} in the {where}"
    if error_type == "json_invalid":
        return "send valid JSON"
    if error_type == "extra_forbidden":
        return f"leave {field} out"
    return message.removeprefix("Value error, ").replace("Input should be", "send", 1)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        return response(
            NotFound(f"{path} is not an address of this hub", fix="see /api/v1/openapi.json"), path
        )
    return response(of_status(error.status_code, request.method, error.headers or {}, error.detail), path)


def of_status(status: int, method: str, headers: Mapping[str, str], detail: str = "") -> Problem:
    """Makes the problem of an HTTP status that the server itself gives."""
    problem = Problem(detail, headers=headers)
    problem.status = status
    problem.title = HTTPStatus(status).phrase
    problem.kind = problem.title.lower().replace(" ", "-")
    if status == 405:
        problem.detail = f"{method} is not possible here"
        problem.fix = f"use {headers['Allow']}" if "Allow" in headers else "see /api/v1/openapi.json"
    if status == 413:
        problem.detail, problem.fix = "the request is too large", "send less at a time"
    return problem


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("the database did not answer: %s", error)
    problem = Unavailable("the database did not answer", fix="try again", headers={"Retry-After": "5"})
    return response(problem, request.url.path)


async def _unexpected(request: Request, error: Exception) -> Response:
    # the server logs the traceback; it does not know the address
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    fix = "tell the operators the time and the address; the log has the reason"
    problem = Problem("an unexpected error; it is in the hub's log", fix=fix, headers=HEADERS)
    return response(problem, request.url.path)
