"""What may be searched, and what becomes of many answers; no socket."""

import itertools
import json
import random
from ipaddress import IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import kinds
from devices.sections import DeviceSection
from edge_agents.discovery.recognising import at, by_service, by_upnp
from edge_agents.discovery.rules import (
    ADDRESSES_MOST,
    METHODS,
    PRIVATE,
    Found,
    NetworkError,
    configured,
    fitting,
    mac,
    merged,
    text,
    unknown,
    where,
)

KINDS = kinds()
PROTOCOLS = {"projector": "pjlink", "ups": "nut", "network_device": "ping"}
hosts = st.sampled_from(["10.1.1.5", "10.1.1.6", "10.1.1.7"])
macs = st.sampled_from([None, "00:26:ab:00:00:01", "00:26:ab:00:00:02"])
words = st.sampled_from([None, "A", "B"])
founds = st.lists(
    st.builds(
        lambda method, host, kind, port, **facts: at(
            method, host, kind, PROTOCOLS.get(kind, "upnp"), port,
            **facts,
        ),
        st.sampled_from(METHODS), hosts, st.sampled_from(["projector", "ups", "network_device", None]),
        st.sampled_from([None, 4352, 9000]), name=words, model=words, mac=macs,
    ),
    max_size=8,
)  # fmt: skip


@given(founds, st.randoms())
def test_merging_is_the_same_in_any_order_and_names_each_thing_once(
    found: list[Found], rng: random.Random
) -> None:
    one = merged(found)
    other = found[:]
    rng.shuffle(other)
    assert merged(other) == one
    assert merged(one) == one, "merging again changes nothing"
    keys = [(each.protocol, each.address) for each in one]
    assert len(keys) == len(set(keys))
    strong = {each.host for each in one if not each.weak}
    assert not [each for each in one if each.weak and each.host in strong]
    assert {each.host for each in one} <= {each.host for each in found}
    lost = {each.host for each in found} - {each.host for each in one}
    for host in lost:  # only by its hardware address can one stand for another
        assert any(each.mac for each in found if each.host == host)


@given(founds)
def test_nothing_that_is_configured_is_proposed(found: list[Found]) -> None:
    devices = [
        DeviceSection(id=f"d{number}", kind=one.kind, room="P1", options=dict(one.options))
        for number, one in enumerate(found)
        if one.kind is not None
    ]
    left = unknown(merged(found), configured(devices, KINDS))
    assert all(one.kind is None for one in left)
    assert unknown(merged(found), frozenset()) == merged(found)


@given(founds, st.integers(0, 3000))
def test_what_is_told_fits_and_what_does_not_is_counted(found: list[Found], most: int) -> None:
    kept, left = fitting(found, most)
    assert len(kept) + left == len(found)
    assert len(json.dumps(kept, ensure_ascii=False).encode()) <= max(most, 2)


networks = st.builds(
    lambda address, length: IPv4Interface((address, length)), st.integers(0, 2**32 - 1), st.integers(8, 32)
)


@given(st.lists(networks, max_size=4))
def test_the_own_networks_are_private_and_few(own: list[IPv4Interface]) -> None:
    found = where(own, [])
    assert len(found.hosts) <= ADDRESSES_MOST
    assert len(set(found.hosts)) == len(found.hosts)
    for host in found.hosts:
        assert any(IPv4Interface(host) in network for network in PRIVATE)
        assert any(IPv4Interface(host) in one.network for one in own)
    assert not found.far, "nothing beyond the own networks unless it is asked for"


@given(st.lists(networks, max_size=3), st.lists(networks.map(str), min_size=1, max_size=3))
def test_networks_that_are_asked_for_are_private_and_few_or_refused(
    own: list[IPv4Interface], asked: list[str]
) -> None:
    try:
        found = where(own, asked)
    except NetworkError:
        return
    wanted = [IPv4Network(one, strict=False) for one in asked]
    assert len(found.hosts) <= ADDRESSES_MOST
    for host in found.hosts:
        assert any(IPv4Interface(host) in one for one in wanted)
        assert found.may_answer(host)
    assert not found.may_answer("8.8.8.8")
    assert not found.may_answer("::1")


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (["8.8.8.0/24"], "not private"),
        (["0.0.0.0/0"], "not private"),
        (["10.0.0.0/21"], "too many"),
        (["10.0.0.0/23", "10.1.0.0/23", "10.2.0.0/30"], "too many"),
        (["fe80::/64"], "is none"),
        (["school"], "is none"),
    ],
)
def test_other_networks_are_refused_with_the_fix(asked: list[str], word: str) -> None:
    with pytest.raises(NetworkError, match=word):
        where([], asked)


