"""The SNMP drivers against snmpsim, a simulator that others wrote, by versions 2c and 3."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from devices.kind import kind
from devices.simulation import UnreachableError
from edge_agents.driver import Driver

# snmpsim 1.2 wants pysmi for nothing but to print its version, and does not ask for it to be installed;
# and it refuses to stay root, as which it could not read the folder of a test
STARTER = """
import contextlib, sys, types
sys.modules["pysmi"] = types.SimpleNamespace(__version__="-")
from snmpsim import daemon
from snmpsim.commands.responder import main
daemon.PrivilegesOf = lambda *_, **__: contextlib.nullcontext()
sys.exit(main())
"""
V3 = {
    "version": "3",
    "context": "public",
    "user": "hub",
    "auth_key": "auth-key-1",
    "privacy_key": "priv-key-1",
}


def recording() -> str:
    """Two ports and a VLAN, as `snmpsim-record-commands` writes them; the first carries 8 Mbit/s."""
    rows = ["1.3.6.1.2.1.1.3.0|67:numeric|rate=100,initial=360000,wrap=1"]
    for column, code, values in [
        (2, "4", ("gi1", "gi2", "vlan1")), (3, "2", (6, 6, 53)), (5, "66", (10**9, 10**9, 0)),
        (8, "2", (1, 2, 1)), (14, "65", (3, 0, 0)), (20, "65", (0, 0, 0)),
    ]:  # fmt: skip
        rows += [f"1.3.6.1.2.1.2.2.1.{column}.{i}|{code}|{value}" for i, value in enumerate(values, start=1)]
    for column, code, values in [(1, "4", ("gi1", "gi2", "vlan1")), (15, "66", (1000, 1000, 0))]:
        rows += [
            f"1.3.6.1.2.1.31.1.1.1.{column}.{i}|{code}|{value}" for i, value in enumerate(values, start=1)
        ]
    for column, rate in ((6, 1_000_000), (10, 250_000)):
        rows.append(f"1.3.6.1.2.1.31.1.1.1.{column}.1|70:numeric|rate={rate},initial=5000000000")
        rows += [f"1.3.6.1.2.1.31.1.1.1.{column}.{i}|70|0" for i in (2, 3)]
    return "\n".join(sorted(rows, key=lambda row: [int(n) for n in row.split("|")[0].split(".")])) + "\n"


@pytest.fixture(scope="module")
def snmpsim_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("snmpsim")
    (folder / "data").mkdir()
    (folder / "data" / "public.snmprec").write_text(recording())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    arguments = [
        f"--data-dir={folder / 'data'}", f"--cache-dir={folder / 'cache'}",
        "--v3-user=hub", "--v3-auth-key=auth-key-1", "--v3-auth-proto=SHA", "--v3-priv-key=priv-key-1",
        "--v3-priv-proto=AES", f"--agent-udpv4-endpoint=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", STARTER, *arguments], stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 15
        while "Listening at UDP" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def driver(of: str, port: int, **options: Any) -> Driver:
    make = kind(of).driver
    assert make is not None
    made: Driver = make(host="127.0.0.1", port=port, answer_s=2, **options)
    return made


@pytest.mark.parametrize("options", [{}, V3], ids=["v2c", "v3"])
async def test_a_switch_is_read(snmpsim_port: int, options: dict[str, Any]) -> None:
    switch = driver("network_switch", snmpsim_port, **options)
    await switch.connect()
    await switch.poll()
    values = await switch.poll()
    await switch.close()
    assert (values["Ports"], values["Ports Up"], values["Busiest Port"]) == (2, 1, "gi1")
    assert values["Uptime"] >= 1


@pytest.mark.parametrize(
    "wrong", [{"user": "nobody"}, {"auth_key": "wrong-key-1"}], ids=["unknown user", "wrong key"]
)
async def test_who_is_not_let_in_is_told(snmpsim_port: int, wrong: dict[str, str]) -> None:
    switch = driver("network_switch", snmpsim_port, **{**V3, **wrong})
    with pytest.raises(UnreachableError) as caught:
        await switch.connect()
    await switch.close()
    assert caught.value.reason == "auth_failed"
