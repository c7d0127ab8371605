"""How entries are chained, and how a broken chain is told; pure.

An entry's hash is SHA-256 over the UTF-8 bytes of one JSON array without spaces: the hash of the entry before
(64 zeros before the first), then the entry's number and its fields in the order of `Sealed`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import orjson

ActorKind: TypeAlias = Literal["account", "token", "wall", "command", "loop", "nobody"]
Facts: TypeAlias = Mapping[str, object]

FIRST = "0" * 64
MAX_TEXT_CHARACTERS = 2000
HIDDEN = "(hidden)"

_SECRET = re.compile(r"password|passwd|secret|recovery|otp|cookie|authorization|private_key|credential")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Sealed(NamedTuple):
    """An entry in its place of the chain; `before` and `after` are canonical JSON, as they were hashed."""

    previous: str
    id: int
    at_ms: int
    actor: str
    actor_kind: str
    address: str
    action: str
    object: str
    unit: str | None
    before: str | None
    after: str | None
    text: str
    hash: str


def hash_of(entry: Sealed) -> str:
    """Gives the hash that an entry must have; what it has is not looked at."""
    return hashlib.sha256(orjson.dumps(list(entry[:-1]))).hexdigest()


def canonical(facts: Facts | None) -> str | None:
    """Writes facts as JSON with sorted keys and no spaces; values under names of secrets are hidden.

    What JSON does not know (days, enumerations) is written as its text, sets as sorted lists.
    """
    if facts is None:
        return None
    plain = json.dumps(_shown(facts), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return storable(plain)


def storable(text: str) -> str:
    """Replaces what a database cannot keep in a text: null characters and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", text)


def _shown(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _hidden(str(name), each) for name, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_shown(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)  # JSON has no such numbers
    return value


def _hidden(name: str, value: object) -> object:
    harmless = value is None or isinstance(value, bool)  # "a second factor is there" is no secret
    return HIDDEN if not harmless and _SECRET.search(name.lower()) else _shown(value)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry as somebody noted it outside of the log."""

    id: int
    hash: str


START = Head(0, FIRST)


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold, and how one sees it."""

    id: int
    detail: str


def breaks(entries: Iterable[Sealed], start: Head = START) -> Iterator[Break]:
    """Tells every place where entries, in the order of their numbers, do not follow one from another."""
    before = start
    for entry in entries:
        if entry.id != before.id + 1:
            gap = range(before.id + 1, entry.id)
            missing = (
                f"entry {gap[0]} is" if len(gap) == 1 else f"entries {before.id + 1} to {entry.id - 1} are"
            )
            yield Break(before.id + 1, f"{missing} missing")
        if hash_of(entry) != entry.hash:
            yield Break(entry.id, f"entry {entry.id} was changed: its hash does not fit what it says")
        elif entry.id == before.id + 1 and entry.previous != before.hash:
            detail = (
                f"entry {entry.id} does not follow from entry {before.id}: one of them was inserted, moved, "
            )
            yield Break(entry.id, detail + "or changed together with its hash")
        before = Head(entry.id, entry.hash)
