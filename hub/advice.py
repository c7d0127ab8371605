"""Says in plain words what was wanted instead of a wrong value; settings and requests speak alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.wording import said

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

TOLD = {
    "bool_parsing": "should be a valid boolean, unable to interpret input",
    "bool_type": "should be a valid boolean",
    "date_from_datetime_parsing": "should be a valid date or datetime, {error}",
    "date_parsing": "should be a valid date in the format YYYY-MM-DD, {error}",
    "dict_type": "should be a valid dictionary",
    "enum": "should be {expected}",
    "float_parsing": "should be a valid number, unable to parse string as a number",
    "float_type": "should be a valid number",
    "greater_than": "should be greater than {gt}",
    "greater_than_equal": "should be greater than or equal to {ge}",
    "int_from_float": "should be a valid integer, got a number with a fractional part",
    "int_parsing": "should be a valid integer, unable to parse string as an integer",
    "int_type": "should be a valid integer",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be less than or equal to {le}",
    "list_type": "should be a valid list",
    "literal_error": "should be {expected}",
    "string_too_long": "string should have at most {max_length} characters",
    "string_too_short": "string should have at least {min_length} characters",
    "string_pattern_mismatch": "string should match pattern '{pattern}'",
    "string_type": "should be a valid string",
}
"""What pydantic says of the errors that people make, as templates; `hub.wording` has them in Vietnamese."""


def wanted(error: Mapping[str, Any], bounds: Sequence[object] = ()) -> str:
    """Gives what to write instead, such as `a whole number from 1 to 500`; `bounds` are the field's own.

    `error` is one of pydantic's, `bounds` the metadata of its field (`ge`, `le`, …). Empty if the error says
    no more than its message.
    """
    error_type, context = str(error["type"]), error.get("ctx", {})
    family = error_type.partition("_")[0]
    if error_type in {"string_too_short", "too_short"}:
        return _counted("at least", context["min_length"], error_type)
    if error_type in {"string_too_long", "too_long"}:
        return _counted("at most", context["max_length"], error_type)
    if error_type == "string_pattern_mismatch":
        return said("text that matches {pattern}", pattern=context["pattern"])
    if error_type in {"literal_error", "enum"}:
        return str(context["expected"])
    if error_type in _BOUNDS:
        name, words = _BOUNDS[error_type]
        return _ranged("a number", bounds) or said("a number {words} {limit}", words=words,
                                                   limit=_plain(context[name]))  # fmt: skip
    if family in _NUMBERS:
        return _ranged(_NUMBERS[family], bounds) or _NUMBERS[family]
    return _WANTED.get(family, "")


def _ranged(number: str, bounds: Sequence[object]) -> str:
    low = next((bound.ge for bound in bounds if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in bounds if hasattr(bound, "le")), None)
    if low is None:
        return "" if high is None else said("{number} of at most {high}", number=number, high=_plain(high))
    if high is None:
        return said("{number} of at least {low}", number=number, low=_plain(low))
    return said("{number} from {low} to {high}", number=number, low=_plain(low), high=_plain(high))


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _counted(bound: str, count: int, error_type: str) -> str:
    thing = "character" if error_type.startswith("string") else "item"
    plural = "" if count == 1 else "s"
    return said("{bound} {count} {thing}", bound=bound, count=count, thing=thing + plural)


def told(error: Mapping[str, Any]) -> str:
    """Gives the message of one of pydantic's errors as the end of a sentence of ours."""
    context = error.get("ctx", {})
    if template := TOLD.get(str(error["type"])):
        return said(template, **context)
    if isinstance(own := context.get("error"), ValueError) and own.args and isinstance(own.args[0], str):
        return own.args[0]  # of one of our validators, which may have been `said`
    text = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "should be", 1)
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
