"""Fuzz target: a hostile node talks to decoder and applier; nothing stops, its neighbour loses nothing."""

from __future__ import annotations

import logging
import random
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["devices.wire", "hub.ingest"]):
    from tests.fuzz.conversation import check

from tests.fuzz.mutations import framed, mutated, unframed
from tests.fuzz.seeds import topic_of

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def one_input(data: bytes) -> None:
    """One conversation, in a hub of its own."""
    with tempfile.TemporaryDirectory(prefix="hub-fuzz-", dir=_MEMORY) as folder:
        check(Path(folder), [(topic_of(topic), raw) for topic, raw in unframed(data)])


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Mostly a message is changed, repeated, left out or put elsewhere; sometimes the bytes."""
    rng = random.Random(seed)
    messages = unframed(data)
    choice = rng.random()
    if not messages or choice < 0.2:
        return bytes(atheris.Mutate(data, max_size))
    at = rng.randrange(len(messages))
    topic, raw = messages[at]
    if choice < 0.7:
        messages[at] = (topic, mutated(raw, rng, rng.randrange(1, 4)))
    elif choice < 0.8:
        messages.insert(rng.randrange(len(messages) + 1), (topic, raw))
    elif choice < 0.9:
        messages[at] = (rng.randrange(24), raw)
    else:
        rng.shuffle(messages)
    return framed(messages[:64])[:max_size]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
