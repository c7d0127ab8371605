"""How entries are chained, and how a broken chain is told; pure.

An entry's hash is SHA-256 over the UTF-8 bytes of one JSON array without spaces: the hash of the entry before
(64 zeros before the first), then the entry's number and its fields in the order of `Sealed`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
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
    try:
        return hashlib.sha256(orjson.dumps(entry[:-1])).hexdigest()
    except TypeError:  # somebody put in what no entry of ours can hold
        return ""


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


class Proof:
    """Reads entries in the order of their numbers and collects every place where they do not hold together.

    It begins behind `start`. `noted` are heads kept outside of the log: their entries must still be there.
    """

    def __init__(self, start: Head = START, noted: Iterable[Head] = ()) -> None:
        self.last = start
        self.count = 0
        self.breaks: list[Break] = []
        self._noted = {head.id: head.hash for head in noted if head.id > start.id}

    def read(self, entry: Sealed) -> None:
        """Looks at the next entry."""
        follows = entry.id == self.last.id + 1
        if not follows:
            first, last = self.last.id + 1, entry.id - 1
            which = f"entry {first} is" if first == last else f"entries {first} to {last} are"
            self._say(first, f"{which} missing")
        if hash_of(entry) != entry.hash:
            self._say(entry.id, f"entry {entry.id} was changed: its hash does not fit what it says")
        elif follows and entry.previous != self.last.hash:
            how = "one of them was inserted, moved, or changed together with its hash"
            self._say(entry.id, f"entry {entry.id} does not follow from entry {self.last.id}: {how}")
        if self._noted and self._noted.get(entry.id, entry.hash) != entry.hash:
            self._say(entry.id, f"entry {entry.id} is not the one that was noted as the head")
        self.last = Head(entry.id, entry.hash)
        self.count += 1

    def end(self) -> None:
        """Is told that there are no more entries: no noted head may lie behind the last."""
        lost, first = max(self._noted, default=0), self.last.id + 1
        if lost >= first:
            which = f"entry {first} was" if lost == first else f"entries {first} to {lost} were"
            self._say(first, f"{which} cut off: {lost} was noted as the head")

    def _say(self, entry_id: int, detail: str) -> None:
        self.breaks.append(Break(entry_id, detail))
