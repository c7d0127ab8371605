"""The camera's driver against a camera of our own over a real HTTP socket."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from devices.kind import kind
from devices.protocols.failures import RefusedError
from edge_agents.driver import reason_of
from simulators.protocols.onvif import JPEG, Camera, Fault


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    one = Camera()
    await one.start()
    yield one
    one.stop()


def driver(port: int, **options: Any) -> Any:
    make = kind("camera").driver
    assert make is not None
    return make(
        host="127.0.0.1", port=port, **{"username": "hub", "password": "secret", "answer_s": 1, **options}
    )


async def test_facts_are_polled_and_a_picture_comes_only_when_wished_for(camera: Camera) -> None:
    camera.clock_off_s = -3600
    one = driver(camera.port)
    await one.connect()
    values = dict(await one.poll())
    assert values.pop("Clock Offset") == pytest.approx(-3600, abs=3)
    assert values == {
        "Firmware": "V5.7.3",
        "Profiles": 2,
        "Privacy": False,
        "Bitrate": 2048,
        "Frame Rate": 25.0,
    }
    assert not any("snapshot" in one.lower() for one in camera.asked), "polling looks at nothing"
    assert await one.snapshot() == JPEG
    await one.close()


async def test_a_closed_shutter_is_seen_and_refuses_to_be_moved(camera: Camera) -> None:
    one = driver(camera.port)
    await one.connect()
    camera.shutter = True
    assert (await one.poll())["Privacy"] is True
    with pytest.raises(RefusedError):
        await one.write("Privacy", False)
    assert (await one.poll())["Privacy"] is True, "a refused command leaves it connected"
    await one.close()
    camera.shutter = None
    await one.connect()
    assert (await one.poll())["Privacy"] is None, "without masks nothing is known, which is not open"
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
async def test_what_misbehaves_has_a_reason_and_recovers(camera: Camera, fault: Fault, reason: str) -> None:
    one = driver(camera.port, answer_s=0.4)
    await one.connect()
    camera.fault = fault
    with pytest.raises(Exception) as caught:  # noqa: PT011 — whatever it is, the loop takes it
        await one.poll()
    assert reason_of(caught.value) == reason
    await one.close()
    camera.fault = ""
    await one.connect()
    assert (await one.poll())["Profiles"] == 2
    await one.close()


async def test_who_is_not_let_in_and_who_is_not_there(camera: Camera, unused_port: int) -> None:
    for one, reason in (
        (driver(camera.port, username="nobody"), "auth_failed"),
        (driver(unused_port), "refused"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            await one.connect()
        assert reason_of(caught.value) == reason
        await one.close()
