"""Devices for the technicians' pages, as many as one wants, with the hub's shapes."""

from __future__ import annotations

import math
import random
import unicodedata
from collections import Counter
from typing import Any

from devices.kind import kinds
from tests.browser.province_server import now_ms

Json = dict[str, Any]
FACETS = ("kind", "presence", "severity", "district", "school")
HOUR_MS = 3_600_000


def plain(text: str) -> str:
    """Leave marks and case out."""
    split = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(c for c in split if not unicodedata.combining(c))


class Fleet:
    """Devices, saved views and what the pages changed; `away` lets every route answer 503."""

    def __init__(self, schools: list[Json], devices: int, seed: int = 7) -> None:
        self.away, self.asked = False, Counter[str]()
        self.views: dict[str, Json] = {}
        self.gap_hours_ago = (8, 6)
        chance = random.Random(seed)
        every = sorted(kinds().items())
        self.schools = {school["code"]: school for school in schools}
        self.devices = [self._device(chance, i, schools, *every[i % len(every)]) for i in range(devices)]
        for device in self.devices:
            device["text"] = plain(
                " ".join(str(device[n]) for n in ("name", "device", "school", "school_name", "room"))
            )
        self.devices.sort(key=lambda d: (d["school"], d["room"], d["device"]))

    def _device(self, chance: random.Random, i: int, schools: list[Json], name: str, kind: Any) -> Json:
        school = schools[i * len(schools) // 10_000 if len(schools) > 100 else i % len(schools)]
        room = f"P{101 + (i // len(kinds())) % 24}"
        state = chance.choices(["born", "stale", "dead"], [94, 1, 5])[0]
        severity = chance.choices([None, "minor", "major", "critical"], [93, 4, 2, 1])[0]
        metrics = [self._metric(chance, metric, severity, state) for metric in kind.metrics]
        tile = [m for wanted in kind.tile.metrics for m in metrics if m["name"] == wanted]
        return {
            "group": school["code"],
            "node": f"{school['code']}-a1",
            "device": f"{room.lower()}-{name}-{i}",
            "school": school["code"],
            "school_name": school["name"],
            "district": school["district"],
            "room": room,
            "kind": name,
            "name": kind.label_vi,
            "claimed": True,
            "simulated": True,
            "published_ms": now_ms(),
            "presence": {
                "state": state,
                "reason": "birth" if state == "born" else "timeout",
                "since_ms": now_ms() - chance.randint(20, 400_000) * 1000,
            },
            "alarms": [],
            "severity": severity,
            "suppressed": False,
            "icon": name,
            "tile": tile,
            "metrics": metrics,
        }

    def _metric(self, chance: random.Random, metric: Any, severity: str | None, state: str) -> Json:
        value: Any = round(chance.uniform(20, 900), metric.decimals) if metric.unit else chance.randint(0, 40)
        if metric.states:
            value = chance.choice(list(metric.states))
        limits = [
            {"severity": limit.severity, "above": limit.above, "below": limit.below, "equals": limit.equals}
            for limit in metric.limits
        ]
        states = [
            {"value": key, "label_vi": said[0], "label_en": said[1]}
            for key, said in (metric.states or {}).items()
        ]
        return {
            "name": metric.name,
            "value": value,
            "unit": metric.unit,
            "ts_ms": now_ms() - chance.randint(1, 90) * 1000,
            "quality": "good" if state == "born" else "stale",
            "severity": severity if metric.limits else None,
            "label_vi": metric.label_vi,
            "label_en": metric.label_en,
            "decimals": metric.decimals,
            "limits": limits,
            "states": states,
        }

    def found(self, wanted: dict[str, str], but: str = "") -> list[Json]:
        """Give the devices that fit all filters, except one facet's."""
        words = plain(wanted.get("q", "")).split()
        fits = [(name, wanted[name]) for name in FACETS if wanted.get(name) and name != but]

        def fit(device: Json) -> bool:
            for name, value in fits:
                mine = device["presence"]["state"] if name == "presence" else device[name] or "none"
                if mine != value:
                    return False
            if not words:
                return True
            return all(word in device["text"] for word in words)

        return [device for device in self.devices if fit(device)]

    def history(self, name: str, start: int, end: int, points: int) -> Json:
        """Make a day's curve with a gap, as many items as pixels at most."""
        metric = next(m for device in self.devices for m in device["metrics"] if m["name"] == name)
        step = max(60_000, -(-(end - start) // max(1, points) // 60_000) * 60_000)
        items = []
        for ts in range(start - start % step, end, step):
            hour = (ts / HOUR_MS + 7) % 24
            ago_h = (end - ts) / HOUR_MS
            here = ts >= start and not self.gap_hours_ago[1] < ago_h <= self.gap_hours_ago[0]
            if metric["states"]:
                keys = [state["value"] for state in metric["states"]]
                value: Any = keys[int(hour) % len(keys)]
                items.append({"ts_ms": ts, "value": value if here else None, "last": value, "count": 1})
                continue
            mean = 640 + 380 * math.sin((hour - 7) / 24 * 2 * math.pi) + 40 * math.sin(ts / 5e5)
            spread = 20 + 30 * abs(math.sin(ts / 9e5))
            items.append(
                {
                    "ts_ms": ts,
                    "value": round(mean, 1) if here else None,
                    "min": mean - spread,
                    "max": mean + spread,
                    "last": mean,
                    "count": 5 if here else 0,
                    "covered": 1.0,
                }
            )
        return {
            "name": name,
            "unit": metric["unit"],
            "start_ms": start,
            "end_ms": end,
            "tier": "5m",
            "step_ms": step,
            "items": items,
            "states": metric["states"],
            "next_cursor": None,
        }
