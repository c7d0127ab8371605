"""A stand-in for the part of the public API that the console uses, kept in memory, with the hub's shapes."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from tests.browser.alarms_stand_in import alarm_router

Json = dict[str, Any]
PASSWORD = "correct horse"
PERMISSIONS = [
    "account.self",
    "alarms.acknowledge",
    "alarms.read",
    "devices.read",
    "organisation.read",
    "quarantine.read",
    "quarantine.replay",
    "registry.claim",
    "status.read",
    "wall.read",
]


def problem(status: int, title: str, **more: str) -> JSONResponse:
    """Make a problem document."""
    return JSONResponse(
        {"title": title, "status": status, **more}, status, media_type="application/problem+json"
    )


class Records:
    """What the console reads and changes; `away` makes the API answer 503."""

    def __init__(self, picture: Json) -> None:
        self.picture = picture
        self.permissions = list(PERMISSIONS)
        self.away = False
        self.replayed: list[int] = []
        now = time.time_ns() // 1_000_000
        self.nodes: list[Json] = [
            {
                "group": "Xưởng A",
                "node": "plc-7",
                "school": "Xưởng A",
                "claimed": False,
                "simulated": False,
                "software": None,
                "presence": {"state": "born", "reason": "birth", "since_ms": now - 70_000},
                "devices": ["d1"],
                "devices_online": 1,
                "alarms": [],
                "metrics": [
                    {
                        "name": "Properties/Hardware",
                        "value": "S7",
                        "unit": None,
                        "ts_ms": now,
                        "quality": "good",
                    }
                ],
            },
            {
                "group": "D703-MN-01",
                "node": "D703-MN-01-a1",
                "school": "D703-MN-01",
                "claimed": True,
                "simulated": True,
                "software": "agent 0.1",
                "devices": [],
                "devices_online": 0,
                "metrics": [],
                "presence": {"state": "dead", "reason": "will", "since_ms": now - 900_000},
                "alarms": [],
            },
        ]
        self.quarantine: list[Json] = [
            {
                "id": 4,
                "received_ms": now - 5000,
                "group": "Xưởng A",
                "node": "plc-7",
                "device": None,
                "topic": "spBv1.0/Xưởng A/NDATA/plc-7",
                "reason": "unknown_alias",
                "detail": "alias 9 not born",
                "size": 212,
                "replayed_ms": None,
            }
        ]


def router(records: Records) -> APIRouter:
    """Make the routes."""
    api = APIRouter(prefix="/api/v1")

    def who() -> Json:
        return {
            "username": "mai",
            "name": "Trần Thị Mai",
            "kind": "session",
            "language": "vi",
            "grants": [{"role": "operations", "unit": "*"}],
            "permissions": records.permissions,
            "everywhere": [],
        }

    def refused(request: Request) -> JSONResponse | None:
        if records.away:
            return problem(503, "The hub is away")
        if "hub_session" not in request.cookies:
            return problem(401, "Sign in first")
        if request.method != "GET" and "x-requested-with" not in request.headers:
            return problem(403, "Cross-site request")
        return None

    @api.post("/session", status_code=201)
    async def log_in(request: Request) -> Response:
        wanted = await request.json()
        if wanted["password"] != PASSWORD:
            return problem(401, "the username or the password is wrong")
        answer = JSONResponse(who(), 201)
        answer.set_cookie("hub_session", "secret", httponly=True)
        return answer

    @api.get("/session/providers")
    async def providers() -> list[Json]:
        return []

    @api.get("/session", response_model=None)
    async def who_am_i(request: Request) -> Response | Json:
        return refused(request) or who()

    @api.delete("/session")
    async def log_out() -> Response:
        answer = Response(status_code=204)
        answer.delete_cookie("hub_session")
        return answer

    api.include_router(alarm_router(records.picture, refused))

    @api.get("/nodes", response_model=None)
    async def nodes(request: Request, claimed: bool | None = None) -> Response | Json:
        found = [n for n in records.nodes if claimed in (None, n["claimed"])]
        return refused(request) or {"items": found, "next_cursor": None}

    @api.post("/nodes/{group}/{node}/claim", response_model=None)
    async def claim(request: Request, group: str, node: str) -> Response | Json:
        wanted = await request.json()
        if not any(school["code"] == wanted["school"] for school in records.picture["schools"]):
            return problem(422, "Wrong", detail="there is no such school", fix="use a code of the list")
        found = next(n for n in records.nodes if (n["group"], n["node"]) == (group, node))
        found.update(claimed=True, school=wanted["school"])
        return refused(request) or {"group": group, "node": node, **wanted}

    @api.get("/devices", response_model=None)
    async def devices(request: Request, group: str, node: str) -> Response | Json:
        found = [{"group": group, "node": node, "device": "d1", "name": "Bơm", "presence": {"state": "born"}}]
        return refused(request) or {"items": found, "next_cursor": None}

    @api.get("/devices/{group}/{node}/{device}", response_model=None)
    async def device(request: Request, group: str, node: str, device: str) -> Response | Json:
        metric = {"name": "Áp suất", "value": 2.5, "unit": "bar", "ts_ms": 1, "quality": "good"}
        return refused(request) or {"group": group, "node": node, "device": device, "metrics": [metric]}

    @api.get("/quarantine", response_model=None)
    async def quarantine(request: Request) -> Response | Json:
        return refused(request) or {"items": records.quarantine, "next_cursor": None}

    @api.post("/quarantine/replay", status_code=202, response_model=None)
    async def replay(request: Request) -> Response | Json:
        ids: list[int] = (await request.json())["ids"]
        records.replayed.extend(ids)
        for row in records.quarantine:
            if row["id"] in ids:
                row["replayed_ms"] = 1
        return refused(request) or {"requested": ids, "missing": []}

    @api.get("/organisation/units", response_model=None)
    async def units(request: Request) -> Response | Json:
        districts = [{"code": d["code"], "name": d["name"]} for d in records.picture["districts"]]
        return refused(request) or {"items": districts, "next_cursor": None}

    @api.get("/organisation/schools", response_model=None)
    async def schools(request: Request) -> Response | Json:
        return refused(request) or {"items": records.picture["schools"], "next_cursor": None}

    @api.get("/status", response_model=None)
    async def status(request: Request) -> Response | Json:
        beat: Json = {"online": True, "messages_per_s": 1204.5, "quarantined": 1, "a_newer_counter": 7}
        beat |= {"journal_failure": "", "records_failure": "disk full"}
        return refused(request) or {"nodes": 2, "broker_connected": True, "ingest": {"0": beat}}

    return api
