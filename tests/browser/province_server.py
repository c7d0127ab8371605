"""A stand-in hub for the pages: a generated province over the real stream format, and levers to break it.

    python -m tests.browser.province_server 20500 --schools 24

It shows the client alone. What the hub really sends is checked elsewhere, against the hub itself.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import math
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from dashboards.pages import mount
from hub.web.policy import HEADERS
from tests.browser.api_stand_in import Records, router

Json = dict[str, Any]

SCHOOLS = Path(__file__).parents[2] / "devices" / "province" / "schools.csv"
SHORT = {
    "703": "TP. Tây Ninh",
    "709": "TX. Hòa Thành",
    "712": "TX. Trảng Bàng",
    "710": "Gò Dầu",
    "711": "Bến Cầu",
    "707": "Dương Minh Châu",
    "706": "Tân Châu",
    "705": "Tân Biên",
    "708": "Châu Thành",
}


def now_ms() -> int:
    """Give UTC epoch ms."""
    return time.time_ns() // 1_000_000


def walk(chance: random.Random, start: float, end: float, jitter: float, steps: int = 60) -> list[float]:
    """Make a plausible hour: a line from `start` to `end` with some noise, one value a minute."""
    return [
        max(
            0.0,
            start + (end - start) * i / (steps - 1) + chance.gauss(0, jitter) * math.sin(math.pi * i / steps),
        )
        for i in range(steps)
    ]


class Province:
    """A generated `WallPicture` and the streams that show it."""

    def __init__(
        self, source: Path, schools: int | None = None, seed: int = 7, troubled: bool = True
    ) -> None:
        chance = random.Random(seed)
        with source.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if schools is not None and schools < len(rows):
            rows = rows[:: max(1, len(rows) // schools)][:schools]
        self.version, self.beating, self.accepting = "1", True, True
        self.refusal = self.inquiries = 0
        self.streams: set[asyncio.Queue[str | None]] = set()
        self.picture = self._picture(chance, rows, troubled)

    def _picture(self, chance: random.Random, rows: list[dict[str, str]], troubled: bool) -> Json:
        schools: list[Json] = []
        for row in rows:
            rooms = chance.randint(8, 34)
            schools.append(
                {
                    "code": row["code"],
                    "name": row["name"],
                    "level": row["level"],
                    "district": row["district_code"],
                    "state": "ok",
                    "rooms": rooms,
                    "rooms_online": rooms,
                    "devices": rooms * 5,
                    "devices_online": rooms * 5 - chance.randint(0, 2),
                }
            )
        alarms: list[Json] = []
        if troubled:
            self._trouble(chance, schools, alarms)
        names = {row["district_code"]: row["district_name"] for row in rows}
        now, few = now_ms(), len(rows) < 100
        online = [s for s in schools if s["state"] not in ("offline", "unknown")]
        rx = sum(s["rooms"] for s in online) * 700
        open_now = [a for a in alarms if a["state"] != "suppressed"]

        def total(key: str) -> int:
            return sum(int(s[key]) for s in schools)

        uplinks = []
        for i, school in enumerate(chance.sample(online, min(12, len(online)))):
            peak = max(6.0, 97 - i * 7.5)
            hour: list[float | None] = [
                round(min(99, max(2, v)), 1) for v in walk(chance, peak * 0.5, peak, 14 if i else 30)
            ]
            if i == 5:
                hour[20:32] = [None] * 12
            hour[-1] = peak
            capacity = chance.choice([100_000, 200_000, 300_000, 500_000, 1_000_000])
            uplinks.append(
                {
                    "school": school["code"],
                    "name": school["name"],
                    "capacity_kbps": capacity,
                    "rx_kbps": int(capacity * peak / 100),
                    "tx_kbps": int(capacity * peak / 480),
                    "utilisation": round(peak, 1),
                    "latency_ms": 9 + chance.random() * (140 if i == 0 else 22),
                    "loss": 1.8 if i == 0 else 0.0,
                    "history": hour,
                }
            )
        return {
            "version": self.version,
            "ts_ms": now,
            "simulated": True,
            "clock_offset_ms": -5 * 3_600_000,
            "districts": [
                {"code": c, "name": n, "short": SHORT[c], "schools": sum(s["district"] == c for s in schools)}
                for c, n in names.items()
            ],
            "schools": schools,
            "figures": {
                "schools_online": len(online),
                "schools_total": len(schools),
                "rooms_online": total("rooms_online"),
                "rooms_total": total("rooms"),
                "devices_online": total("devices_online"),
                "devices_total": total("devices"),
                "rx_kbps": rx,
                "tx_kbps": rx // 5,
                "capacity_kbps": rx * 2,
                "alarms_open": len(open_now),
                "alarms_unacknowledged": sum(a["state"] == "unacknowledged" for a in open_now),
                "alarms_by_severity": {
                    level: sum(a["severity"] == level for a in open_now)
                    for level in ("critical", "major", "minor")
                },
                "alarms_standing_by_severity": {
                    level: sum(a["severity"] == level and a.get("returned_ms") is None for a in open_now)
                    for level in ("critical", "major", "minor")
                },
                "alarms_returned": sum(a.get("returned_ms") is not None for a in open_now),
                "history": {
                    "schools_online": [round(v) for v in walk(chance, len(schools), len(online), 1)],
                    "rooms_online": [
                        round(v) for v in walk(chance, total("rooms"), total("rooms_online"), 9)
                    ],
                    "devices_online": [
                        round(v) for v in walk(chance, total("devices"), total("devices_online"), 40)
                    ],
                    "rx_kbps": [round(v) for v in walk(chance, rx * 0.6, rx, rx / 20)],
                    "alarms_open": [round(v) for v in walk(chance, 3 if few else 6, len(open_now), 1)],
                    "alarms_unacknowledged": [round(v) for v in walk(chance, 1, 3, 1)],
                },
            },
            "alarms": alarms,
            "alarms_total": len(alarms),
            "uplinks": uplinks,
            "status": {"ingest_online": True, "data_ms": now, "messages_per_s": 1204.0, "quarantined": 0},
        }

    def _trouble(self, chance: random.Random, schools: list[Json], alarms: list[Json]) -> None:
        def pick(district: str, count: int) -> list[Json]:
            own = [s for s in schools if s["district"] == district and s["state"] == "ok"]
            return chance.sample(own, min(count, len(own)))

        few = len(schools) < 100
        now = now_ms()
        plan = [
            ("706", "offline", 1 if few else 9),
            ("706", "critical", 0 if few else 2),
            ("706", "major", 0 if few else 5),
            ("706", "minor", 0 if few else 4),
            ("711", "offline", 0 if few else 2),
            ("711", "major", 1 if few else 3),
            ("711", "critical", 0 if few else 1),
            ("712", "major", 0 if few else 2),
            ("712", "minor", 1 if few else 3),
            ("708", "unknown", 0 if few else 1),
            ("703", "minor", 0 if few else 2),
            ("707", "minor", 0 if few else 1),
            ("705", "major", 0 if few else 1),
            ("705", "offline", 0 if few else 1),
            ("709", "unknown", 1),
            ("703", "critical", 1 if few else 0),
        ]
        words = {
            "offline": (
                "Trường mất kết nối",
                "School offline",
                "Đường truyền ngắt",
                "The uplink is down",
                "critical",
            ),
            "critical": (
                "Ngập nước / rò nước",
                "Water leak",
                "Cảm biến nước báo ướt",
                "The sensor is wet",
                "critical",
            ),
            "major": (
                "Máy chiếu lỗi đèn",
                "Projector lamp fault",
                "Đèn hỏng",
                "The lamp has failed",
                "major",
            ),
            "minor": (
                "Nồng độ CO₂ cao",
                "CO₂ high",
                "1.240 ppm, ngưỡng 1.200 ppm",
                "1,240 ppm, limit 1,200 ppm",
                "minor",
            ),
        }
        for district, state, count in plan:
            for school in pick(district, count):
                school["state"] = state
                if state in ("offline", "unknown"):
                    school["rooms_online"] = school["devices_online"] = 0
                if state == "unknown":
                    continue
                vi, en, detail_vi, detail_en, severity = words[state]
                taken = chance.random() < 0.5
                alarms.append(
                    {
                        "id": f"a{len(alarms):03}",
                        "school": school["code"],
                        "room": "-" if state == "offline" else f"P{chance.randint(101, 112)}",
                        "node": f"{school['code']}-a1",
                        "device": "x",
                        "kind": "uplink",
                        "metric": "",
                        "condition": "",
                        "severity": severity,
                        "state": "acknowledged" if taken else "unacknowledged",
                        "title_vi": vi,
                        "title_en": en,
                        "detail_vi": detail_vi,
                        "detail_en": detail_en,
                        "value": None,
                        "limit": None,
                        "unit": None,
                        "raised_ms": now - chance.randint(180, 9_000) * 1000,
                        "returned_ms": None,
                        "acknowledged_ms": now - 60_000 if taken else None,
                        "acknowledged_by": chance.choice(["N. V. Hùng", "T. T. Mai", "L. Q. Bảo"])
                        if taken
                        else None,
                        "comment": None,
                        "suppressed_by": None,
                    }
                )
                if state == "offline":
                    for i in range(3):
                        child = {**alarms[-1], "id": f"{alarms[-1]['id']}-{i}", "state": "suppressed"}
                        alarms.append({**child, "suppressed_by": alarms[-1]["id"], "severity": "major"})

    def send(self, event: str, data: Json) -> None:
        """Send one event to every open stream."""
        for queue in self.streams:
            queue.put_nowait(
                f"id: {now_ms()}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
            )

    async def beats(self) -> None:
        """Beat once a second."""
        while True:
            if self.beating:
                now = now_ms()
                self.picture["status"]["data_ms"] = now - 100
                self.send("beat", {"ts_ms": now, "data_ms": now - 100, "version": self.version})
            await asyncio.sleep(1)

    async def events(self) -> AsyncIterator[str]:
        """Give one stream: the whole picture, then what is sent."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(1000)
        picture = {**self.picture, "version": self.version, "ts_ms": now_ms()}
        yield f"event: snapshot\ndata: {json.dumps(picture, ensure_ascii=False)}\n\n"
        self.streams.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self.streams.discard(queue)


