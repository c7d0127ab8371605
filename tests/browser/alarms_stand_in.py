"""The alarm routes of the stand-in, over the alarms of the generated province."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

Json = dict[str, Any]
Refused = Callable[[Request], JSONResponse | None]
OPEN = ("unacknowledged", "acknowledged", "returned_unacknowledged")
RANK = {"critical": 3, "major": 2, "minor": 1}


def now_ms() -> int:
    """Give UTC epoch ms."""
    return time.time_ns() // 1_000_000


def problem(status: int, what: str) -> JSONResponse:
    """Make a problem document."""
    return JSONResponse(
        {"title": what, "detail": what, "status": status, "fix": "reload"},
        status,
        media_type="application/problem+json",
    )


def alarm_router(picture: Json, refused: Refused) -> APIRouter:
    """Make the routes; `picture["alarms"]` is what there is, closed ones in `picture["closed"]`."""
    api = APIRouter()
    said: dict[str, list[Json]] = {}

    def everything() -> list[Json]:
        found: list[Json] = [*picture["alarms"], *picture.setdefault("closed", [])]
        return found

    def one(alarm_id: str) -> Json:
        return next(a for a in everything() if a["id"] == alarm_id)

    def note(alarm: Json, event: str, by: str | None, text: str | None = None) -> None:
        said.setdefault(alarm["id"], []).append(happened(alarm, event, now_ms(), by, text))

    def happened(alarm: Json, event: str, at_ms: int, by: str | None, text: str | None) -> Json:
        return {"at_ms": at_ms, "event": event, "by": by, "text": text, "state": alarm["state"],
                "severity": alarm["severity"], "cause": None}  # fmt: skip

    def wanted(state: str, open: bool | None) -> set[str]:  # noqa: A002
        if open is not None:
            return set(OPEN) if open else {"normal"}
        return set(OPEN) if state == "open" else {state}

    @api.get("/alarms", response_model=None)
    async def alarms(
        request: Request,
        state: str = "open",
        open: bool | None = None,  # noqa: A002
        severity: str | None = None,
        q: str = "",
        sort: str = "newest",
    ) -> Response | Json:
        found = [a for a in everything() if a["state"] in wanted(state, open)]
        found = [a for a in found if severity in (None, a["severity"]) and q.lower() in a["title_vi"].lower()]
        found.sort(
            key=lambda a: (RANK[a["severity"]] if sort == "severity" else 0, a["raised_ms"]), reverse=True
        )
        return refused(request) or {"items": found, "next_cursor": None}

    @api.get("/alarms/facets", response_model=None)
    async def facets(request: Request) -> Response | Json:
        states = Counter(a["state"] for a in everything())
        counts = {"open": sum(states[s] for s in OPEN), "closed": states["normal"]}
        return refused(request) or {
            **counts,
            "shelved": states["shelved"],
            "suppressed": states["suppressed"],
        }

    @api.post("/alarms/acknowledge", response_model=None)
    async def acknowledge_many(request: Request) -> Response | Json:
        body = await request.json()
        done = [a for a in everything() if a["id"] in body["ids"] and a["state"] == "unacknowledged"]
        for alarm in done:
            alarm.update(state="acknowledged", acknowledged_by="Trần Thị Mai", comment=body["comment"])
            note(alarm, "acknowledged", "Trần Thị Mai", body["comment"])
        return refused(request) or {"acknowledged": done, "refused": []}

    @api.get("/alarms/{alarm_id}", response_model=None)
    async def alarm(request: Request, alarm_id: str) -> Response | Json:
        found = one(alarm_id)
        events = [happened(found, "raised", found["raised_ms"], None, None)]
        if found.get("flapping_since_ms"):
            events.append(happened(found, "flapping", found["raised_ms"] + 60_000, None, "4"))
        return refused(request) or {"alarm": found, "events": events + said.get(alarm_id, [])}

    @api.post("/alarms/{alarm_id}/acknowledge", response_model=None)
    async def acknowledge(request: Request, alarm_id: str) -> Response | Json:
        if refusal := refused(request):
            return refusal
        found = one(alarm_id)
        if found["state"] not in ("unacknowledged", "returned_unacknowledged"):
            return problem(409, "It is acknowledged already")
        comment = (await request.json())["comment"]
        found.update(
            state="acknowledged", acknowledged_by="Trần Thị Mai", comment=comment, acknowledged_ms=now_ms()
        )
        note(found, "acknowledged", "Trần Thị Mai", comment)
        return found

    @api.post("/alarms/{alarm_id}/shelve", response_model=None)
    async def shelve(request: Request, alarm_id: str) -> Response | Json:
        body, found = await request.json(), one(alarm_id)
        until_ms = now_ms() + round(body["hours"] * 3_600_000)
        found.update(
            state="shelved", shelved_by="Trần Thị Mai", shelved_why=body["why"], shelved_until_ms=until_ms
        )
        note(found, "shelved", "Trần Thị Mai", body["why"])
        return refused(request) or found

    @api.post("/alarms/{alarm_id}/unshelve", response_model=None)
    async def unshelve(request: Request, alarm_id: str) -> Response | Json:
        found = one(alarm_id)
        found.update(state="unacknowledged")
        note(found, "unshelved", "Trần Thị Mai")
        return refused(request) or found

    @api.post("/alarms/{alarm_id}/comments", status_code=201, response_model=None)
    async def comment(request: Request, alarm_id: str) -> Response | Json:
        found = one(alarm_id)
        note(found, "commented", "Trần Thị Mai", (await request.json())["text"])
        return refused(request) or said[alarm_id][-1]

    return api
