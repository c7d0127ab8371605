"""The hub's pages: the wall, the operations console, the technicians' pages, sign-in and the way to them.

Pages are shells without data: everything they show they ask from the hub's public API with the visitor's own
session, so that a page can never show more than the API allows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route

from dashboards import boundaries
from dashboards.assets import Assets
from dashboards.language import COOKIE, COOKIE_MAX_AGE_S, LANGUAGES, Catalogue, catalogue, choose
from dashboards.supported import supported
from dashboards.vocabulary import vocabulary
from devices import province

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE_OF = {
    "/": "landing.html",
    "/login": "login.html",
    "/trust": "trust.html",
    "/ops": "ops.html",
    "/tech": "tech_devices.html",
    "/tech/device/{group}/{node}/{device}": "tech_device.html",
    "/tech/schools": "tech_schools.html",
    "/tech/school/{code}": "tech_school.html",
    "/tech/quarantine": "tech_quarantine.html",
    "/account": "account.html",
    "/users": "users.html",
    "/tokens": "tokens.html",
    "/audit": "audit.html",
    "/equipment": "equipment.html",
    "/equipment/{id}": "asset.html",
    "/import": "import.html",
    "/sync": "sync.html",
    "/org": "org.html",
    "/org/{code}": "unit.html",
    "/school": "schools.html",
    "/school/{code}": "school.html",
    "/room/{school}/{room}": "room.html",
    "/tickets": "tickets.html",
    "/tickets/{id}": "ticket.html",
    "/stock": "stock.html",
    "/stock/{id}": "stock_take.html",
    "/a/{tag}": "tag.html",
    "/agents": "agents.html",
    "/agents/{group}/{node}": "agent.html",
    "/rollouts": "rollouts.html",
    "/rollouts/{id}": "rollout.html",
    "/commands": "batches.html",
    "/commands/{id}": "batch.html",
    "/topology": "topology.html",
    "/enrolment": "enrolment.html",
    "/enrol": "enrol.html",
    "/proposals": "proposals.html",
    "/devices/supported": "supported.html",
}
"""Pages for people; what stands in the address they read from it themselves."""
WITH_CAMERA = {"/stock/{id}"}
"""Pages that read labels with the camera; all others are refused it, as browsers are told everywhere."""
CAMERA_POLICY = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"


class Pages:
    """Renders the page templates in the visitor's language."""

    def __init__(self, assets: Assets, *, simulated: bool) -> None:
        self._assets = assets
        self._simulated = simulated
        self._environments = {language: self._environment(catalogue(language)) for language in LANGUAGES}

    def _environment(self, words: Catalogue) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
            words.gettext, words.ngettext, newstyle=False
        )
        environment.globals.update(
            language=words.language,
            other_language=next(language for language in LANGUAGES if language != words.language),
            messages=dict(words.messages),
            vocabulary=vocabulary(words.language),
            supported=supported(words.language),
            simulated=self._simulated,
            asset=self._assets.url,
            assets_digest=self._assets.digest,
        )
        return environment

    def render(
        self, request: Request, template: str, *, heed_browser: bool = True, **facts: str
    ) -> HTMLResponse:
        """Render a template; `?lang=` is remembered in a cookie."""
        language = choose(request, heed_browser=heed_browser)
        page = HTMLResponse(self._environments[language].get_template(template).render(**facts))
        page.headers["Cache-Control"] = "no-cache"
        page.headers["Content-Language"] = language
        page.headers["Vary"] = "Accept-Language, Cookie"
        if request.query_params.get("lang") == language:
            page.set_cookie(COOKIE, language, max_age=COOKIE_MAX_AGE_S, samesite="lax", httponly=True)
        return page


def mount(app: FastAPI, *, simulated: bool) -> None:
    """Add the pages and their files to the hub's web app.

    `simulated` says what the first paint claims before the stream has spoken; the stream then decides.
    Raises BoundaryError when `map_geojson` of the hub's settings names a file that cannot be used.
    """
    assets = Assets()
    map_url = assets.url("map/province.json")
    if geojson := getattr(getattr(app.state, "settings", None), "map_geojson", None):
        schools = [(school.code, school.district_code) for school in province.schools(None)]
        drawing = boundaries.draw(boundaries.read(geojson), schools)

        async def configured_map(request: Request) -> JSONResponse:
            """Give the drawing made of the configured boundaries."""
            return JSONResponse(drawing, headers={"Cache-Control": "no-cache"})

        map_url = "/map.json"
        app.router.routes.append(Route(map_url, configured_map))
    pages = Pages(assets, simulated=simulated)

    def plain(path: str, template: str) -> Callable[[Request], Awaitable[HTMLResponse]]:
        async def page(request: Request) -> HTMLResponse:
            """Show a page for people."""
            shown = pages.render(request, template)
            if path in WITH_CAMERA:
                shown.headers["Permissions-Policy"] = CAMERA_POLICY
            return shown

        return page

    async def label(request: Request) -> RedirectResponse:
        """Lead from the short address on a room's label to the room."""
        school, room = (quote(request.path_params[part], safe="") for part in ("school", "room"))
        return RedirectResponse(f"/room/{school}/{room}")

    async def wall(request: Request) -> HTMLResponse:
        """Show a wall."""
        wanted = request.path_params["wall"]
        return pages.render(request, "wall.html", heed_browser=False, wall=wanted, map_url=map_url)

    shown = {path: plain(path, template) for path, template in TEMPLATE_OF.items()}
    shown |= {"/wall/{wall}": wall}
    app.router.routes.append(Route("/r/{school}/{room}", label))
    for path, page in shown.items():
        app.router.routes.append(Route(path, page))  # pages are no operations of the API: not in its schema
    app.router.routes.append(Mount("/static", assets, name="static"))
    _answer_strays(app, pages)


def _answer_strays(app: FastAPI, pages: Pages) -> None:
    """Show people a page where there is none; programs and the API keep the answer they had."""
    before = app.exception_handlers[HTTPException]

    async def stray(request: Request, error: Exception) -> Response:
        """Answer an HTTP error."""
        named = isinstance(error, HTTPException) and error.status_code == 404
        person = "text/html" in request.headers.get("accept", "") and request.method in {"GET", "HEAD"}
        if named and person and not request.url.path.startswith(("/api/", "/static/")):
            page = pages.render(request, "absent.html")
            page.status_code = 404
            return page
        answer = before(request, error)
        return await answer if isawaitable(answer) else answer

    app.add_exception_handler(HTTPException, stray)
