"""Documents of the live mirror as ingest publishes them, for tests."""

from __future__ import annotations

from typing import Any

import orjson

from hub.live.picture import Picture
from hub.wall.rules import DistrictFacts, SchoolFacts

T0 = 1_764_000_000_000
DISTRICTS = [DistrictFacts("703", "Thành phố Tây Ninh", "TP. Tây Ninh"), DistrictFacts("706", "Huyện Tân Châu", "Tân Châu")]  # fmt: skip  # noqa: E501
SCHOOLS = [
    SchoolFacts("D703-THPT-01", "THPT Tây Ninh", "THPT", "703"),
    SchoolFacts("D706-TH-01", "TH Tân Hội", "TH", "706"),
]


def device(
    school: str, name: str, *, room: str = "P101", state: str = "born", kind: str = "room_air", **metrics: Any
) -> dict[str, Any]:
    return {
        "v": 1, "school": school, "group": school, "room": room, "node": f"{school}-a1", "device": name,
        "kind": kind, "name": "Cảm biến không khí", "claimed": True, "simulated": True, "published_ms": T0,
        "presence": {"state": state, "reason": "birth", "since_ms": T0},
        "metrics": {
            metric: {"value": value, "unit": None, "ts_ms": T0, "quality": "good", "severity": None}
            for metric, value in metrics.items()
        },
        "alarms": [],
    }  # fmt: skip


def node(school: str, *, state: str = "born", reason: str = "birth", claimed: bool = True) -> dict[str, Any]:
    found = device(school, "", state=state, kind="edge_node", room="-")
    found["presence"]["reason"] = reason
    return {**found, "device": None, "claimed": claimed, "clock_offset_ms": 3_600_000, "skew_ms": 4}


def uplink(school: str, utilisation: float, *, state: str = "born") -> dict[str, Any]:
    metrics = {"Capacity": 100_000, "Rx": 1000 * utilisation, "Tx": 100 * utilisation,
               "Utilisation": utilisation, "Latency": 12.0, "Loss": 0.0}  # fmt: skip
    return device(school, "uplink", room="-", kind="uplink", state=state, **metrics)


def alarm(name: str, school: str, severity: str = "major", **changed: Any) -> dict[str, Any]:
    base = {
        "id": name, "school": school, "room": "P101", "node": f"{school}-a1", "device": "p101-air",
        "kind": "room_air", "metric": "CO2", "condition": "high", "severity": severity,
        "state": "unacknowledged", "title_vi": "CO₂ cao", "title_en": "High CO₂", "detail_vi": "",
        "detail_en": "", "value": 1500, "limit": 1000, "unit": "ppm", "raised_ms": T0, "returned_ms": None,
        "acknowledged_ms": None, "acknowledged_by": None, "comment": None, "suppressed_by": None,
    }  # fmt: skip
    return {**base, **changed}


def put(picture: Picture, document: dict[str, Any]) -> None:
    """Publishes a device's or node's document into the picture."""
    name = document["device"] or document["node"]
    topic = f"hub/live/{document['school']}/{document['room']}/{name}"
    picture.message(topic, orjson.dumps(document))


def put_alarm(picture: Picture, document: dict[str, Any]) -> None:
    picture.message(f"hub/alarms/{document['id']}", orjson.dumps(document))
