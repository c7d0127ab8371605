"""What makers' messages mean, by messages as their documentation shows them, and what nonsense does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.kind import kind
from devices.protocols.mqtt_json.dialects import (
    CART,
    HEADSET,
    TABLET,
    Classroom,
    Dialect,
    NotUnderstoodError,
    Shelly,
    Tasmota,
    Zigbee,
)
from devices.protocols.mqtt_json.discovery import offers
from devices.protocols.mqtt_json.options import ClassroomOptions, ShellyOptions, TasmotaOptions, ZigbeeOptions


def dialects() -> dict[str, Dialect]:
    return {
        "zigbee": Zigbee(ZigbeeOptions(name="p101/lights")),
        "tasmota": Tasmota(TasmotaOptions(topic="tasmota_1A2B3C")),
        "shelly": Shelly(ShellyOptions(prefix="shellyplus2pm-a8032ab12345")),
        "headset": Classroom(ClassroomOptions(id="vr-7"), HEADSET),
        "tablet": Classroom(ClassroomOptions(id="ar-1"), TABLET),
        "cart": Classroom(ClassroomOptions(id="cart-1"), CART),
    }


@pytest.mark.parametrize(
    ("name", "topic", "said", "values"),
    [
        (
            "zigbee",
            "zigbee2mqtt/p101/lights",
            {"state_l1": "ON", "state_l2": "OFF", "power": 140, "energy": 12.5, "linkquality": 92},
            {"Relay 1": True, "Relay 2": False, "Power": 140.0, "Energy": 12.5},
        ),
        (
            "zigbee",
            "zigbee2mqtt/p101/lights",
            {"temperature": 31.2, "humidity": 71, "co2": 812.4, "occupancy": True, "water_leak": False},
            {"Temperature": 31.2, "Humidity": 71.0, "CO2": 812, "Water Leak": False},
        ),
        (
            "tasmota",
            "tele/tasmota_1A2B3C/STATE",
            {"Time": "2026-01-01T07:00:00", "POWER": "ON"},
            {"Relay 1": True},
        ),
        ("tasmota", "stat/tasmota_1A2B3C/RESULT", {"POWER3": "OFF"}, {"Relay 3": False}),
        (
            "tasmota",
            "tele/tasmota_1A2B3C/SENSOR",
            {
                "ENERGY": {"Power": 60, "Total": 1.5},
                "SCD40": {"CarbonDioxide": 640, "Temperature": 28.0, "Humidity": 60.1},
            },
            {"Power": 60.0, "Energy": 1.5, "CO2": 640, "Temperature": 28.0, "Humidity": 60.1},
        ),
        (
            "tasmota",
            "stat/tasmota_1A2B3C/STATUS10",
            {"StatusSNS": {"BH1750": {"Illuminance": 320}}},
            {"Light": 320},
        ),
        (
            "shelly",
            "hub/shellyplus2pm-a8032ab12345/rpc",
            {
                "id": 1,
                "result": {
                    "switch:0": {"output": True, "apower": 100.5, "aenergy": {"total": 1500}},
                    "switch:1": {"output": False, "apower": 9.5, "aenergy": {"total": 500}},
                    "mqtt": {"connected": True},
                },
            },
            {"Relay 1": True, "Relay 2": False, "Power": 110.0, "Energy": 2.0},
        ),
        (
            "shelly",
            "shellyplus2pm-a8032ab12345/events/rpc",
            {
                "method": "NotifyStatus",
                "params": {
                    "ts": 1.0,
                    "humidity:0": {"rh": 66.0},
                    "temperature:0": {"tC": 30.1},
                    "flood:0": {"alarm": True},
                },
            },
            {"Humidity": 66.0, "Temperature": 30.1, "Water Leak": True},
        ),
        (
            "shelly",
            "shellyplus2pm-a8032ab12345/events/rpc",
            {"method": "NotifyEvent", "params": {"events": []}},
            {},
        ),
        (
            "headset",
            "classroom/vr-7/state",
            {"battery": 81, "in_use": True, "session_min": 12, "pupil": "Lan"},
            {"Battery": 81.0, "In Use": True, "Session": 12},
        ),
        (
            "cart",
            "classroom/cart-1/state",
            {"docked": 20, "door_open": False, "temperature_c": None},
            {"Docked": 20, "Door Open": False, "Temperature": None},
        ),
    ],
)
def test_messages_as_documented(name: str, topic: str, said: dict[str, Any], values: dict[str, Any]) -> None:
    dialect = dialects()[name]
    assert topic in dialect.topics
    heard = dialect.hear(topic, json.dumps(said).encode())
    assert (heard.values, heard.present) == (values, True)


def test_a_sum_over_channels_keeps_the_channel_that_did_not_change() -> None:
    shelly = dialects()["shelly"]
    both = {"result": {"switch:0": {"apower": 100.0}, "switch:1": {"apower": 50.0}}}
    shelly.hear(shelly.topics[2], json.dumps(both).encode())
    one = {"method": "NotifyStatus", "params": {"switch:1": {"apower": 10.0}}}
    assert shelly.hear(shelly.topics[1], json.dumps(one).encode()).values["Power"] == 110


def test_commands_as_documented() -> None:
    every = dialects()
    assert every["zigbee"].tell("Relay 1", True) == ("zigbee2mqtt/p101/lights/set", '{"state": "ON"}')
    every["zigbee"].hear("zigbee2mqtt/p101/lights", b'{"state_l1": "ON"}')
    assert every["zigbee"].tell("Relay 2", False)[1] == '{"state_l2": "OFF"}'
    assert every["tasmota"].tell("Relay 2", False) == ("cmnd/tasmota_1A2B3C/POWER2", "OFF")
    topic, question = every["shelly"].tell("Relay 2", True)
    assert topic == "shellyplus2pm-a8032ab12345/rpc"
    assert json.loads(question)["params"] == {"id": 1, "on": True}
    assert every["cart"].tell("Charging", False) == ("classroom/cart-1/set", '{"charging": false}')
    for dialect in every.values():
        with pytest.raises(KeyError):
            dialect.tell("Relay 9", True)


@given(
    payload=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "state",
                        "POWER1",
                        "ENERGY",
                        "params",
                        "method",
                        "result",
                        "switch:0",
                        "aenergy",
                        "battery",
                        "temperature",
                        "StatusSNS",
                        "t",
                        "rl",
                        "id",
                        "gen",
                        "kind",
                        "definition",
                        "exposes",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda one: json.dumps(one).encode())
)
def test_nonsense_is_understood_or_refused_but_never_breaks_anything(payload: bytes) -> None:
    for name, dialect in dialects().items():
        shown = {
            "zigbee": ["relay", "room_air"],
            "tasmota": ["relay", "room_air"],
            "shelly": ["relay", "room_air"],
            "headset": ["vr_headset"],
            "tablet": ["ar_tablet"],
            "cart": ["tablet_cart"],
        }[name]
        metrics = {metric.name for one in shown for metric in kind(one).metrics}
        for topic in dialect.topics:
            try:
                heard = dialect.hear(topic, payload)
            except NotUnderstoodError:
                continue
            assert set(heard.values) <= metrics
    topics = (
        "zigbee2mqtt/bridge/devices",
        "tasmota/discovery/A/config",
        "shellies/announce",
        "classroom/a/about",
    )
    assert isinstance(offers((topic, payload) for topic in topics), list)


def test_what_announces_itself_is_offered_once_with_what_its_driver_needs() -> None:
    devices = [
        {"type": "Coordinator", "friendly_name": "Coordinator"},
        {
            "type": "EndDevice",
            "friendly_name": "p101/air",
            "definition": {
                "vendor": "Sonoff",
                "model": "SNZB-02D",
                "exposes": [{"type": "numeric", "property": "temperature"}],
            },
        },
        {
            "type": "Router",
            "friendly_name": "p101/plug",
            "definition": {
                "vendor": "TuYa",
                "model": "TS011F",
                "exposes": [{"type": "switch", "features": []}],
            },
        },
        {
            "type": "EndDevice",
            "friendly_name": "button",
            "definition": {"vendor": "IKEA", "model": "E1", "exposes": [{"property": "action"}]},
        },
        {"type": "EndDevice", "friendly_name": "strange", "definition": None},
    ]
    tasmota = {"t": "tasmota_1A", "dn": "Quạt P102", "md": "4CH", "rl": [1, 1, 0, 0]}
    shelly = {"id": "shellyplus1pm-a8", "gen": 2, "app": "Plus1PM", "model": "SNSW-001P16EU", "name": None}
    headset = {"kind": "vr_headset", "name": "Kính 7", "maker": "Pico", "model": "4E"}
    said = [
        ("zigbee2mqtt/bridge/devices", devices),
        ("tasmota/discovery/A/config", tasmota),
        ("shellies/announce", shelly),
        ("shellies/announce", shelly),
        ("shellies/announce", {"id": "old"}),
        ("classroom/vr-7/about", headset),
        ("classroom/x/about", {"kind": "toaster"}),
    ]
    found = offers((topic, json.dumps(one).encode()) for topic, one in said)
    assert [(one.kind, one.name, one.maker, one.model) for one in found] == [
        ("room_air", "p101/air", "Sonoff", "SNZB-02D"),
        ("relay", "p101/plug", "TuYa", "TS011F"),
        ("relay", "Quạt P102", "Tasmota", "4CH"),
        ("relay", "shellyplus1pm-a8", "Shelly", "SNSW-001P16EU"),
        ("vr_headset", "Kính 7", "Pico", "4E"),
    ]
    for one in found:
        driver: Any = kind(one.kind).driver
        driver.check(one.options)
