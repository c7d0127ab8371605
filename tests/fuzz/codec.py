"""Fuzz target: whatever bytes come as a payload, the codec reads them or refuses them with its reason."""

from __future__ import annotations

import random
import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["devices.wire"]):
    from devices.wire.payloads import (
        MetricValue,
        Payload,
        PayloadError,
        Template,
        decode_payload,
        encode_payload,
    )

from tests.fuzz.mutations import mutated


def one_input(data: bytes) -> None:
    """What was decoded can be encoded or is refused, and then reads the same for ever."""
    try:
        payload = decode_payload(data)
    except PayloadError:
        return
    try:
        again = encode_payload(payload)
    except PayloadError:
        return  # a writer is stricter than a reader
    second = decode_payload(again)  # says datatypes that the sender left out
    assert values(second) == values(payload), "decoded, encoded and decoded is something else"
    assert encode_payload(second) == again


def values(payload: Payload) -> list[tuple[str | None, int | None, str]]:
    """What a payload says; as text, because NaN is not equal to itself."""
    return [
        (metric.name, metric.alias, "a structure" if is_structure(metric) else repr(metric.value))
        for metric in payload.metrics
    ]


def is_structure(metric: MetricValue) -> bool:
    """Whether datatypes left out may stand deeper inside."""
    return isinstance(metric.value, Template)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Half of the time the structure is kept."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        return bytes(atheris.Mutate(data, max_size))
    return mutated(data, rng, rng.randrange(1, 4))[:max_size]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
