"""A plausible register for simulated schools: what their rooms hold, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets import service
from hub.assets.tables import Asset
from hub.assets.types import TYPE_OF_KIND, TYPES

_MAKERS = {
    "lab_pc": ("FPT Elead", "M500"),
    "laptop": ("Dell", "Latitude 3540"),
    "projector": ("Epson", "EB-695Wi"),
    "interactive_display": ("Samsung", "WA75D"),
    "air_conditioner": ("Daikin", "FTKF50"),
    "camera": ("Hikvision", "DS-2CD2143"),
    "ups": ("Santak", "Blazer 2000"),
    "tablet_cart": ("Hòa Phát", "TS30"),
    "vr_headset": ("Pico", "4 Enterprise"),
    "conference_codec": ("Poly", "Studio X50"),
    "printer": ("Canon", "LBP226dw"),
    "furniture": ("Hòa Phát", "BHS108"),
    "board": ("Hàn Việt", "BTL-36"),
}
_FUNDS = ("Ngân sách tỉnh", "Ngân sách huyện", "Chương trình mục tiêu", "Xã hội hóa giáo dục")
_SUPPLIERS = ("Công ty Sách và Thiết bị trường học Tây Ninh", "FPT IS", "Viettel Tây Ninh")
_DAYS_A_YEAR = 365.25


async def seed(
    session: AsyncSession, schools: Iterable[Mapping[str, Any]], luck: int, now_ms: int, today: date
) -> int:
    """Enters the equipment of planned schools that have none in the register yet; gives how many.

    A plan has `school`, `node`, `age_years`, `rooms` (`code`, `type`, `seats`, `age_years`) and `devices`
    (`device`, `kind`, `room`, `name`, `age_years`).
    """
    known = set((await session.execute(select(Asset.school_code).distinct())).scalars())
    rows: list[dict[str, Any]] = []
    links: list[dict[str, str]] = []
    for plan in schools:
        if plan["school"] not in known:
            _equip(plan, luck, today, rows, links)
    differences = await service.compare(session, service.with_tags(rows))
    await service.upsert(session, differences, "demo", now_ms, today)
    if links:
        table = cast(Table, Asset.__table__)
        key: dict[str, Any] = {name: bindparam(name) for name in ("group_code", "node", "device")}
        linked = update(table).where(table.c.tag == bindparam("_tag")).values(**key)
        await (await session.connection()).execute(linked, links)
    return len(rows)


def _equip(
    plan: Mapping[str, Any], luck: int, today: date, rows: list[dict[str, Any]], links: list[dict[str, str]]
) -> None:
    school: str = plan["school"]
    dice = random.Random(f"{luck}/{school}")
    first = len(rows)

    def add(kind: str, name: str, room: str, age_years: float) -> str:
        tag = f"{school}-{len(rows) - first + 1:04d}"
        rows.append(_row(dice, tag, school, kind, name, room, age_years, today))
        return tag

    there: dict[str, int] = {}
    for device in plan["devices"]:
        kind = TYPE_OF_KIND.get(device["kind"], "other")  # a new kind is one file, and not this one
        room = "" if device["room"] == "-" else device["room"]
        tag = add(kind, device["name"], room, device["age_years"])
        address = {"group_code": school, "node": plan["node"], "device": device["device"]}
        links.append({"_tag": tag, **address})
        there[room] = there.get(room, 0) + (kind == "lab_pc")
    for room in plan["rooms"]:
        code, age_years = room["code"], room["age_years"]
        add("furniture", f"Bộ bàn ghế học sinh {code}", code, age_years)
        if room["type"] == "computer_lab":  # most of a lab is older than the hub, and nobody watches it
            for number in range(there.get(code, 0), room["seats"] - dice.choice((0, 0, 0, 1, 3, 5))):
                add("lab_pc", f"Máy tính {code}-{number + 1:02d}", code, age_years)
        else:
            add("board", f"Bảng từ {code}", code, age_years)
    for number in range(1, 4):
        add("laptop", f"Máy tính xách tay văn phòng {number}", "", plan["age_years"])
    add("printer", "Máy in văn phòng", "", plan["age_years"])


def _row(
    dice: random.Random, tag: str, school: str, kind: str, name: str, room: str, age_years: float, today: date
) -> dict[str, Any]:
    maker, model = _MAKERS.get(kind, ("", ""))
    acquired = today - timedelta(days=int(age_years * _DAYS_A_YEAR) + dice.randrange(20))
    row: dict[str, Any] = {
        "tag": tag, "school": school, "room": room, "name": name, "type": kind, "maker": maker,
        "model": model,
        "serial": f"{kind[:2].upper()}{dice.getrandbits(36):09X}", "acquired": acquired,
        "fund_source": dice.choice(_FUNDS), "supplier": dice.choice(_SUPPLIERS),
        "price_vnd": dice.randrange(10, 400) * 100_000,
        "warranty_until": acquired + timedelta(days=730) if TYPES[kind].kinds else None,
        "status": dice.choices(("in_use", "spare", "repair"), (95, 3, 2))[0],
        "condition": dice.choices(("good", "fair", "poor"), (70, 25, 5))[0],
    }  # fmt: skip
    if dice.random() < 0.09:
        gap = dice.choice(("serial", "acquired", "fund_source", "serial"))
        row[gap] = None if gap == "acquired" else ""
    return row
