"""A few seconds of what the fuzz targets do for as long as one lets them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.wire.payloads import PayloadError, decode_payload, encode_payload
from tests.devices.wire.test_payloads import payloads
from tests.fuzz import seeds
from tests.fuzz.conversation import check
from tests.fuzz.mutations import framed, mutated, unframed

ALL = [*seeds.births(), *seeds.data(), *seeds.stranger()]


REASONS = {
    "malformed", "bad_text", "unknown_datatype", "wrong_datatype", "bad_dataset", "bad_properties",
    "bad_template",
}  # fmt: skip


def refused(error: PayloadError) -> None:
    """A refusal has one of the reasons that never change."""
    assert error.reason in REASONS


@given(st.sampled_from(ALL), st.integers(0, 2**32), st.integers(1, 6))
def test_a_changed_payload_is_read_or_refused_with_a_reason(
    message: tuple[int, bytes], seed: int, changes: int
) -> None:
    raw = mutated(message[1], random.Random(seed), changes)
    try:
        payload = decode_payload(raw)
        again = encode_payload(payload)
    except PayloadError as error:
        refused(error)
        return
    assert encode_payload(decode_payload(again)) == again


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_reason(raw: bytes) -> None:
    try:
        decode_payload(raw)
    except PayloadError as error:
        refused(error)


def _talk(folder: Path, messages: list[tuple[int, bytes]]) -> None:
    check(folder, [(seeds.topic_of(topic), raw) for topic, raw in messages])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(ALL), st.integers(0, 23), st.integers(0, 2**32)), max_size=12))
def test_a_hostile_node_stops_nothing(
    tmp_path_factory: Any, parts: list[tuple[tuple[int, bytes], int, int]]
) -> None:
    messages = []
    for (topic, raw), other, seed in parts:
        rng = random.Random(seed)
        messages.append((topic if rng.random() < 0.8 else other, mutated(raw, rng, rng.randrange(4))))
    _talk(tmp_path_factory.mktemp("hostile"), messages)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA"]), payloads)
def test_any_payload_as_any_message(tmp_path_factory: Any, kind: str, payload: Any) -> None:
    topic = f"spBv1.0/S1/{kind}/bad" + ("/air" if kind[0] == "D" else "")
    check(tmp_path_factory.mktemp("any"), [(topic.encode(), encode_payload(payload))])


@pytest.mark.parametrize("write", [seeds.write_codec, seeds.write_ingest, seeds.write_topics])
def test_the_first_corpus_is_well_formed(tmp_path: Path, write: Any) -> None:
    write(tmp_path)
    assert len(list(tmp_path.iterdir())) >= 3
    if write is seeds.write_codec:
        assert all(decode_payload(file.read_bytes()).metrics for file in tmp_path.iterdir())
    if write is seeds.write_ingest:
        for number, file in enumerate(sorted(tmp_path.iterdir())):
            messages = unframed(file.read_bytes())
            assert framed(messages) == file.read_bytes()
            _talk(tmp_path / f"hub-{number}", messages)
