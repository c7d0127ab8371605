"""A stand-in for what the technicians' pages ask, with a list as long as one wants.

    python -m tests.browser.tech_server 20600 --devices 10000

It shows the client alone. What the hub really answers is checked elsewhere, against the hub itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from devices.kind import kinds
from tests.browser.api_stand_in import Records, problem
from tests.browser.province_server import SCHOOLS, SHORT, Province, build, now_ms
from tests.browser.tech_fleet import FACETS, HOUR_MS, Fleet, plain

Json = dict[str, Any]


def routes(fleet: Fleet) -> APIRouter:
    """Make the routes; those of the console's stand-in come after them."""
    api = APIRouter(prefix="/api/v1")
    away = problem(503, "The hub is away")

    def get_device(group: str, node: str, device: str) -> Json | None:
        return next(
            (d for d in fleet.devices if (d["group"], d["node"], d["device"]) == (group, node, device)), None
        )

    @api.get("/devices/facets", response_model=None)
    async def facets(request: Request) -> Response:
        wanted = dict(request.query_params)
        counts = {
            name: Counter(
                d["presence"]["state"] if name == "presence" else d[name] or "none"
                for d in fleet.found(wanted, but=name)
            )
            for name in FACETS
        }
        known = kinds()
        answer = {
            "kinds": [
                {"id": k, "label_vi": known[k].label_vi, "label_en": known[k].label_en, "count": n}
                for k, n in sorted(counts["kind"].items())
            ],
            "districts": [
                {"code": c, "name": SHORT[c], "count": n} for c, n in sorted(counts["district"].items())
            ],
            "presence": counts["presence"],
            "severity": counts["severity"],
        }
        return away if fleet.away else JSONResponse(answer)

    @api.get("/devices", response_model=None)
    async def devices(request: Request, sort: str = "place", cursor: int = 0, limit: int = 100) -> Response:
        fleet.asked["devices"] += 1
        wanted = dict(request.query_params)
        found = fleet.found(wanted)
        if sort == "severity":
            found.sort(key=lambda d: {"critical": 0, "major": 1, "minor": 2}.get(d["severity"], 3))
        elif sort in ("name", "kind"):
            found.sort(key=lambda d: d[sort])
        more = cursor + limit if cursor + limit < len(found) else None
        items = [
            {k: v for k, v in d.items() if k not in ("metrics", "text")}
            for d in found[cursor : cursor + limit]
        ]
        answer = {"items": items, "next_cursor": more, "total": len(found)}
        return away if fleet.away else JSONResponse(answer)  # ready as it is: nothing to look through

    @api.get("/devices/{group}/{node}/{device}", response_model=None)
    async def device(group: str, node: str, device: str) -> Response | Json:
        found = get_device(group, node, device)
        agent = {
            "node": node,
            "presence": {"state": "born", "reason": "birth", "since_ms": now_ms() - 9_000_000},
            "software": "agent 0.1",
            "simulated": True,
            "clock_offset_ms": -240,
            "skew_ms": 35,
            "outbox": {"position": 88_412, "stored": 88_410, "first": 88_411, "unacknowledged": 2, "lost": 0},
            "last_heard_ms": now_ms() - 900,
        }
        if fleet.away:
            return away
        return (
            found | {"agent": agent} if found else problem(404, "Not found", detail="there is no such device")
        )

    @api.get("/devices/{group}/{node}/{device}/commands")
    @api.get("/devices/{group}/{node}/{device}/wanted")
    async def nothing_asked() -> Json:
        return {"items": [], "next_cursor": None}

    @api.get("/devices/{group}/{node}/{device}/metrics/{name:path}", response_model=None)
    async def history(name: str, start: int, end: int, points: int) -> Response | Json:
        return away if fleet.away else fleet.history(name, start, end, points)

    @api.get("/presence", response_model=None)
    async def presence(group: str, node: str, device: str) -> Response | Json:
        now = now_ms()
        items = [
            {"state": s, "reason": r, "since_ms": now - h * HOUR_MS}
            for s, r, h in (
                ("born", "birth", 3),
                ("dead", "timeout", 5),
                ("born", "birth", 40),
                ("stale", "silence", 41),
                ("born", "birth", 300),
            )
        ]
        return away if fleet.away else {"items": items, "next_cursor": None}

    @api.get("/traffic/stream", response_model=None)
    async def traffic(group: str = "", node: str = "", device: str = "") -> Response:
        async def events() -> AsyncIterator[str]:
            for seq in range(1_000_000):
                metrics = [
                    {
                        "name": "CO2",
                        "value": 700 + seq % 60,
                        "datatype": "Int32",
                        "ts_ms": now_ms(),
                        "is_historical": False,
                        "is_null": False,
                        "alias": None,
                    }
                ]
                message = {
                    "ts_ms": now_ms(),
                    "topic": f"spBv1.0/{group}/DDATA/{node}/{device}",
                    "type": "DDATA",
                    "group": group,
                    "node": node,
                    "device": device,
                    "seq": seq % 256,
                    "sent_ms": now_ms() - 20,
                    "bytes": 64,
                    "metrics": metrics,
                    "problem": None,
                }
                yield f"event: message\ndata: {json.dumps(message)}\n\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(events(), media_type="text/event-stream")

    @api.get("/views", response_model=None)
    async def views() -> Response | Json:
        return away if fleet.away else {"items": list(fleet.views.values()), "next_cursor": None}

    @api.put("/views/{name}")
    async def save(name: str, view: Json) -> Json:
        kept: Json = {"name": name, **view}
        fleet.views[name] = kept
        return kept

    @api.delete("/views/{name}", status_code=204)
    async def forget(name: str) -> Response:
        fleet.views.pop(name, None)
        return Response(status_code=204)

    def summary(found: Json) -> Json:
        down = found["state"] == "offline"
        state = {"ok": "ok", "offline": "down", "unknown": "unknown"}.get(found["state"], "degraded")
        return {
            "code": found["code"],
            "name": found["name"],
            "level": found["level"],
            "district": found["district"],
            "district_name": SHORT[found["district"]],
            "state": state,
            "since_ms": now_ms() - 1_260_000,
            "rooms": found["rooms"],
            "devices": found["devices"],
            "devices_online": found["devices_online"],
            "nodes": 1,
            "nodes_online": 0 if down else 1,
            "alarms_open": int(state != "ok"),
            "severity": "critical" if down else None,
        }

    @api.get("/schools", response_model=None)
    async def schools(q: str = "", district: str = "", state: str = "") -> Response | Json:
        found = [
            one
            for one in map(summary, fleet.schools.values())
            if all(word in plain(one["name"] + one["code"]) for word in plain(q).split())
            and district in ("", one["district"])
            and state in ("", one["state"])
        ]
        return away if fleet.away else {"items": found, "next_cursor": None, "total": len(found)}

    @api.get("/organisation/units")
    async def units() -> Json:
        return {
            "items": [{"code": code, "name": name, "kind": "district"} for code, name in SHORT.items()],
            "next_cursor": None,
        }

    @api.get("/schools/{code}", response_model=None)
    async def school(code: str) -> Response | Json:
        found = fleet.schools.get(code)
        if fleet.away or not found:
            return away if fleet.away else problem(404, "Not found", detail="there is no such school")
        mine = [
            {k: v for k, v in d.items() if k not in ("metrics", "text")}
            for d in fleet.devices
            if d["school"] == code
        ]
        broken = found["state"] == "offline"
        since = now_ms() - 1_260_000
        names = (
            ("province", "Tỉnh", "Province"),
            ("district", "Huyện", "District"),
            ("school_uplink", "Đường truyền trường", "School uplink"),
            ("agent", "Máy biên", "Edge node"),
            ("rooms", "Phòng", "Rooms"),
        )
        path = [
            {
                "id": i,
                "label_vi": vi,
                "label_en": en,
                "since_ms": since if broken and n > 1 else None,
                "alarm_id": None,
                "node": None,
                "state": "down" if broken and n == 2 else "unknown" if broken and n > 2 else "ok",
                "detail_vi": "Đường truyền ngắt" if broken and n == 2 else "",
                "detail_en": "The line is cut" if broken and n == 2 else "",
            }
            for n, (i, vi, en) in enumerate(names)
        ]
        rooms = [
            {
                "code": r,
                "name": f"Phòng {r[1:]}",
                "type": "classroom",
                "devices": [d for d in mine if d["room"] == r],
            }
            for r in sorted({d["room"] for d in mine})
        ]
        return {
            "school": {
                "code": code,
                "name": found["name"],
                "level": found["level"],
                "district": found["district"],
                "district_name": SHORT[found["district"]],
            },
            "state": summary(found)["state"],
            "since_ms": since,
            "path": path,
            "rooms": rooms,
            "alarms_open": 2 if broken else 0,
            "nodes": [
                {
                    "group": code,
                    "node": f"{code}-a1",
                    "software": "agent 0.1",
                    "claimed": True,
                    "school": code,
                    "presence": {
                        "state": "dead" if broken else "born",
                        "reason": "will" if broken else "birth",
                        "since_ms": since,
                    },
                    "devices": [d["device"] for d in mine],
                    "devices_online": 0 if broken else len(mine),
                    "metrics": [],
                }
            ],
        }

    @api.get("/quarantine/{row}", response_model=None)
    async def quarantined(row: int) -> Json:
        return {
            "id": row,
            "reason": "unknown_alias",
            "payload_hex": "0a0c1020" * 40,
            "truncated": False,
            "decoded": {"seq": 7, "metrics": [{"alias": 9}]},
        }

    return api


def build_tech(province: Province, records: Records, fleet: Fleet) -> FastAPI:
    """Put the technicians' routes before the console's."""
    records.permissions = [*records.permissions, "presence.read", "telemetry.read", "traffic.read"]
    app = build(province, records)
    ahead = FastAPI(openapi_url=None)
    ahead.include_router(routes(fleet))
    app.router.routes[:0] = ahead.router.routes
    return app


def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--schools", type=int)
    chosen = options.parse_args()
    province = Province(SCHOOLS, chosen.schools)
    fleet = Fleet(province.picture["schools"], chosen.devices)
    app = build_tech(province, Records(province.picture), fleet)
    uvicorn.run(app, host="127.0.0.1", port=chosen.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
