"""How long it takes to bring in equipment: a file of so many assets checked and applied, then checked again.

Without arguments SQLite in a folder of its own is measured; `--database-url` names another, empty database.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from devices import province
from hub import clock
from hub.benchmarks.processes import show
from hub.database import Database, migrate
from hub.imports import carrying
from hub.imports.planning import Whole
from hub.organisation.service import seed_province
from hub.organisation.tables import Room
from hub.sheets import By

_ROOMS = 30
_TYPES = (
    "Máy chiếu",
    "lab_pc",
    "Camera",
    "Điều hòa",
    "Bàn ghế, tủ kệ",
    "Máy tính xách tay",
    "ups",
    "Loa kéo",
)


def write(path: Path, assets: int, schools: list[str]) -> None:
    """Writes a file of so many assets."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(("Mã tài sản", "Loại thiết bị", "Tên thiết bị", "Số sê-ri", "Hãng", "Kiểu máy",
                      "Mã trường", "Mã phòng", "Ngày nhận", "Nguồn kinh phí", "Giá (đồng)",
                      "Trạng thái", "Ghi chú"))  # fmt: skip
        for n in range(assets):
            kind = _TYPES[n % 7]
            out.writerow((f"TS-{n:07d}", kind, f"{kind} số {n}", f"SN{n * 7919 % 10**9:09d}", "Epson",
                          f"EB-{n % 90}",
                          schools[n % len(schools)], f"P{n % _ROOMS:02d}",
                          f"{n % 28 + 1:02d}/{n % 12 + 1:02d}/2024",
                          "Ngân sách tỉnh", 1_000_000 + n, "Đang sử dụng", "Bàn giao"))  # fmt: skip


async def measure(url: str, folder: Path, assets: int) -> dict[str, Any]:
    """Brings a file in twice and gives the seconds of each step."""
    await migrate(url)
    database = Database(url)
    codes = [school.code for school in province.schools()]
    async with database.write() as session:
        await seed_province(session, clock.today())
        rooms = [{"school_code": code, "code": f"P{n:02d}"} for code in codes for n in range(_ROOMS)]
        await session.execute(insert(Room), rooms)
    path = folder / "assets.csv"
    write(path, assets, codes)
    by = By("bench", None, None, {}, clock.now_ms(), clock.today())
    seen: list[int] = []
    figures: dict[str, Any] = {
        "engine": url.partition(":")[0],
        "assets": assets,
        "mb": path.stat().st_size >> 20,
    }

    def tell(done: int, _total: int) -> None:
        seen.append(done)

    async def check(name: str) -> Whole:
        began_s = time.monotonic()
        whole = await carrying.check(database, "equipment", path, path.name, by, tell)
        figures[f"{name}_s"] = round(time.monotonic() - began_s, 1)
        return whole

    whole = await check("check")
    assert whole.summary["new"] == assets, (whole.summary, whole.plans[0].shown[:2])
    began_s = time.monotonic()
    await carrying.prepare(database, whole, by)
    locked_s = time.monotonic()
    async with database.write() as session:
        await carrying.apply(session, whole, by, "bench", tell)
    figures["apply_s"] = round(time.monotonic() - began_s, 1)
    figures["of_which_in_its_transaction_s"] = round(time.monotonic() - locked_s, 1)
    figures["total_s"] = round(figures["check_s"] + figures["apply_s"], 1)
    del whole
    again = await check("check_again")
    assert again.summary["same"] == assets, again.summary
    figures["steps_of_progress"] = len(seen)
    await database.close()
    return figures


def command(argv: list[str]) -> int:
    """`hub bench imports [--json]`: measure and print."""
    parser = argparse.ArgumentParser(prog="hub bench imports", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--database-url", help="another engine than SQLite; use an empty database")
    parser.add_argument("--assets", type=int, default=200_000)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        url = options.database_url or f"sqlite+aiosqlite:///{name}/hub.db"
        figures = asyncio.run(measure(url, Path(name), options.assets))
    show(figures, as_json=options.json)
    return 0
