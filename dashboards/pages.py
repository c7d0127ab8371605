"""The hub's pages: the wall, the operations console, the technicians' pages, sign-in and the way to them.

Pages are shells without data: everything they show they ask from the hub's public API with the visitor's own
session, so that a page can never show more than the API allows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.routing import Mount, Route

from dashboards import boundaries
from dashboards.assets import Assets
from dashboards.language import COOKIE, COOKIE_MAX_AGE_S, LANGUAGES, Catalogue, catalogue, choose
from dashboards.vocabulary import vocabulary
from devices import province

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE_OF = {
    "/": "landing.html",
    "/login": "login.html",
    "/ops": "ops.html",
    "/tech": "tech_devices.html",
    "/tech/device/{group}/{node}/{device}": "tech_device.html",
    "/tech/schools": "tech_schools.html",
    "/tech/school/{code}": "tech_school.html",
    "/tech/quarantine": "tech_quarantine.html",
}
"""Pages for people; what stands in the address they read from it themselves."""


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

    def plain(template: str) -> Callable[[Request], Awaitable[HTMLResponse]]:
        async def page(request: Request) -> HTMLResponse:
            """Show a page for people."""
            return pages.render(request, template)

        return page

    async def wall(request: Request) -> HTMLResponse:
        """Show a wall."""
        wanted = request.path_params["wall"]
        return pages.render(request, "wall.html", heed_browser=False, wall=wanted, map_url=map_url)

    shown = {path: plain(template) for path, template in TEMPLATE_OF.items()} | {"/wall/{wall}": wall}
    for path, page in shown.items():
        app.router.routes.append(Route(path, page))  # pages are no operations of the API: not in its schema
    app.router.routes.append(Mount("/static", assets, name="static"))
