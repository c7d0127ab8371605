"""Every text of every page in both languages."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from starlette.requests import Request

import dashboards
from dashboards.language import LANGUAGES, LOCALE, catalogue, choose

PACKAGE = Path(dashboards.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "t": None, "nt": (1, 2)}


def used() -> set[str]:
    """Find every message id in templates and scripts."""
    with (LOCALE / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(PACKAGE, methods, options, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def fields(text: str) -> set[str]:
    """Name the places that are filled in."""
    return set(re.findall(r"\{/?(\w+)\}", text))


def request(query: str = "", cookie: str = "", accept: str = "") -> Request:
    """Make a request."""
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_said_and_none_is_left_over(language: str) -> None:
    messages = catalogue(language).messages
    assert len(used()) > 100
    assert used() - set(messages) == set(), f"missing in {language}"
    assert set(messages) - used() == set(), f"no longer used in {language}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_what_is_filled_in(language: str) -> None:
    for message, said in catalogue(language).messages.items():
        for form in [said] if isinstance(said, str) else said:
            assert fields(form) == fields(message), message


def test_no_message_hides_where_the_extractor_cannot_see_it() -> None:
    for script in PACKAGE.glob("static/js/**/*.js"):
        for template in re.findall(r"`[^`]*`", script.read_text(encoding="utf-8")):
            assert not re.search(r"\bn?t\(\"", template), f"{script.name}: {template}"


def test_templates_say_nothing_untranslated() -> None:
    names = {"Android", "Debian", "iPhone, iPad", "Windows"}
    command = "sudo cp hub-ca.crt /usr/local/share/ca-certificates/ &amp;&amp; sudo update-ca-certificates"
    allowed = {"English", "Tiếng Việt", "–", "0 – 100%", "·", "×", *names, command}
    for template in PACKAGE.glob("templates/*.html"):
        bare = re.sub(
            r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", "\n", template.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        words = {line.strip().replace("&nbsp;", "") for line in bare.splitlines()} - {""}
        assert words <= allowed, template.name


def test_english_has_two_forms_and_vietnamese_one() -> None:
    english, vietnamese = catalogue("en"), catalogue("vi")
    one, many = "in {b}{n}{/b} school", "in {b}{n}{/b} schools"
    assert [english.ngettext(one, many, n) for n in (1, 2)] == [one, many]
    assert vietnamese.ngettext(one, many, 1) == vietnamese.ngettext(one, many, 5) == "tại {b}{n}{/b} trường"


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (request(), "vi"),
        (request(accept="en-GB,en;q=0.9,vi;q=0.3"), "en"),
        (request(accept="fr, vi;q=0.5, en;q=0.4"), "vi"),
        (request(accept="en;q=0, *;q=broken"), "vi"),
        (request(cookie="lang=en"), "en"),
        (request(cookie="lang=klingon", accept="en"), "en"),
        (request("lang=vi", cookie="lang=en"), "vi"),
        (request("lang=../../etc", cookie="lang=en"), "en"),
    ],
)
def test_the_nearest_wish_decides(asked: Request, language: str) -> None:
    assert choose(asked) == language


def test_a_wall_speaks_vietnamese_whatever_its_browser_was_installed_with() -> None:
    assert choose(request(accept="en-US,en;q=0.9"), heed_browser=False) == "vi"
    assert choose(request(query="lang=en"), heed_browser=False) == "en"
    assert choose(request(cookie="lang=en"), heed_browser=False) == "en"
