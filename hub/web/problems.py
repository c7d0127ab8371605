"""Renders every error as an RFC 9457 problem document, with field, value and fix where there is one."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from hub.advice import told, wanted
from hub.errors import Fault, Invalid, NotFound, Problem, Unavailable
from hub.web.parameters import declared
from hub.web.policy import HEADERS
from hub.wording import ENGLISH, accepted, in_language, said

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_SECRET = ("password", "token", "secret")
_SHOWN_CHARACTERS = 200
_LARGEST = 2**31  # a column of PostgreSQL holds less than this, or than 2**63


def install(app: FastAPI) -> None:
    """Makes the application answer every error with a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _database_away)
    for too_large in (OverflowError, DataError):  # as SQLite's driver says it, and as PostgreSQL's does
        app.add_exception_handler(too_large, _too_large)
    app.add_exception_handler(Exception, _unexpected)


def document(problem: Problem, path: str, language: str = ENGLISH) -> dict[str, object]:
    """Builds the problem document: the first fault stands at the top, all of them in `errors`.

    `type`, `field` and `value` are the same in every language; title, detail and fix are words.
    """

    def words(text: str) -> str:
        return in_language(text, language)

    body: dict[str, object] = {
        "type": f"/problems/{problem.kind}",
        "title": words(problem.title),
        "status": problem.status,
        "detail": words(problem.detail or problem.title),
        "instance": path,
    }
    if problem.fix:
        body["fix"] = words(problem.fix)
    faults = [
        {"field": f.field, "value": shown(f.field, f.value), "detail": words(f.detail), "fix": words(f.fix)}
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


def response(problem: Problem, path: str, language: str = ENGLISH) -> Response:
    """Renders a problem in a language."""
    content = document(problem, path, language)
    headers = {"Content-Language": language, "Vary": "Accept-Language"} | problem.headers
    return JSONResponse(content, problem.status, headers, media_type=MEDIA_TYPE)


def answer(problem: Problem, request: Request) -> Response:
    """Renders a problem in the language that the request accepts; without one, in English."""
    return response(problem, request.url.path, accepted(request.headers.get("accept-language", "")))


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error, request)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    route = request.scope.get("route")
    bounds = declared(route.dependant) if isinstance(route, APIRoute) else {}
    faults = []
    for found in error.errors():
        where, *place = (str(part) for part in found["loc"])
        if where == "body" and (not place or found["type"] == "json_invalid"):
            faults.append(_wrong_body(request, found, error.body))
        else:
            own = bounds.get(place[0], ()) if place and where in {"query", "path"} else ()
            faults.append(_fault(found, ".".join(place) or where, where, own))
    summary = "1 value in the request is wrong"
    if len(faults) != 1:
        summary = said("{count} values in the request are wrong", count=len(faults))
    return answer(Invalid(summary, faults=tuple(faults)), request)


def _fault(found: Mapping[str, Any], field: str, where: str, bounds: Sequence[object]) -> Fault:
    if found["type"] == "missing":
        return Fault(
            field, None, "it is missing", said("send {field} in the {where}", field=field, where=where)
        )
    if found["type"] == "extra_forbidden":
        return Fault(
            field, found["input"], "there is no such field here", said("leave {field} out", field=field)
        )
    detail = told(found)
    advice = wanted(found, bounds)
    fix = (
        said("send {wanted}", wanted=advice) if advice else said("send a value that {detail}", detail=detail)
    )
    return Fault(field, found["input"], detail, fix)


def _wrong_body(request: Request, found: Mapping[str, Any], body: object) -> Fault:
    """Says what is wrong with a body as a whole, and never shows it: it may hold a secret."""
    content_type = request.headers.get("content-type")
    if found["type"] == "json_invalid":
        context, place = found["ctx"]["error"], found["loc"][-1]
        reason = said("it is not JSON: {error}, at character {place}", error=context, place=place)
        size = f"({len(body)} characters)" if isinstance(body, str) else None
        return Fault("body", size, reason, 'send a JSON object, such as {"name": "value"}')
    if body is not None and "json" not in (content_type or ""):
        fix = "send Content-Type: application/json"
        return Fault("Content-Type", content_type, "the body is not said to be JSON", fix)
    if body is None:
        return Fault(
            "body", None, "it is missing", "send a JSON object; /api/v1/openapi.json says with what in it"
        )
    return Fault("body", f"({type(body).__name__})", "it is not a JSON object", "send a JSON object")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        nowhere = said("{path} is not an address of this hub", path=path)
        return answer(NotFound(nowhere, fix="see /api/v1/openapi.json"), request)
    return answer(of_status(error.status_code, request.method, error.headers or {}, error.detail), request)


def of_status(status: int, method: str, headers: Mapping[str, str], detail: str = "") -> Problem:
    """Makes the problem of a status that the server itself gives; with 413 `detail` is the limit in MB."""
    problem = Problem(detail, headers=headers)
    problem.status = status
    problem.title = HTTPStatus(status).phrase
    problem.kind = problem.title.lower().replace(" ", "-")
    if status == 405:
        problem.detail = said("{method} is not possible here", method=method)
        problem.fix = "see /api/v1/openapi.json"
        if "Allow" in headers:
            problem.fix = said("use {allowed}", allowed=headers["Allow"])
    if status == 413:
        problem.detail = said(
            "the request is larger than {most} MB, the most this address takes", most=detail
        )
        problem.fix = said("send at most {most} MB at a time", most=detail)
    return problem


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("the database did not answer: %s", error)
    problem = Unavailable("the database did not answer", fix="try again", headers={"Retry-After": "5"})
    return answer(problem, request)


async def _too_large(request: Request, error: Exception) -> Response:
    """Nothing has a number that no database can hold: an address that names one names nothing."""
    if (
        "SQLite INTEGER" not in str(error)
        and getattr(getattr(error, "orig", None), "sqlstate", "") != "22003"
    ):
        raise error
    for given, problem in ((request.path_params, NotFound), (request.query_params, Invalid)):
        for field, value in given.items():
            if re.fullmatch(r"-?\d+", str(value)) and abs(int(str(value)[:40])) >= _LARGEST:
                detail = (
                    "there is nothing of this number" if problem is NotFound else "the number is too large"
                )
                fix = "use a number that a list of the hub gives"
                return answer(problem(detail, field=field, value=str(value), fix=fix), request)
    return answer(Invalid("a number in the request is too large", fix="send a smaller one"), request)


async def _unexpected(request: Request, error: Exception) -> Response:
    # the server logs the traceback; it does not know the address
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    fix = "tell the operators the time and the address; the log has the reason"
    problem = Problem("an unexpected error; it is in the hub's log", fix=fix, headers=HEADERS)
    return answer(problem, request)
