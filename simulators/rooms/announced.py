"""What the devices of a room say of themselves to an agent that searches; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from simulators.protocols.announcing import Service
from simulators.rooms.stands import Stand

_SERVICES = {
    ("projector", "pjlink"): "_pjlink._tcp",
    ("ups", "nut"): "_nut._tcp",
    ("camera", "onvif"): "_onvif._tcp",
    ("network_switch", "snmp"): "_snmp._udp",
}
"""What real ones announce by mDNS."""


def services_of(stands: Iterable[Stand]) -> list[Service]:
    """The services that a room announces."""
    return [
        Service(
            one.id, service, one.options["port"], {"manufacturer": "Simulated", "serial": _number(one.id)}
        )
        for one in stands
        if (service := _SERVICES.get((one.kind.id, one.protocol))) is not None
    ]


def announcements_of(stands: Iterable[Stand]) -> list[tuple[str, str]]:
    """Topics and payloads on the room's broker."""
    said: list[tuple[str, str]] = []
    zigbee: list[dict[str, Any]] = []
    for one in stands:
        model = f"simulated {one.kind.id}"
        mac = _number(one.id)
        is_relay = one.kind.id == "relay"
        match one.protocol:
            case "zigbee2mqtt":
                exposes = [{"type": "switch"}] if is_relay else [{"property": "temperature"}]
                about = {"vendor": "Simulated", "model": model, "exposes": exposes}
                zigbee.append({"friendly_name": one.id, "ieee_address": f"0x0000{mac}", "definition": about})
            case "tasmota":
                config = {"t": one.id, "dn": one.id, "md": model, "mac": mac.upper(), "rl": [int(is_relay)]}
                said.append((f"tasmota/discovery/{mac.upper()}/config", json.dumps(config)))
            case "shelly":
                shelly = {
                    "id": one.id,
                    "mac": mac.upper(),
                    "model": model,
                    "gen": 2,
                    "app": "Pro4PM" if is_relay else "PlusHT",
                }
                said.append(("shellies/announce", json.dumps(shelly)))
            case "classroom":
                app = {"kind": one.kind.id, "maker": "Simulated", "model": model, "serial": mac}
                said.append((f"classroom/{one.options['id']}/about", json.dumps(app)))
    return [*said, ("zigbee2mqtt/bridge/devices", json.dumps(zigbee))] if zigbee else said


def _number(name: str) -> str:
    """Twelve digits of a hardware address that nobody else has; the same name, the same address."""
    return f"02{hashlib.sha256(name.encode()).hexdigest()[:10]}"
