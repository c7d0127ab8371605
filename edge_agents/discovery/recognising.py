"""Which kind of device something is, by what it says of itself in each protocol; pure.

Recognised is only what the agent has a driver for; anything else with an address of its own that stays where
it is (a printer, an access point) can at least be pinged. People's phones and notebooks are asked nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from devices.kind import kinds
from edge_agents.discovery.rules import ANY_DEVICE, Found, at_host, default_port, mac, text

SERVICES = (
    "_pjlink._tcp", "_nut._tcp", "_snmp._udp", "_onvif._tcp", "_axis-video._tcp", "_psia._tcp", "_rtsp._tcp",
    "_shelly._tcp", "_workstation._tcp", "_ipp._tcp", "_pdl-datastream._tcp", "_modbus._tcp", "_mbap._tcp",
    "_googlecast._tcp",
)  # fmt: skip
"""What is asked for by mDNS."""
_SPOKEN = {
    "pjlink": ("projector", "pjlink"),
    "nut": ("ups", "nut"),
    "snmp": ("network_switch", "snmp"),
    "onvif": ("camera", "onvif"),
    "axis-video": ("camera", "onvif"),
    "psia": ("camera", "onvif"),
    "workstation": ("lab_pc", "ssh"),
    "ipp": (ANY_DEVICE, "ping"),
    "pdl-datastream": (ANY_DEVICE, "ping"),
}
_PORT_IS_OF_SOMETHING_ELSE = ("axis-video", "psia", "workstation", "ipp", "pdl-datastream")
_CAMERA_MAKERS = re.compile(
    r"\b(hikvision|dahua|axis|uniview|hanwha|vivotek|kbvision|bosch security)\b", re.IGNORECASE
)
_CAMERA = re.compile(r"\b(ip ?camera|network camera|ipc|nvr)\b", re.IGNORECASE)
_SAMSUNG_DISPLAY = re.compile(r"^(LH|QM|QB|QH|QE|WM|WA|WAC|WAD|OM|OH|VM|VH|FLIP)\d*", re.IGNORECASE)
_PROJECTOR = re.compile(r"\bprojector\b", re.IGNORECASE)
_SNMP_UPS = (1, 3, 6, 1, 4, 1, 318, 1, 3)
_LAYER_BRIDGE = 0x02


def at(
    method: str, host: str, kind: str | None, protocol: str, port: int | None = None, **facts: Any
) -> Found:
    """Something with an address of its own; the port is told only if the driver would take another."""
    known = kinds_by_id().get(kind or "")
    usual = default_port(known, protocol)
    options: dict[str, Any] = {}
    if known is not None:
        options = {"protocol": protocol, "host": host}
        if usual is not None and port not in (None, usual) and kind != ANY_DEVICE:
            options["port"] = port
    said = facts.pop("options", {})
    address = at_host(host, options.get("port"), usual)
    clean = {name: mac(value) if name == "mac" else text(value) for name, value in facts.items()}
    return Found(
        method=method, protocol=protocol, address=address, kind=kind, options={**options, **said}, **clean
    )


@cache
def kinds_by_id() -> Mapping[str, Any]:
    """The kinds that there are."""
    return kinds()


def by_service(service: str, instance: str, txt: Mapping[str, str], host: str, port: int) -> Found:
    """What announces itself by mDNS: `service` such as `_pjlink._tcp`, `txt` with keys in lower case."""
    word = service.removeprefix("_").partition(".")[0]
    facts: dict[str, Any] = {
        "name": instance,
        "maker": txt.get("manufacturer") or txt.get("usb_mfg"),
        "model": txt.get("model") or txt.get("ty") or txt.get("md"),
        "serial": txt.get("serial") or txt.get("sn"),
        "mac": txt.get("mac") or txt.get("macaddress"),
    }
    if word == "shelly":
        prefix = instance.lower()
        facts |= {"maker": "Shelly", "model": txt.get("app"), "mac": prefix.rpartition("-")[2]}
        if not txt.get("gen", "").isdigit() or int(txt["gen"]) < 2:
            return at("mdns", host, None, "http", **facts)
        sensor = any(one in f"{txt.get('app', '')} {prefix}".lower() for one in ("ht", "flood", "sensor"))
        found = at("mdns", host, "room_air" if sensor else "relay", "shelly", **facts)
        return _with(found, {"protocol": "shelly", "prefix": prefix})
    if word == "workstation":  # "pc07 [3c:52:82:11:22:33]"
        name, _, rest = instance.partition(" [")
        facts |= {"name": name, "mac": rest.rstrip("]")}
        address = mac(facts["mac"])
        return at("mdns", host, "lab_pc", "ssh", options={"mac": address} if address else {}, **facts)
    kind, protocol = _SPOKEN.get(word, (None, word))
    if word == "nut" and (ups := txt.get("ups")):
        facts["options"] = {"ups": ups}
    return at("mdns", host, kind, protocol, None if word in _PORT_IS_OF_SOMETHING_ELSE else port, **facts)


def by_snmp(
    host: str, port: int, descr: str | None, oid: tuple[int, ...], name: str | None, services: int
) -> Found:
    """What answers SNMP: `services` is sysServices, whose bit 2 says that it bridges, as a switch does."""
    said = descr or ""
    facts: dict[str, Any] = {
        "name": name,
        "model": descr,
        "maker": _MAKERS.get(oid[6]) if len(oid) > 6 else None,
    }
    if _PROJECTOR.search(said):
        return at("snmp", host, "projector", "pjlink", **facts)
    if "Cisco Codec" in said:
        return at("snmp", host, "conference_codec", "xapi", **facts)
    if _CAMERA.search(said):
        return at("snmp", host, "camera", "onvif", **facts)
    if services & _LAYER_BRIDGE and oid[: len(_SNMP_UPS)] != _SNMP_UPS:
        return at("snmp", host, "network_switch", "snmp", port, **facts)
    return at("snmp", host, ANY_DEVICE, "ping", **facts)


_MAKERS = {
    9: "Cisco", 11: "HP", 171: "D-Link", 311: "Microsoft", 318: "APC", 534: "Eaton", 2011: "Huawei",
    2636: "Juniper", 4526: "Netgear", 5624: "Extreme", 8072: None, 11863: "TP-Link", 14988: "MikroTik",
    25506: "H3C", 41112: "Ubiquiti", 47196: "Aruba",
}  # fmt: skip
"""Enterprise numbers of IANA."""


def by_upnp(host: str, about: Mapping[str, str]) -> Found | None:
    """What describes itself by UPnP: `about` has the texts of its root device; None for what is personal."""
    type_ = about.get("deviceType", "")
    maker, model = about.get("manufacturer", ""), about.get("modelName", "")
    facts: dict[str, Any] = {
        "name": about.get("friendlyName"),
        "maker": maker,
        "model": model or about.get("modelNumber"),
        "serial": about.get("serialNumber"),
    }
    said = " ".join((about.get("friendlyName", ""), model, about.get("modelDescription", "")))
    if _CAMERA_MAKERS.search(maker) or _CAMERA.search(said):
        return at("ssdp", host, "camera", "onvif", **facts)
    if _PROJECTOR.search(said):
        return at("ssdp", host, "projector", "pjlink", **facts)
    if "samsung" in maker.lower() and _SAMSUNG_DISPLAY.match(model.strip()):
        return at("ssdp", host, "interactive_display", "samsung_mdc", **facts)
    if ":Printer:" in type_ or ":InternetGatewayDevice:" in type_ or ":WLANAccessPointDevice:" in type_:
        return at("ssdp", host, ANY_DEVICE, "ping", **facts)
    return at("ssdp", host, None, "upnp", **facts) if ":MediaRenderer:" in type_ else None


def _with(found: Found, options: Mapping[str, Any]) -> Found:
    return Found(**{**found.document(), "options": dict(options)})
