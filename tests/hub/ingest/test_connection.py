"""Reading MQTT: packets however the network cuts them."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ingest import packets
from hub.ingest.connection import MAX_PACKET_BYTES, IngestConnection


class _Pipe(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False


def _feed(stream: bytes, cuts: list[int]) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, int]], bytes]:
    async def run() -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, int]], bytes]:
        got: list[tuple[bytes, bytes]] = []
        oversize: list[tuple[bytes, int]] = []
        connection = IngestConnection(got.extend, lambda topic, size: oversize.append((topic, size)))
        pipe = _Pipe()
        connection.connection_made(pipe)
        edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
        for start, end in pairwise(edges):
            if end > start:
                connection.data_received(stream[start:end])
        return got, oversize, pipe.written

    return asyncio.run(run())


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="ascii"), min_size=1, max_size=200), st.binary(max_size=400))
    ),
    st.lists(st.integers(0, 100_000), max_size=30),
)
def test_messages_survive_any_cutting(messages: list[tuple[str, bytes]], cuts: list[int]) -> None:
    stream = b"".join(packets.publish(topic, payload) for topic, payload in messages)
    got, _, _ = _feed(stream, cuts)
    assert got == [(topic.encode(), payload) for topic, payload in messages]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 3_000_000), max_size=10))
def test_an_absurd_packet_is_passed_over_and_the_next_is_read(cuts: list[int]) -> None:
    huge = packets.publish("spBv1.0/S/DDATA/n/d", bytes(MAX_PACKET_BYTES + 1000))
    cuts.append(5000)  # at least one cut inside: a packet that arrives whole was in memory anyway
    got, oversize, _ = _feed(huge + packets.publish("next", b"1"), cuts)
    if oversize:
        assert oversize == [(b"spBv1.0/S/DDATA/n/d", len(huge) - 5)]
        assert got == [(b"next", b"1")]
    else:
        assert [topic for topic, _ in got] == [b"spBv1.0/S/DDATA/n/d", b"next"]


def test_quality_of_service_1_is_acknowledged() -> None:
    got, _, written = _feed(packets.publish("t", b"p", qos=1, packet_id=513), [])
    assert got == [(b"t", b"p")]
    assert written == b"\x40\x02\x02\x01"
