"""Choose a page's language and speak it: gettext catalogues, Vietnamese unless somebody asks otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from starlette.requests import Request

LANGUAGES = ("vi", "en")
DEFAULT = "vi"
COOKIE = "lang"
COOKIE_MAX_AGE_S = 365 * 24 * 3600
LOCALE = Path(__file__).parent / "locale"

Messages = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one language; what is not in it is said in English, the language of the message ids."""

    language: str
    messages: Messages

    def gettext(self, message: str) -> str:
        """Translate one message."""
        said = self.messages.get(message, message)
        return said if isinstance(said, str) else said[0]

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Translate a message that depends on a count (Vietnamese has one form, English two)."""
        said = self.messages.get(one)
        if isinstance(said, list) and said:
            return said[0] if count == 1 or len(said) == 1 else said[1]
        return one if count == 1 else many


@cache
def catalogue(language: str) -> Catalogue:
    """Read a language's catalogue once; fuzzy and empty entries are left out, as gettext would."""
    with (LOCALE / language / "LC_MESSAGES" / "dashboards.po").open("rb") as file:
        entries = read_po(file, locale=language)
    messages: dict[str, str | list[str]] = {}
    for entry in entries:
        if not entry.id or entry.fuzzy:
            continue
        forms = entry.string
        if isinstance(forms, str):
            if forms:
                messages[str(entry.id)] = forms
        elif forms and all(forms):
            messages[entry.id[0]] = list(forms)
    return Catalogue(language, messages)


def choose(request: Request, *, heed_browser: bool = True) -> str:
    """Pick the language of a request: `?lang=`, then the cookie, then Accept-Language, then Vietnamese.

    A wall is everybody's: whatever the browser of its screen was installed with says nothing about them.
    """
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return _accepted(request.headers.get("accept-language", "")) if heed_browser else DEFAULT


def _accepted(header: str) -> str:
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:16]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        language = tag.split("-")[0].lower()
        if language in LANGUAGES and quality > 0:
            ranked.append((-quality, place, language))
    return min(ranked)[2] if ranked else DEFAULT
