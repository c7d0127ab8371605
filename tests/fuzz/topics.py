"""Fuzz target: topics and STATE documents from anybody."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["devices.wire", "hub.ingest"]):
    from devices.wire.payloads import PayloadError, parse_state, state_payload
    from devices.wire.topics import TopicError, parse_topic
    from hub.ingest.decode import Decoder
    from hub.ingest.inbox import node_part


def one_input(data: bytes) -> None:
    """A topic is read and written alike or refused; a STATE document too."""
    route = Decoder(lambda group, node: None).route(data)
    assert route.reason, "a route without a node says why"
    node_part(data)
    try:
        topic = parse_topic(data.decode())
    except (TopicError, UnicodeDecodeError):
        pass
    else:
        assert str(topic) == data.decode()
        assert parse_topic(str(topic)) == topic
    try:
        state = parse_state(data)
    except PayloadError:
        return
    assert parse_state(state_payload(state.online, state.ts_ms)) == state


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
