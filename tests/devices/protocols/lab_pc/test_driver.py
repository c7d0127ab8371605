"""PCs: a real SSH server, a real magic packet, and a PC that is off without being broken."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.kind import kind
from devices.protocols.failures import RefusedError
from devices.protocols.lab_pc.rules import status_of
from devices.protocols.reachability import probe
from edge_agents.driver import Driver, reason_of
from simulators.protocols.lab_pc import Fault, Pc


@pytest.fixture(autouse=True)
def _no_icmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback always answers ICMP: whether the PC is on shows at its port."""
    monkeypatch.setattr(probe, "icmp_allowed", lambda: False)


@pytest.fixture
async def pc() -> AsyncIterator[Pc]:
    one = Pc()
    await one.start()
    yield one
    await one.stop()


def driver(pc: Pc, **options: Any) -> Driver:
    make = kind("lab_pc").driver
    assert make is not None
    told = {
        "username": "hub",
        "password": "secret",
        "host_key": pc.host_key,
        "system": "linux",
        "answer_s": 0.4,
    }
    made: Driver = make(host="127.0.0.1", port=pc.port, **{**told, **options})
    return made


async def test_a_pc_tells_how_busy_it_is_and_never_who_is_there(pc: Pc) -> None:
    one = driver(pc)
    await one.connect()
    assert await one.poll() == {"Power": True, "Logged In": False, "CPU": 25.0, "Memory": 52.5, "Disk": 61.0}
    pc.sessions = 2
    assert (await one.poll())["Logged In"] is True
    await one.write("Power", False)
    assert pc.told[-1] == "sudo -n systemctl poweroff"
    assert all("wc -l" in command for command in pc.told[:-1]), (
        "people are counted on the PC, names stay there"
    )
    await one.close()


async def test_off_is_no_failure_and_it_comes_back(pc: Pc) -> None:
    one = driver(pc)
    assert (await one.poll())["Power"] is True
    await pc.stop()
    with pytest.raises(Exception, match=r"(?i)connection"):  # it breaks while something still answers
        await one.poll()
    assert await one.poll() == {"Power": True, "Logged In": None}, "no SSH server yet, or any longer"
    only_presence = driver(pc, username="")
    assert (await only_presence.poll()) == {"Power": True}, "a refusal is an answer of something that is on"
    await pc.start()
    assert (await one.poll())["Logged In"] is False
    await one.close()


async def test_a_pc_that_does_not_answer_is_off() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = [socket.socket() for _ in range(4)]
        for other in crowd:
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        silent = Pc(port=listener.getsockname()[1])
        assert await driver(silent, answer_s=0.05).poll() == {"Power": False, "Logged In": False}
        for other in crowd:
            other.close()


async def test_it_is_woken_by_a_magic_packet(pc: Pc) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.bind(("127.0.0.1", 0))
        card.settimeout(2)
        port = card.getsockname()[1]
        one = driver(pc, mac="3C-52-82-11-22-33", wake_address="127.0.0.1", wake_port=port)
        await one.write("Power", True)
        assert card.recv(200) == b"\xff" * 6 + bytes.fromhex("3c5282112233") * 16
    with pytest.raises(RefusedError, match="set mac"):
        await driver(pc).write("Power", True)
    with pytest.raises(RefusedError, match="set username"):
        await driver(pc, username="").write("Power", False)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("garbage", "protocol_error"), ("half", "protocol_error"), ("failing", "protocol_error")],
)
async def test_what_misbehaves_has_a_reason_and_recovers(pc: Pc, fault: Fault, reason: str) -> None:
    one = driver(pc)
    pc.fault = fault
    with pytest.raises(Exception) as caught:  # noqa: PT011 — whatever it is, the loop takes it
        await one.poll()
    assert reason_of(caught.value) == reason
    pc.fault = ""
    assert (await one.poll())["Power"] is True
    await one.close()


async def test_silence_and_another_machine(pc: Pc) -> None:
    one = driver(pc)
    pc.fault = "silent"
    with pytest.raises(Exception) as silence:  # noqa: PT011
        await one.poll()
    assert reason_of(silence.value) == "timeout"
    await one.close()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    for options in ({"password": "wrong"}, {"host_key": other}):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            await driver(pc, **options).poll()
        assert reason_of(caught.value) == "auth_failed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mac": "12:34"}, "hardware address"),
        ({"host_key": None}, "set host_key"),
        ({"password": None}, "key_file"),
    ],
)
def test_options_say_what_is_missing(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        driver(Pc(port=22), **options)


@given(
    st.text(max_size=40) | st.lists(st.floats(), min_size=5, max_size=5).map(lambda v: " ".join(map(str, v)))
)
def test_a_status_is_understood_or_refused(text: str) -> None:
    try:
        values = status_of(text)
    except ValueError:
        return
    assert all(0 <= values[name] <= 100 for name in ("CPU", "Memory", "Disk"))  # type: ignore[operator]
