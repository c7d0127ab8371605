"""Each way of searching over real sockets: what is found, and what becomes of nonsense."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import kinds
from edge_agents.discovery import mdns, pjlink, snmp, ssdp
from edge_agents.discovery.asked import Ports, Report, Wish
from edge_agents.discovery.datagrams import Answer
from edge_agents.discovery.rules import Where, where
from simulators.protocols.announcing import MdnsResponder, PjlinkSearch, Service, SsdpDevice
from simulators.protocols.served import Link, Served
from simulators.protocols.snmp import SnmpAgent

HERE = where([], ["127.0.0.1/32"])
PROJECTOR = Service("Máy chiếu P101", "_pjlink._tcp", 4352, {"manufacturer": "EPSON", "model": "EB-992F"})
UPS = Service("ups", "_nut._tcp", 20493, {"ups": "rack"})


def wish(**ports: int) -> Wish:
    return Wish(HERE, Ports(**ports), listen_s=0.3)


async def searched(method: Any, asked: Wish) -> Report:
    report = Report()
    await method.search(asked, report)
    return report


@contextlib.asynccontextmanager
async def there(*devices: Any) -> AsyncIterator[None]:
    try:
        for device in devices:
            if not device.port:
                await device.start()
        yield
    finally:
        for device in devices:
            ended = device.stop()
            if ended is not None:
                await ended


@pytest.mark.parametrize("curt", [False, True])
async def test_a_projector_and_a_ups_announce_themselves_by_mdns(curt: bool) -> None:
    responder = MdnsResponder([PROJECTOR, UPS], curt=curt)
    async with there(responder):
        report = await searched(mdns, wish(mdns=responder.port))
    found = {one.kind: one for one in report.found}
    assert (found["projector"].name, found["projector"].model) == ("Máy chiếu P101", "EB-992F")
    assert found["projector"].address == "127.0.0.1", "the port is the usual one"
    assert found["ups"].options == {"protocol": "nut", "host": "127.0.0.1", "port": 20493, "ups": "rack"}
    assert found["ups"].address == "127.0.0.1:20493"
    assert (report.answered, report.bad) == (1, 0)
    for one in found.values():
        kinds()[one.kind].driver.check(one.options)  # type: ignore[index, union-attr]


async def test_the_multicast_group_is_asked_on_each_interface() -> None:
    responder = MdnsResponder([PROJECTOR])
    await responder.start(group=mdns.GROUP)
    device = SsdpDevice({"deviceType": "urn:schemas-upnp-org:device:Printer:1", "friendlyName": "In"})
    await device.start(group=ssdp.GROUP)
    async with there(responder, device):
        alone = replace(HERE, far=())
        asked = Wish(alone, Ports(mdns=responder.port, ssdp=device.port), listen_s=0.3)
        by_mdns, by_ssdp = await searched(mdns, asked), await searched(ssdp, asked)
    assert [one.kind for one in by_mdns.found] == ["projector"]
    assert [one.kind for one in by_ssdp.found] == ["network_device"]


async def test_what_describes_itself_by_upnp_is_recognised() -> None:
    about = {
        "deviceType": "urn:schemas-upnp-org:device:Basic:1", "friendlyName": "Camera <sân>",
        "manufacturer": "HIKVISION", "modelName": "DS-2CD2143", "serialNumber": "C123",
    }  # fmt: skip
    camera = SsdpDevice(about)
    async with there(camera):
        report = await searched(ssdp, wish(ssdp=camera.port))
    (one,) = report.found
    assert (one.kind, one.name, one.maker, one.serial) == ("camera", "Camera <sân>", "HIKVISION", "C123")
    assert one.options == {"protocol": "onvif", "host": "127.0.0.1"}


@pytest.mark.parametrize(
    "page",
    [
        b'<!DOCTYPE r [<!ENTITY a "b">]><root><device><friendlyName>&a;</friendlyName></device></root>',
        b"<root><device>",
        b"<root/>",
        b"x" * 70_000,
        "<root/>".encode("utf-16"),
    ],
)
async def test_a_bad_description_is_counted_and_proposes_nothing(page: bytes) -> None:
    device = SsdpDevice({}, page=page)
    async with there(device):
        report = await searched(ssdp, wish(ssdp=device.port))
    assert (report.found, report.answered, report.bad) == ([], 1, 1)


@pytest.mark.parametrize(
    "place",
    [
        "http://10.0.0.9/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "http://127.0.0.1@10.0.0.9/",
        "http://127.0.0.1:x/",
    ],
)
def test_a_description_is_fetched_only_from_who_answered(place: str) -> None:
    said = f"HTTP/1.1 200 OK\r\nLOCATION: {place}\r\n\r\n".encode()
    assert ssdp.location(said, "127.0.0.1") is None
    assert ssdp.location(said.replace(place.encode(), b"http://127.0.0.1:80/a"), "127.0.0.1")


class Talkative(Served):
    """A projector without a password that tells its maker; of the rest it knows nothing."""

    async def converse(self, link: Link) -> None:
        await link.say(b"PJLINK 0\r")
        while line := await link.reader.readuntil(b"\r"):
            said = b"EPSON" if b"INF1" in line else b"ERR1"
            await link.say(line[:6] + b"=" + said + b"\r")


async def test_a_projector_answers_the_search_and_tells_its_maker() -> None:
    served = Talkative()
    searching = PjlinkSearch("00:26:AB:12:34:56")
    await searching.start(await served.start())
    async with there(served, searching):
        report = await searched(pjlink, wish(pjlink=searching.port))
    (one,) = report.found
    assert (one.kind, one.mac, one.maker, one.model) == ("projector", "00:26:ab:12:34:56", "EPSON", None)


async def test_switches_answer_the_sweep_and_others_can_be_pinged() -> None:
    agent = SnmpAgent(descr="Cisco IOS Software, C2960", name="sw-p1")
    async with there(agent):
        asked = wish(snmp=agent.port)
        (switch,) = (await searched(snmp, asked)).found
        agent.descr, agent.layers = "HP LaserJet", 0x40
        (printer,) = (await searched(snmp, asked)).found
        agent.community = "other"
        nobody = await searched(snmp, asked)
    assert (switch.kind, switch.name, switch.maker) == ("network_switch", "sw-p1", "Cisco")
    assert switch.options == {"protocol": "snmp", "host": "127.0.0.1", "port": agent.port}
    assert (printer.kind, printer.options) == ("network_device", {"protocol": "ping", "host": "127.0.0.1"})
    assert (nobody.found, nobody.asked, nobody.answered) == ([], 2, 0), "the silent are asked once more"


@pytest.mark.parametrize("fault", ["silent", "garbage", "half"])
@pytest.mark.parametrize("method", [mdns, ssdp, pjlink, snmp])
async def test_nonsense_is_counted_and_proposes_nothing(method: Any, fault: Any) -> None:
    device: Any = {
        mdns: lambda: MdnsResponder([PROJECTOR]), ssdp: lambda: SsdpDevice({"friendlyName": "x"}),
        pjlink: lambda: PjlinkSearch("00:26:AB:12:34:56"), snmp: SnmpAgent,
    }[method]()  # type: ignore[operator]  # fmt: skip
    device.fault = fault
    async with there(device):
        name = method.__name__.rpartition(".")[2]
        report = await searched(method, Wish(HERE, Ports(**{name: device.port}), listen_s=0.15))
    assert report.found == []
    assert (report.bad > 0) is (fault != "silent")


async def test_an_answer_to_another_question_is_none() -> None:
    agent = SnmpAgent(fault="wrong_id")
    async with there(agent):
        report = await searched(snmp, Wish(HERE, Ports(snmp=agent.port), listen_s=0.15))
    assert (report.found, report.bad) == ([], 2)


async def test_who_was_not_asked_is_not_heard() -> None:
    elsewhere = where([], ["127.9.9.9/32"])
    asked = Wish(replace(elsewhere, far=("127.0.0.1",)), Ports(), listen_s=0.15)
    responder = MdnsResponder([PROJECTOR])
    async with there(responder):
        report = await searched(mdns, replace(asked, ports=Ports(mdns=responder.port)))
    assert report.found == []
    assert report.bad > 0


async def test_a_flood_of_answers_is_bounded() -> None:
    asking = wish().asking()
    async with asking:
        for number in range(5000):
            asking.ears.datagram_received(b"x", ("127.0.0.1", number))
        asking.ears.datagram_received(b"x", ("10.0.0.1", 1))
        assert len(asking.ears.take()) == 4096
        assert asking.ears.dropped == 5000 - 4096 + 1


async def test_a_search_that_is_cancelled_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    real = socket.socket

    class Counted(real):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            opened.append(self)

    many = Where((), tuple(f"127.1.1.{n}" for n in range(200)), (), (), HERE.answering)
    monkeypatch.setattr("edge_agents.discovery.datagrams.socket.socket", Counted)
    search = asyncio.create_task(searched(snmp, Wish(many, Ports(snmp=9))))
    while not opened:
        await asyncio.sleep(0.01)
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)
    await asyncio.sleep(0)
    assert [one.fileno() for one in opened] == [-1]


@given(st.binary(max_size=200), st.integers(0, 3))
def test_no_bytes_break_a_reader(data: bytes, prefix: int) -> None:
    whole = next(
        iter(MdnsResponder([PROJECTOR, UPS]).answers(mdns.query([("_pjlink._tcp.local.", mdns.PTR)])))
    )
    data = (b"", whole[:12], whole[: len(whole) // 2], whole)[prefix] + data
    with contextlib.suppress(mdns.NotDnsError):
        mdns.Heard().take(Answer(data, "127.0.0.1", 5353))
    assert snmp.read(data, "127.0.0.1", 161, 1) is None
    ssdp.location(b"HTTP/1.1 200 OK\r\nLOCATION: http://" + data, "127.0.0.1")
    ssdp.described(b"<root><device>" + data)
