"""What a saved view may hold; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from hub.wording import said

MAX_VIEWS = 50
"""Views one person can have."""

MAX_NAME_CHARACTERS = 60
MAX_QUERY_CHARACTERS = 1000

PAGES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "devices": frozenset(
            ("group", "node", "q", "school", "district", "kind", "presence", "severity", "claimed",
             "simulated", "sort")
        ),
        "schools": frozenset(("q", "district", "state")),
        "quarantine": frozenset(("group", "school", "node", "reason", "q", "since", "until")),
    }
)  # fmt: skip
"""The pages that have views, each with the parameters its address can carry."""


class ViewError(ValueError):
    """A view that cannot be kept: which field is wrong, why, and what to do."""

    def __init__(self, field: str, value: str, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.field, self.value, self.detail, self.fix = field, value, detail, fix


def view_name(text: str) -> str:
    """Gives the name as it is kept: trimmed and composed, so that one name is one view.

    Raises `ViewError` for an empty name, a long one and one with control characters.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not _plain(name):
        raise ViewError(
            "name",
            text,
            said("a view's name has 1 to {most} characters", most=MAX_NAME_CHARACTERS),
            "choose a shorter name of letters, digits and spaces",
        )
    return name


def view_query(page: str, text: str) -> str:
    """Gives the query string in its one form: known parameters in order, nothing empty, nothing twice.

    Raises `ViewError` for what the page's address does not know.
    """
    known = PAGES.get(page)
    if known is None:
        raise ViewError(
            "page", page, "this page has no views", said("use {known}", known=", ".join(sorted(PAGES)))
        )
    if len(text) > MAX_QUERY_CHARACTERS or not _plain(text):
        raise ViewError(
            "query",
            text,
            said("a query has at most {most} characters", most=MAX_QUERY_CHARACTERS),
            "leave out what the view does not need",
        )
    try:
        pairs = parse_qsl(text.removeprefix("?"), strict_parsing=bool(text.removeprefix("?")))
    except ValueError:
        raise ViewError("query", text, "it is not a query string",
                        "send one such as kind=projector&presence=dead") from None  # fmt: skip
    names = [name for name, _ in pairs]
    if unknown := sorted({name for name in names if name not in known}):
        raise ViewError("query", ", ".join(unknown), said("the page {page} has no such filter", page=page),
                        said("use {known}", known=", ".join(sorted(known))))  # fmt: skip
    if len(set(names)) != len(names):
        raise ViewError("query", text, "a filter is there twice", "send each filter once")
    if not all(_plain(value) for _, value in pairs):
        raise ViewError("query", text, "it holds control characters", "leave them out")
    canonical = urlencode(sorted(pairs))
    if len(canonical) > 3 * MAX_QUERY_CHARACTERS:
        raise ViewError("query", text, "it is too long", "leave out what the view does not need")
    return canonical


def _plain(text: str) -> bool:
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)
