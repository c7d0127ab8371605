"""Says in plain words what was wanted instead of a wrong value; settings and requests speak alike."""

from collections.abc import Mapping, Sequence
from typing import Any

_WANTED = {
    "bool": "true or false",
    "date": "a date such as 2026-11-23",
    "dict": "a JSON object",
    "list": "a list",
    "model": "a JSON object",
    "path": "a path",
    "string": "text",
}
_NUMBERS = {"int": "a whole number", "float": "a number"}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "greater than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def wanted(error: Mapping[str, Any], bounds: Sequence[object] = ()) -> str:
    """Gives what to write instead, such as `a whole number from 1 to 500`; `bounds` are the field's own.

    `error` is one of pydantic's, `bounds` the metadata of its field (`ge`, `le`, …). Empty if the error says
    no more than its message.
    """
    error_type, context = str(error["type"]), error.get("ctx", {})
    family = error_type.partition("_")[0]
    if error_type in {"string_too_short", "too_short"}:
        return f"at least {_counted(context['min_length'], error_type)}"
    if error_type in {"string_too_long", "too_long"}:
        return f"at most {_counted(context['max_length'], error_type)}"
    if error_type == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    if error_type in {"literal_error", "enum"}:
        return str(context["expected"])
    if error_type in _BOUNDS:
        name, words = _BOUNDS[error_type]
        return f"a number {_range(bounds) or f'{words} {_plain(context[name])}'}"
    if family in _NUMBERS:
        return f"{_NUMBERS[family]} {_range(bounds)}".rstrip()
    return _WANTED.get(family, "")


def _range(bounds: Sequence[object]) -> str:
    low = next((bound.ge for bound in bounds if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in bounds if hasattr(bound, "le")), None)
    if low is None:
        return "" if high is None else f"of at most {_plain(high)}"
    return f"of at least {_plain(low)}" if high is None else f"from {_plain(low)} to {_plain(high)}"


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _counted(number: int, error_type: str) -> str:
    thing = "character" if error_type.startswith("string") else "item"
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def told(message: str) -> str:
    """Gives pydantic's message as the end of a sentence of ours."""
    text = message.removeprefix("Value error, ").replace("Input should be", "should be", 1)
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
