"""A register made for measuring: words, places and gaps spread as in a real one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from hub.assets.rules import gaps_of, search_text
from hub.assets.types import TYPES

_SHARES = {
    "lab_pc": 24, "furniture": 16, "board": 8, "projector": 7, "interactive_display": 5, "laptop": 5,
    "computer": 5, "air_conditioner": 4, "fan": 5, "camera": 4, "printer": 3, "teaching_aid": 5,
    "lab_equipment": 4, "tablet": 2, "ups": 1, "network": 1, "": 1,
}  # fmt: skip
_MAKERS = ("Samsung", "Epson", "Dell", "FPT Elead", "Hòa Phát", "Daikin", "Canon", "Hikvision", "Panasonic")
_FUNDS = ("Ngân sách tỉnh", "Ngân sách huyện", "Chương trình mục tiêu", "Xã hội hóa giáo dục")
_STATUSES = {"in_use": 84, "spare": 5, "repair": 4, "lost": 1, "disposed": 5, "": 1}
_FIRST = date(2012, 1, 1)
LINKED = 15
"""Assets a school that are linked to a device."""


def assets(rooms: Sequence[Mapping[str, Any]], count: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Gives rows of the table; devices of a school are `d1` … of its node `<school>-a1`."""
    linked: dict[str, int] = {}
    kinds = chance.choices(list(_SHARES), list(_SHARES.values()), k=count)
    statuses = chance.choices(list(_STATUSES), list(_STATUSES.values()), k=count)
    for n, kind, status in zip(range(count), kinds, statuses, strict=True):
        at = chance.choice(rooms)
        school = at["school_code"]
        words = TYPES[kind].label_vi if kind else "Thiết bị"
        facts: dict[str, Any] = {
            "tag": f"T{n:06}", "type": kind, "name": f"{words} {chance.randrange(1, 60)}",
            "serial": "" if chance.random() < 0.06 else f"{chance.getrandbits(36):09X}",
            "maker": chance.choice(_MAKERS), "model": f"M{chance.randrange(400)}", "supplier": "",
            "room": "" if chance.random() < 0.05 else at["code"], "status": status,
            "fund_source": "" if chance.random() < 0.03 else chance.choice(_FUNDS),
            "acquired": _FIRST + timedelta(days=chance.randrange(5_000)),
        }  # fmt: skip
        row = {**facts, "gaps": gaps_of(facts), "search": search_text(facts), "school_code": school}
        row |= {"room_code": row.pop("room"), "created_ms": 1, "changed_ms": n}
        row |= dict.fromkeys(("group_code", "node", "device"))
        if status == "in_use" and linked.get(school, 0) < LINKED:
            linked[school] = linked.get(school, 0) + 1
            row |= {"group_code": school, "node": f"{school}-a1", "device": f"d{linked[school]}"}
        yield row
