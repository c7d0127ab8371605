"""Words for people that remember how they were made, so that they can be said in another language.

A text is English and its own message id: a plain string, or one filled by `said`. The catalogues
(`hub/locale/*/LC_MESSAGES/hub.po`) hold the same texts in other languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

ENGLISH = "en"
LANGUAGES = (ENGLISH, "vi")
LOCALE = Path(__file__).parent / "locale"


class Said(str):
    """An English text filled with values; `template` and `values` are what it was made of."""

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]


def said(template: str, /, **values: object) -> Said:
    """Fills `{name}` places of a text; values that are texts themselves are translated with it."""
    text = Said(template.format_map(values))
    text.template, text.values = template, values
    return text


def joined(separator: str, texts: Iterable[str]) -> Said:
    """Puts texts after each other, each of which is translated by itself."""
    values = {f"text{place}": text for place, text in enumerate(texts)}
    return said(separator.join(f"{{{name}}}" for name in values), **values)


def in_language(text: str, language: str) -> str:
    """Says a text in a language; in English where the catalogue has no words for it."""
    words = catalogue(language)
    if not isinstance(text, Said):
        return words.get(text, text)
    values = {
        name: in_language(value, language) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return words.get(text.template, text.template).format_map(values)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Reads the words of a language once, `{English: said}`; fuzzy and empty entries are left out."""
    if language == ENGLISH:
        return {}
    with (LOCALE / language / "LC_MESSAGES" / "hub.po").open("rb") as file:
        entries = read_po(file, locale=language)
    return {str(each.id): str(each.string) for each in entries if each.string and not each.fuzzy}


def accepted(header: str) -> str:
    """Picks the language of an answer by `Accept-Language`: English unless another one is liked better."""
    best, liked = ENGLISH, 0.0
    for part in header.split(",")[:16]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if (language := tag.split("-")[0].lower()) in LANGUAGES and quality > liked:
            best, liked = language, quality
    return best
