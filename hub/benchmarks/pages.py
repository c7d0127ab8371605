"""What pages wait for: 1,100 units, 15,000 rooms and 200,000 assets in a database of its own.

Routes are asked in turn, one after the other, in the process itself: without a network or a browser.
A database given by `--database-url` has to be empty; it is filled and left as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import insert

from hub.accounts import service as accounts
from hub.assets.tables import Asset
from hub.benchmarks import assets_made
from hub.benchmarks.processes import percentile, show
from hub.clock import now_ms, today
from hub.database import Base, Database, migrate
from hub.events import Events
from hub.garbage import collect_rarely
from hub.organisation.tables import Headcount, Placement, Room, Unit
from hub.settings import Settings
from hub.web_role import build

TARGET_MS = 300
CHECK_TARGET_MS = 0.2
_LEVELS = ("MN", "TH", "THCS", "THPT")
_TYPES = ("smart_classroom", "computer_lab", "library", "classroom")
_PLACES = ("Tân Châu", "Hòa Thành", "Gò Dầu", "Bến Cầu", "Châu Thành")
_BATCH = 2_000
_SINCE = date(1900, 1, 1)
_DOCUMENTS = 15  # devices a school that the live picture shows


def _unit(code: str, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "kind": kind, "levels": [], "district_code": None, **more}


def _units() -> Iterator[tuple[dict[str, Any], str | None]]:
    """1,100 units with their parents: a department, 9 districts, 90 communes, 1,000 schools."""
    yield _unit("SO", "Sở Giáo dục và Đào tạo", "department"), None
    for n in range(9):
        yield _unit(f"D{n}", f"Huyện {_PLACES[n % 5]} {n}", "district", district_code=f"D{n}"), "SO"
    for n in range(90):
        yield _unit(f"X{n:03}", f"Xã {_PLACES[n % 5]} {n}", "commune", district_code=f"D{n % 9}"), f"D{n % 9}"
    for n in range(1000):
        more = {"levels": [_LEVELS[n % 4]], "district_code": f"D{n % 90 % 9}"}
        yield _unit(f"S{n:04}", f"Trường {_PLACES[n % 5]} số {n}", "school", **more), f"X{n % 90:03}"


async def _insert(database: Database, table: type[Base], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _BATCH):
        async with database.write() as session:
            await session.execute(insert(table.__table__), rows[start : start + _BATCH])  # type: ignore[arg-type]


async def fill(database: Database, assets: int, chance: random.Random) -> None:
    """Writes the tree, the rooms, the headcounts and the assets."""
    units = list(_units())
    await _insert(database, Unit, [unit for unit, _ in units])
    placed = [
        {"unit_code": unit["code"], "parent_code": parent, "valid_from": _SINCE}
        for unit, parent in units
        if parent
    ]
    await _insert(database, Placement, placed)
    schools = [unit["code"] for unit, _ in units if unit["kind"] == "school"]
    rooms = [
        {"school_code": code, "code": f"P{n:02}", "name": f"Phòng {n}", "type": _TYPES[n % 4], "seats": 40}
        for code in schools
        for n in range(15)
    ]
    await _insert(database, Room, rooms)
    heads = {
        "pupils": 800,
        "pupils_with_id": 799,
        "teachers": 50,
        "teachers_with_record": 50,
        "changed_ms": 1,
    }
    await _insert(
        database, Headcount, [{"unit_code": code, "as_of": date(2026, 9, 5), **heads} for code in schools]
    )
    made = sorted(assets_made.assets(rooms, assets, chance), key=lambda row: (row["school_code"], row["tag"]))
    await _insert(database, Asset, made)


def _documents(picture: Any) -> None:
    """The live picture of every school: a node and its devices."""
    for n in range(1000):
        school = f"S{n:04}"
        for number in range(_DOCUMENTS + 1):
            device = f"d{number}" if number else None
            document = {
                "school": school, "group": school, "room": f"P{number % 15:02}" if device else "-",
                "node": f"{school}-a1", "device": device, "kind": "room_air" if device else None,
                "claimed": True, "presence": {"state": "born", "reason": "", "since_ms": 1}, "metrics": {},
            }  # fmt: skip
            topic = f"hub/live/{school}/{document['room']}/{device or document['node']}"
            picture.message(topic, orjson.dumps(document))


def _questions(chance: random.Random) -> list[tuple[str, str]]:
    school, commune = f"S{chance.randrange(1000):04}", f"X{chance.randrange(90):03}"
    district = f"D{chance.randrange(9)}"
    organisation = "/api/v1/organisation"
    return [
        ("units", f"{organisation}/units?limit=100"),
        ("units, search", f"{organisation}/units?q=tan%20chau&limit=100"),
        ("unit: department", f"{organisation}/units/SO"),
        ("unit: school", f"{organisation}/units/{school}"),
        ("unit on a day", f"{organisation}/units/{school}?on=2024-05-01"),
        ("children: department", f"{organisation}/units/SO/children"),
        ("children: district", f"{organisation}/units/{district}/children"),
        ("children: commune", f"{organisation}/units/{commune}/children"),
        ("rooms of a school", f"{organisation}/rooms?school={school}"),
        ("rooms, search", f"{organisation}/rooms?q=phong%2012&limit=100"),
        ("rooms, 1000", f"{organisation}/rooms?limit=1000"),
        ("counts: department", f"{organisation}/counts?unit=SO"),
        ("counts: district", f"{organisation}/counts?unit={district}"),
        ("changes", f"{organisation}/changes"),
        ("assets of a school", f"/api/v1/assets?school={school}"),
        ("assets, search", f"/api/v1/assets?q=thiet%20bi%20{chance.randrange(200_000)}"),
        ("assets of a district", f"/api/v1/assets?district={district}"),
        ("assets, one word", "/api/v1/assets?q=may"),
        ("assets, by name", "/api/v1/assets?q=may&sort=name"),
        ("assets, 1000", "/api/v1/assets?limit=1000"),
        ("facets", "/api/v1/assets/facets"),
        ("facets of a district", f"/api/v1/assets/facets?district={district}"),
        ("facets, one word", "/api/v1/assets/facets?q=may"),
        ("completeness", "/api/v1/assets/completeness?unit=SO"),
        ("computers per pupil", "/api/v1/assets/computers?unit=SO"),
        ("computers per pupil, 500", "/api/v1/assets/computers?unit=SO&limit=500"),
        ("labels of a room", f"/api/v1/assets/labels.pdf?school={school}&room=P01"),
    ]


@asynccontextmanager
async def _url(given: str | None) -> AsyncIterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        yield given or f"sqlite+aiosqlite:///{name}/hub.db", Path(name)


async def measure(given: str | None, assets: int, rounds: int, seed: int) -> dict[str, Any]:
    """Fills a database and gives p95 in milliseconds by route, and what a permission check costs."""
    chance = random.Random(seed)
    async with _url(given) as (url, folder):
        await migrate(url)
        database = Database(url)
        try:
            await fill(database, assets, chance)
            async with database.write() as session:
                admin = await accounts.create_token(
                    session, "api", "bench", now_ms(), role="inspector", unit_code="SO"
                )
                local = await accounts.create_token(
                    session, "api", "district", now_ms(), role="inspector", unit_code="D1"
                )
            app = build(Settings(data_dir=folder), database, Events("mqtt://127.0.0.1:1", "bench"))
            _documents(app.state.picture)
            collect_rarely()
            found: dict[str, Any] = {"engine": url.partition(":")[0].partition("+")[0], "assets": assets}
            found["p95_ms"] = await _ask(app, admin, rounds, chance)
            found["worst_p95_ms"] = max(found["p95_ms"].values())
            return found | await _checks(app, database, local)
        finally:
            await database.close()


async def _ask(app: Any, secret: str, rounds: int, chance: random.Random) -> dict[str, float]:
    took: dict[str, list[float]] = {}
    headers = {"Authorization": f"Bearer {secret}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client:
        for _ in range(rounds):
            for name, path in _questions(chance):
                started_s = time.perf_counter()
                answer = await client.get(path)
                took.setdefault(name, []).append((time.perf_counter() - started_s) * 1000)
                if answer.status_code != 200:
                    raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return {name: round(percentile(times, 0.95), 1) for name, times in took.items()}


async def _checks(app: Any, database: Database, secret: str) -> dict[str, float]:
    """The permission check alone, and with finding out who asks, which asks the database every time."""
    principal = await app.state.authenticate.of_secret(secret, ("api",))
    assert principal is not None
    rounds, day = 2_000, today()
    async with database.read() as session:
        started_s = time.perf_counter()
        for n in range(rounds):
            where = await app.state.trees.subtree(session, "D1", day)
            assert where is not None
            principal.may("assets.read", f"S{n % 1000:04}")
        check_ms = (time.perf_counter() - started_s) * 1000 / rounds
    started_s = time.perf_counter()
    for _ in range(200):
        await app.state.authenticate.of_secret(secret, ("api",))
    whole_ms = (time.perf_counter() - started_s) * 1000 / 200
    return {"permission_check_ms": round(check_ms, 4), "authentication_ms": round(whole_ms, 3)}


def command(argv: list[str]) -> int:
    """`hub bench pages [--json]`: measure, print, and fail where a page takes too long."""
    parser = argparse.ArgumentParser(prog="hub bench pages", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--database-url", help="an empty database of another engine: postgresql+psycopg://…")
    parser.add_argument("--assets", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=40, help="how often each route is asked")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    found = asyncio.run(measure(options.database_url, options.assets, options.rounds, options.seed))
    if options.json:
        show(found, as_json=True)
    else:
        show({**found.pop("p95_ms"), **found}, as_json=False)
    return int(found["worst_p95_ms"] >= TARGET_MS or found["permission_check_ms"] >= CHECK_TARGET_MS)
