"""What planned schools hold, as JSON for programs that cannot import the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from devices.province import School
from simulators.plan import plan_province


def write_plan(schools: Iterable[School], seed: int, rooms_per_school: int | None, path: Path) -> None:
    """Writes school, node, rooms and devices of every school into a file, as one list."""
    plans = [
        {
            "school": plan.school.code,
            "node": plan.node,
            "age_years": plan.age_years,
            "rooms": [
                {"code": room.code, "type": room.type, "seats": room.seats, "age_years": room.age_years}
                for room in plan.rooms
            ],
            "devices": [asdict(device) for device in plan.devices],
        }
        for plan in plan_province(schools, seed, rooms_per_school)
    ]
    path.write_text(json.dumps(plans, ensure_ascii=False), encoding="utf-8")