def build(province: Province, records: Records) -> FastAPI:
    """Put pages, stream, API and levers together."""
    app = FastAPI(openapi_url=None)
    beats: list[asyncio.Task[None]] = []

    @app.middleware("http")
    async def policy(request: Request, call_next: Any) -> Response:
        if not beats:
            beats.append(asyncio.create_task(province.beats()))
        response: Response = await call_next(request)
        response.headers.update(HEADERS)  # with the hub's own policy, or the tests would prove little
        return response

    @app.get("/api/v1/wall/{wall}/stream")
    async def stream(wall: str) -> Response:
        if province.refusal:
            return JSONResponse({"title": "no", "status": province.refusal}, status_code=province.refusal)
        if not province.accepting:
            return JSONResponse({"title": "away", "status": 503}, status_code=503)
        return StreamingResponse(
            province.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @app.get("/api/v1/wall/{wall}")
    async def picture(wall: str) -> Response:
        province.inquiries += 1
        if not province.accepting:
            return JSONResponse({"title": "away", "status": 503}, status_code=503)
        return JSONResponse(province.picture, status_code=province.refusal or 200)

    @app.post("/lever")
    async def lever(request: Request) -> Json:
        wanted = await request.json()
        for name in ("version", "beating", "accepting", "refusal"):
            if name in wanted:
                setattr(province, name, wanted[name])
        if "delta" in wanted:
            province.send("delta", wanted["delta"])
        if wanted.get("cut"):
            for queue in list(province.streams):
                queue.put_nowait(None)
        return {"streams": len(province.streams)}

    @app.get("/lever/picture")
    async def whole() -> Json:
        return province.picture

    app.include_router(router(records))
    mount(app, simulated=True)
    return app


def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--schools", type=int)
    options.add_argument("--source", type=Path, default=SCHOOLS)
    options.add_argument("--calm", action="store_true")
    chosen = options.parse_args()
    province = Province(chosen.source, chosen.schools, troubled=not chosen.calm)
    uvicorn.run(
        build(province, Records(province.picture)),
        host="127.0.0.1",
        port=chosen.port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
