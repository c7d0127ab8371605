"""What is believed of findings, when two are one thing, and what a claim makes of them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.discovery.rules import (
    Found,
    completed,
    device_id,
    found_in,
    is_weak,
    same,
    section,
    state_again,
    with_device,
)

KINDS = {"projector", "ups", "network_device"}
texts = st.text(max_size=8)
things = st.builds(
    Found,
    method=st.sampled_from(["mdns", "pjlink"]),
    protocol=st.sampled_from(["pjlink", "nut"]),
    address=st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    kind=st.sampled_from(["", "projector", "network_device"]),
    name=texts,
    serial=st.sampled_from(["", "a", "A", "b"]),
    mac=st.sampled_from(["", "m", "n"]),
    options=st.dictionaries(st.sampled_from(["host", "port"]), texts),
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=6,
)


@given(
    st.one_of(
        st.none(), texts, plain.map(json.dumps), st.lists(plain).map(lambda all_: json.dumps({"found": all_}))
    )
)
def test_nothing_that_an_agent_says_breaks_the_hub(text: Any) -> None:
    found, unreadable = found_in(text, KINDS)
    assert unreadable >= 0
    assert all(one.address and one.protocol and one.method for one in found)


def test_what_can_be_read_is_read_and_secrets_are_not() -> None:
    good = {
        "method": "pjlink", "protocol": "pjlink", "address": "10.1.1.7",
        "kind": "projector", "name": "Máy\x00 chiếu",
        "maker": None, "serial": "S1", "options": {"host": "10.1.1.7", "password": "p", "community": "c"},
    }  # fmt: skip
    strange = good | {"kind": "toaster", "serial": 7, "address": "10.1.1.8"}
    found, unreadable = found_in(
        json.dumps({"found": [good, strange, 7, {}, good | {"options": [1]}]}), KINDS
    )
    assert unreadable == 3
    assert (found[0].name, found[0].maker, found[0].options) == ("Máy chiếu", "", {"host": "10.1.1.7"})
    assert (found[1].kind, found[1].serial) == ("", "")
    assert found_in("not json", KINDS) == ([], 1)
    assert found_in('{"state": "done"}', KINDS) == ([], 0)


@given(things, things)
def test_sameness_is_mutual_and_finding_again_forgets_nothing(one: Found, other: Found) -> None:
    assert same(one, one)
    assert same(one, other) == same(other, one)
    after = completed(one, other)
    for name in ("name", "serial", "mac"):
        assert bool(getattr(after, name)) == bool(getattr(one, name) or getattr(other, name))
    assert is_weak(after.kind) == (is_weak(one.kind) and is_weak(other.kind))
    assert completed(one, one) == one


def test_a_serial_number_decides_before_the_address() -> None:
    here = Found(method="snmp", protocol="snmp", address="10.1.1.7", serial="S1")
    assert same(here, Found(method="snmp", protocol="snmp", address="10.1.1.9", serial="s1")), "it moved"
    assert not same(here, Found(method="snmp", protocol="snmp", address="10.1.1.7", serial="S2")), "replaced"
    beside = Found(method="nut", protocol="nut", address="10.1.1.7", kind="ups")
    projector = Found(method="pjlink", protocol="pjlink", address="10.1.1.7", kind="projector")
    assert not same(beside, projector), "two services of one computer"
    assert same(projector, Found(method="mdns", protocol="ping", address="10.1.1.7", kind="network_device"))


def test_states() -> None:
    assert state_again("dismissed", "", {"a"}) == "dismissed"
    assert state_again("claimed", "a", {"a"}) == "claimed"
    assert state_again("claimed", "a", {"b"}) == "open"


@given(
    st.sampled_from(["-", "P101", "Phòng 7"]), st.lists(st.sampled_from(["p101-ups", "P101-UPS-2", "ups"]))
)
def test_ids_are_new_in_any_case(room: str, taken: list[str]) -> None:
    found = device_id(room, "ups", taken)
    assert found.lower() not in {each.lower() for each in taken}
    assert len(found) <= 64


def test_a_claim_makes_a_device() -> None:
    found = Found(method="pjlink", protocol="pjlink", address="10.1.1.7:4353", kind="projector", name="Epson",
                  options={"host": "10.1.1.7", "port": 4353})  # fmt: skip
    made = section(
        found,
        kind="projector",
        device="p1",
        room="P101",
        room_type="",
        name="Epson",
        options={"password": "x"},
    )
    assert made == {"id": "p1", "kind": "projector", "room": "P101", "name": "Epson",
                    "options": {"host": "10.1.1.7", "port": 4353, "password": "x"}}  # fmt: skip
    other = section(found, kind="network_device", device="p1", room="-", room_type="", name="", options={})
    assert other["options"] == {"host": "10.1.1.7"}
    content = {"options": {"heartbeat_s": 9}, "devices": [made]}
    assert with_device(content, other) == {"options": {"heartbeat_s": 9}, "devices": [made, other]}
    assert with_device({}, made) == {"devices": [made]}
