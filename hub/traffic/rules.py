"""Which messages somebody wants to see, and how one is written in a line; pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import translate
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from devices.wire.topics import NAMESPACE, MessageType, Topic
from hub.traffic.messages import Message

LOCAL_TIME = ZoneInfo("Asia/Ho_Chi_Minh")
_DELIVERY = ["Outbox/Epoch", "Outbox/Position"]
_GLOB = frozenset("*?[")
_COLOURS = {"N": "36", "D": "32", "S": "35"}
_STRONG, _FAINT, _WRONG, _END = "\033[1m", "\033[2m", "\033[31m", "\033[0m"


@cache
def _pattern(glob: str, *, folded: bool = False) -> re.Pattern[str]:
    return re.compile(translate(glob), re.IGNORECASE if folded else 0)


def _fits(glob: str | None, text: str | None) -> bool:
    return glob is None or (text is not None and _pattern(glob).match(text) is not None)


@dataclass(frozen=True, slots=True)
class Question:
    """What to show. Patterns know `*`, `?` and `[…]`; None asks for everything; metrics ignore case."""

    school: str | None = None
    group: str | None = None
    node: str | None = None
    device: str | None = None
    metric: str | None = None
    types: frozenset[MessageType] = frozenset()

    @property
    def is_open(self) -> bool:
        """True if nothing about the place is asked, so that what is at no place at all is shown too."""
        return (self.school, self.group, self.node, self.device, self.metric) == (None,) * 5

    def wants(self, topic: Topic | None, school: str | None = None) -> bool:
        """Tell whether a message at this topic may be of interest; `school` is the node's, if known."""
        if topic is None:
            return self.is_open and not self.types
        if self.types and topic.message_type not in self.types:
            return False
        if topic.message_type is MessageType.STATE:
            return self.is_open or (self.metric is not None and self.places_nothing)
        of_school = _fits(self.school, topic.group) or (school is not None and _fits(self.school, school))
        return (
            of_school
            and _fits(self.group, topic.group)
            and _fits(self.node, topic.node)
            and _fits(self.device, topic.device)
        )

    @property
    def places_nothing(self) -> bool:
        """True if neither school, group, node nor device are asked for."""
        return (self.school, self.group, self.node, self.device) == (None,) * 4

    def narrowed(self, message: Message) -> Message | None:
        """The message with the metrics asked for only; None if it has none of them."""
        if self.metric is None:
            return message
        wanted = _pattern(self.metric, folded=True)
        metrics = [each for each in message["metrics"] if wanted.match(_name(each))]
        return {**message, "metrics": metrics} if metrics else None


def topic_filters(question: Question, groups: Iterable[str] = ()) -> set[str]:
    """The MQTT topic filters that bring everything asked for, births for the aliases, and little else.

    Filters form a tree (all, a group, a node of a group), so that no two of them overlap in part.
    `groups` are those of a school's nodes that were claimed from elsewhere.
    """
    if question.types == {MessageType.STATE}:
        return {f"{NAMESPACE}/STATE/+"}
    group = question.group or question.school
    if group is None or not _literal(group):
        return {f"{NAMESPACE}/#"}
    node = f"+/{question.node}/#" if question.node and _literal(question.node) else "#"
    return {f"{NAMESPACE}/{each}/{node}" for each in {group, *groups}}


def cover(filters: Iterable[str]) -> set[str]:
    """The fewest of these filters that bring all that all of them bring."""
    found = set(filters)
    if f"{NAMESPACE}/#" in found:
        return {f"{NAMESPACE}/#"}
    return {each for each in found if f"{_group_of(each)}/#" not in found - {each}}


def _group_of(topic_filter: str) -> str:
    return "/".join(topic_filter.split("/")[:2])


def _literal(pattern: str) -> bool:
    return not (_GLOB & set(pattern)) and not set("+#/") & set(pattern)


def _name(metric: dict[str, Any]) -> str:
    return metric["name"] or (f"alias {metric['alias']}" if metric["alias"] is not None else "?")


def text_of(message: Message, *, width: int = 100, values: bool = False, colour: bool = False) -> str:
    """The message for people: a line about it, then its metrics wrapped, or with `values` one a line."""
    place = "/".join(filter(None, (message["group"], message["node"], message["device"]))) or message["topic"]
    facts = [f"{message['bytes']} B"]
    if message["seq"] is not None:
        facts.insert(0, f"seq {message['seq']}")
    if message["sent_ms"] is not None and abs(message["ts_ms"] - message["sent_ms"]) > 60_000:
        facts.append(f"sent {_local(message['sent_ms'], day=True)}")
    shown = message["metrics"]
    if not values and [_name(metric) for metric in shown[:2]] == _DELIVERY:
        facts.append(f"position {shown[1]['value']}")  # of every payload of our own agents: a fact about it
        shown = shown[2:]
    if any(metric["is_historical"] for metric in message["metrics"]):
        facts.append("historical")
    kind = message["type"] or "?"
    head = [_local(message["ts_ms"]), f"{kind:<6}", _printable(place), "  ".join(facts)]
    if colour:
        head[1] = f"\033[{_COLOURS.get(kind[0], '33')}m{head[1]}{_END}"
        head[2] = f"{_STRONG}{head[2]}{_END}"
        head[3] = f"{_FAINT}{head[3]}{_END}"
    lines = ["  ".join(head)]
    if values:
        lines += [f"    {_one(metric, with_time=True)}" for metric in shown]
    elif shown:
        said = " · ".join(_one(metric).replace(" ", "\N{NO-BREAK SPACE}") for metric in shown)
        wrapped = textwrap.wrap(said, max(20, width - 4), break_on_hyphens=False)
        lines += [f"    {each}".replace("\N{NO-BREAK SPACE}", " ") for each in wrapped]
    if message["problem"]:
        problem = _printable(message["problem"])
        lines.append(f"    {_WRONG}✗ {problem}{_END}" if colour else f"    ✗ {problem}")
    return "\n".join(lines)


def _one(metric: dict[str, Any], *, with_time: bool = False) -> str:
    value = "–" if metric["is_null"] else _value(metric["value"])
    text = f"{_printable(_name(metric))} = {value}"
    if not with_time:
        return text
    told = [metric["datatype"] or "", _local(metric["ts_ms"], day=True) if metric["ts_ms"] else ""]
    return "  ".join([text, *filter(None, told), *(["historical"] if metric["is_historical"] else [])])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else repr(value)
    return _printable(str(value))


def _printable(text: str) -> str:
    """Without anything that a terminal would obey: the text comes from strangers."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _local(ts_ms: int, *, day: bool = False) -> str:
    try:
        at = datetime.fromtimestamp(ts_ms / 1000, UTC).astimezone(LOCAL_TIME)
    except (ValueError, OverflowError, OSError):
        return f"{ts_ms} ms"
    return f"{at:%Y-%m-%d %H:%M:%S}" if day else f"{at:%H:%M:%S}.{ts_ms % 1000:03d}"