def test_a_large_own_network_is_narrowed_around_the_agent() -> None:
    found = where([IPv4Interface("10.12.77.9/16")], [])
    assert (found.hosts[0], found.hosts[-1], len(found.hosts)) == ("10.12.76.1", "10.12.79.254", 1022)
    assert found.sources == ("10.12.77.9",)
    assert found.broadcasts == ("10.12.255.255",)
    assert found.may_answer("10.12.200.1"), "a group is the whole network, whoever answers is in it"


def section(kind: str, **options: object) -> DeviceSection:
    return DeviceSection(id="d", kind=kind, room="P1", options=options)


def test_devices_are_known_by_name_by_port_and_by_topic() -> None:
    known = configured(
        [
            section("projector", host="may-chieu.lan"),
            section("projector", host="10.1.1.5", port=9000),
            section("relay", protocol="shelly", prefix="shellyplus1-aabbccddeeff", url="mqtt://localhost"),
        ],
        KINDS,
        {"may-chieu.lan": "10.1.1.9"},
    )
    projectors = [at("pjlink", host, "projector", "pjlink", port) for host, port in
                  itertools.product(("10.1.1.5", "10.1.1.9"), (None, 9000))]  # fmt: skip
    left = unknown(projectors, known)
    assert [one.address for one in left] == ["10.1.1.5", "10.1.1.9:9000"]
    shelly = by_service("_shelly._tcp", "shellyplus1-AABBCCDDEEFF", {"gen": "2"}, "10.1.1.3", 80)
    assert (shelly.kind, shelly.mac) == ("relay", "aa:bb:cc:dd:ee:ff")
    assert unknown([shelly], known) == [], "found by another way, it is the same"
    assert unknown([at("ssdp", "10.1.1.9", None, "upnp")], known) == []


def test_what_several_methods_say_of_one_address_becomes_one() -> None:
    (one,) = merged(
        [
            at("ssdp", "10.1.1.5", None, "upnp", name="P101", serial="S1"),
            at("snmp", "10.1.1.5", "network_device", "ping", model="EB"),
            at("mdns", "10.1.1.5", "projector", "pjlink", model="EB-992F"),
        ],
        {"10.1.1.5": "00:26:ab:00:00:01"},
    )
    assert (one.method, one.kind, one.model, one.serial) == ("mdns", "projector", "EB-992F", "S1")
    assert one.mac == "00:26:ab:00:00:01"


@given(st.text() | st.binary() | st.none() | st.integers())
def test_texts_of_devices_are_one_bounded_line(said: object) -> None:
    found = text(said)
    assert found is None or (found.isprintable() and 0 < len(found) <= 120)
    assert mac(said) is None or mac(mac(said)) == mac(said)


def test_an_address_that_stands_for_many_is_none() -> None:
    assert mac("FF-FF-FF-FF-FF-FF") is mac("00:00:00:00:00:00") is mac("01:00:5e:00:00:fb") is None
    assert mac("00-26-AB-12-34-56") == "00:26:ab:12:34:56"


def test_a_pc_tells_its_hardware_address_and_people_are_left_alone() -> None:
    pc = by_service("_workstation._tcp", "pc07 [3c:52:82:11:22:33]", {}, "10.1.1.20", 9)
    assert pc.options == {"protocol": "ssh", "host": "10.1.1.20", "mac": "3c:52:82:11:22:33"}
    assert by_upnp("10.1.1.8", {"deviceType": "urn:x:device:MediaServer:1", "friendlyName": "Lan"}) is None


@given(st.dictionaries(st.sampled_from(["gen", "app", "model", "mac", "ups", "ty"]), st.text(max_size=20)),
       st.text(max_size=30), st.integers(0, 65535))  # fmt: skip
def test_what_is_recognised_can_be_configured(txt: dict[str, str], instance: str, port: int) -> None:
    for service in ("_pjlink._tcp", "_snmp._udp", "_onvif._tcp", "_workstation._tcp", "_ipp._tcp"):
        one = by_service(service, instance, txt, "10.1.1.5", port or 1)
        assert one.kind is not None
        KINDS[one.kind].driver.check(one.options)  # type: ignore[union-attr]
