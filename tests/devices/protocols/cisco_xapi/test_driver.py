"""The codec's driver against a codec of our own over a real WebSocket, and what its documents mean."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import kind
from devices.protocols.cisco_xapi.rules import Media, loss_percent, media_of, registered
from devices.protocols.failures import RefusedError
from edge_agents.driver import Driver, reason_of
from simulators.protocols.codec import Codec, Fault


@pytest.fixture
async def codec() -> AsyncIterator[Codec]:
    one = Codec()
    await one.start()
    yield one
    await one.stop()


def driver(port: int, **options: Any) -> Driver:
    make = kind("conference_codec").driver
    assert make is not None
    told = {"username": "hub", "password": "secret", "tls": False, "answer_s": 0.2, **options}
    made: Driver = make(host="127.0.0.1", port=port, **told)
    return made


async def test_an_idle_codec_a_call_and_its_loss(codec: Codec) -> None:
    one = driver(codec.port)
    await one.connect()
    assert await one.poll() == {
        "In Call": False,
        "Microphone Muted": False,
        "Camera On": True,
        "SIP Registered": True,
        "Standby": False,
        "Rx Rate": 0,
        "Tx Rate": 0,
        "Packet Loss": None,
        "Jitter": None,
    }
    codec.calls, codec.packets, codec.fault = 1, 1000, "chatter"
    first = await one.poll()
    assert (first["In Call"], first["Rx Rate"], first["Tx Rate"], first["Packet Loss"]) == (
        True,
        1920,
        960,
        None,
    )
    codec.packets, codec.lost = 1980, 20
    assert (await one.poll())["Packet Loss"] == 2.0
    assert not any("Number" in path or "URI" in path for path in codec.asked), (
        "who calls is nobody's business"
    )
    await one.close()


async def test_commands_are_seen_in_the_next_poll_and_refusals_are_told(codec: Codec) -> None:
    one = driver(codec.port)
    await one.connect()
    for metric, value in (
        ("Microphone Muted", True),
        ("Camera On", False),
        ("Standby", True),
        ("Standby", False),
    ):
        await one.write(metric, value)
        assert (await one.poll())[metric] is value
    codec.calls = 1
    with pytest.raises(RefusedError, match="during a call"):
        await one.write("Standby", True)
    assert (await one.poll())["Standby"] is False, "it is still there"
    await one.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silent", "timeout"),
        ("garbage", "protocol_error"),
        ("half", "protocol_error"),
        ("reset", "protocol_error"),
    ],
)
async def test_what_misbehaves_has_a_reason_and_recovers(codec: Codec, fault: Fault, reason: str) -> None:
    one = driver(codec.port)
    await one.connect()
    codec.fault = fault
    with pytest.raises(Exception) as caught:  # noqa: PT011 — whatever it is, the loop takes it
        await one.poll()
    assert reason_of(caught.value) == reason
    await one.close()
    codec.fault = ""
    await one.connect()
    assert (await one.poll())["In Call"] is False
    await one.close()


async def test_who_is_not_let_in_and_who_is_not_there(codec: Codec, unused_port: int) -> None:
    for one, reason in (
        (driver(codec.port, password="wrong"), "auth_failed"),
        (driver(unused_port), "refused"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            await one.connect()
        assert reason_of(caught.value) == reason
        await one.close()


COUNTS = st.integers(0, 2**40)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_loss_is_a_share_or_unknown(packets: int, lost: int, more: int, more_lost: int) -> None:
    loss = loss_percent(Media(packets, lost), Media(packets + more, lost + more_lost))
    assert (loss is None) is (more + more_lost == 0)
    assert loss is None or 0 <= loss <= 100
    assert loss_percent(Media(packets + 1, lost), Media(packets, lost + more)) is None, "another call"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Channel", "Netstat", "Loss", "Jitter", "Status"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_document_breaks_it(said: Any) -> None:
    media = media_of(said)
    assert media.lost >= 0
    assert registered(said) in (None, True, False)
