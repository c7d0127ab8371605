"""Whether something is there: real connections to loopback, ICMP where the system allows it."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import kind
from devices.protocols.reachability import probe as module
from devices.protocols.reachability.options import PingOptions
from devices.protocols.reachability.probe import PingedDevice, Probe, icmp_allowed
from devices.protocols.reachability.rules import REMEMBERED, remembered, seen
from devices.simulation import UnreachableError

ANSWERS = st.lists(st.none() | st.floats(0, 2), min_size=1, max_size=20)


@given(st.lists(ANSWERS, min_size=1, max_size=10))
def test_loss_is_of_what_is_remembered_and_delay_of_now(polls: list[list[float | None]]) -> None:
    answered: tuple[bool, ...] = ()
    for answers in polls:
        answered = remembered(answered, answers)
        now = seen(answered, answers)
    everything = [answer is not None for answers in polls for answer in answers][-REMEMBERED:]
    assert now.loss_percent == pytest.approx(100 * everything.count(False) / len(everything), abs=0.01)
    assert (now.latency_ms is None) is all(answer is None for answer in polls[-1])
    if now.latency_ms is not None:
        assert 0 <= now.latency_ms <= 2000


async def test_a_listener_and_a_refusal_are_both_answers(unused_port: int) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    for port in (server.sockets[0].getsockname()[1], unused_port):
        device = PingedDevice(PingOptions(host="localhost", port=port, by="tcp"))
        values = await device.poll()
        assert 0 < values["Latency"] < 1000
        assert values["Loss"] == 0
    server.close()


async def test_silence_is_a_timeout_and_counts_as_loss() -> None:
    """A listener whose queue is full answers no further connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        probe = Probe(PingOptions(host="127.0.0.1", port=port, by="tcp", probes=2, answer_s=0.05))
        with pytest.raises(UnreachableError) as caught:
            await probe.demand()
        assert caught.value.reason == "timeout"
        assert (await probe.measure()).loss_percent == 100
        make = kind("uplink").driver
        assert make is not None
        line = make(protocol="ping", host="127.0.0.1", port=port, by="tcp", probes=1, answer_s=0.05)
        assert await line.poll() == {"Latency": None, "Loss": None, "Link Up": False, "Capacity": None}
        for one in crowd:
            one.close()


async def test_a_name_that_nobody_knows_has_no_route() -> None:
    device = PingedDevice(PingOptions(host="no-such-host.invalid", by="tcp"))
    with pytest.raises(UnreachableError) as caught:
        await device.poll()
    assert caught.value.reason == "no_route"


async def test_icmp_is_used_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    probe = Probe(PingOptions(host="127.0.0.1", port=unused_port))
    assert probe.by_icmp is icmp_allowed()
    assert (await probe.demand()).loss_percent == 0
    monkeypatch.setattr(module, "icmp_allowed", lambda: False)
    assert not probe.by_icmp
    assert (await probe.demand()).loss_percent == 0, "TCP takes its place"
    with pytest.raises(UnreachableError, match='use "auto" or "tcp"'):
        await Probe(PingOptions(host="127.0.0.1", by="icmp")).demand()
