"""The pages over HTTP: what they send, what they refuse, what may be cached."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.assets import FOREVER, ROOT, digest
from dashboards.pages import TEMPLATE_OF, mount


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A web app with nothing but the pages."""
    app = FastAPI()
    mount(app, simulated=True)
    with TestClient(app) as opened:
        yield opened


@pytest.mark.parametrize("path", [*(path for path in TEMPLATE_OF), "/wall/main"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_page_carries_no_script_or_style_of_its_own(client: TestClient, path: str, language: str) -> None:
    page = client.get(path, params={"lang": language})
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    scripts = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", page.text)
    assert {kind.split(" id=")[0] for kind in scripts} == {' type="application/json"'}, "data, never code"
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", page.text)


@pytest.mark.parametrize("path", [*(path for path in TEMPLATE_OF), "/wall/main"])
def test_every_file_a_page_names_is_there_and_cached_for_good(client: TestClient, path: str) -> None:
    named = set(re.findall(r'"(/static/[^"]+)"', client.get(path).text))
    assert named
    for file in named:
        answer = client.get(file)
        assert answer.status_code == 200, file
        assert answer.headers["cache-control"] == FOREVER


def test_every_import_and_every_font_is_there() -> None:
    for source in [*ROOT.glob("js/**/*.js"), *ROOT.glob("css/*.css")]:
        text = source.read_text(encoding="utf-8")
        for name in re.findall(r'(?:from|import) "(\.[^"]+)"|url\(([^)]+)\)', text):
            assert (source.parent / (name[0] or name[1])).is_file(), f"{source.name}: {name}"


def test_nothing_names_another_host() -> None:
    for source in [*ROOT.glob("js/**/*.js"), *ROOT.glob("css/*.css")]:
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", source.read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org"}, source.name


def test_fonts_come_with_their_licence() -> None:
    for family in ("be-vietnam-pro", "inter"):
        assert list(ROOT.glob(f"fonts/{family}*.woff2"))
        assert "SIL Open Font License" in (ROOT / f"fonts/{family}-OFL.txt").read_text(encoding="utf-8")


def test_an_outdated_address_answers_but_is_not_cached(client: TestClient) -> None:
    answer = client.get("/static/0123456789ab/css/wall.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert client.get(f"/static/{digest()}/css/none.css").status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/x/../../pages.py", "/static/x/%2e%2e/%2e%2e/pages.py", "/static/x//etc/passwd"]
)
def test_files_outside_are_not_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_walls_name_cannot_become_markup(client: TestClient) -> None:
    page = client.get("/wall/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>alert" not in page.text


def test_modules_have_a_type_that_nosniff_accepts(client: TestClient) -> None:
    module = client.get(f"/static/{digest()}/js/words.js")
    assert module.headers["content-type"].startswith("text/javascript")
    font = client.get(f"/static/{digest()}/fonts/inter-latin-wght-normal.woff2")
    assert font.headers["content-type"] == "font/woff2"
