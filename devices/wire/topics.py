"""Sparkplug B topics: `spBv1.0/<group>/<message type>/<edge node>[/<device>]` and `spBv1.0/STATE/<host>`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "spBv1.0"
_PREFIX = NAMESPACE + "/"
_MAX_TOPIC_BYTES = 65_535


class TopicError(ValueError):
    """A topic that is not Sparkplug B 3.0."""


class MessageType(StrEnum):
    """The nine kinds of Sparkplug messages."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"
    STATE = "STATE"

    @property
    def of_device(self) -> bool:
        """True if the topic names a device."""
        return self.value[0] == "D"

    @property
    def is_command(self) -> bool:
        """True for what a host sends to a node."""
        return self is MessageType.NCMD or self is MessageType.DCMD


_TYPES = {member.value: member for member in MessageType}


@dataclass(frozen=True, slots=True)
class Topic:
    """One Sparkplug topic, checked when it is made.

    For STATE `node` is the host id and `group` is empty. Raises TopicError for empty or reserved
    characters in an id, for a device id where none belongs, and for one that is missing.
    """

    group: str
    message_type: MessageType
    node: str
    device: str | None = None

    def __post_init__(self) -> None:
        if self.message_type is MessageType.STATE:
            if self.group or self.device is not None:
                raise TopicError("a STATE topic has neither group nor device")
            check_id(self.node, "host id")
            return
        check_id(self.group, "group id")
        check_id(self.node, "edge node id")
        if self.message_type.of_device:
            if self.device is None:
                raise TopicError(f"{self.message_type} needs a device id")
            check_id(self.device, "device id")
        elif self.device is not None:
            raise TopicError(f"{self.message_type} has no device id")

    def __str__(self) -> str:
        if self.message_type is MessageType.STATE:
            return f"{_PREFIX}STATE/{self.node}"
        start = f"{_PREFIX}{self.group}/{self.message_type.value}/{self.node}"
        return start if self.device is None else f"{start}/{self.device}"


def check_id(text: str, what: str = "id") -> None:
    """Raise TopicError unless `text` may be one level of an MQTT topic.

    Control characters are refused as well: MQTT 5 (1.5.4) lets a broker drop the connection for them.
    """
    if not text:
        raise TopicError(f"empty {what}")
    for character in text:
        if character in "+/#":
            raise TopicError(f"{what} {text!r} contains the reserved {character!r}")
        if character < " " or "\x7f" <= character <= "\x9f":
            raise TopicError(f"{what} {text!r} contains a control character")
        if "\ud800" <= character <= "\udfff":
            raise TopicError(f"{what} {text!r} is not valid UTF-8")


def parse_topic(text: str) -> Topic:
    """Read a topic as it came from the broker. Raises TopicError if it is not Sparkplug B 3.0."""
    if not text.startswith(_PREFIX):
        raise TopicError(f"{text[:80]!r} is outside the namespace {NAMESPACE}")
    if len(text) > _MAX_TOPIC_BYTES:
        raise TopicError("longer than MQTT allows")
    parts = text.split("/")
    if len(parts) == 3 and parts[1] == "STATE":
        return Topic("", MessageType.STATE, parts[2])
    if not 4 <= len(parts) <= 5:
        raise TopicError(f"{text[:80]!r} has {len(parts)} levels")
    message_type = _TYPES.get(parts[2])
    if message_type is None or message_type is MessageType.STATE:
        raise TopicError(f"unknown message type {parts[2][:40]!r}")
    return Topic(parts[1], message_type, parts[3], parts[4] if len(parts) == 5 else None)
