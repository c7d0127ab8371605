"""A stand-in for commands, scenes, agents, roll-outs, enrolment and proposals, with the hub's shapes.

A command goes on by itself each time somebody asks after it.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from fastapi import APIRouter, Request, Response

from tests.browser.api_stand_in import problem
from tests.browser.province_server import now_ms
from tests.browser.tech_fleet import Fleet

Json = dict[str, Any]
PERMISSIONS = [
    "devices.command",
    "agents.read",
    "agents.write",
    "tickets.read",
    "tickets.write",
    "assets.read",
    "rooms.write",
]
LIFE = {"queued": "sent", "sent": "delivered", "delivered": "succeeded"}
STAMP = {"sent": "sent_ms", "delivered": "delivered_ms", "succeeded": "ended_ms"}
QR = '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><rect width="99" height="99"/></svg>'


class Rooms:
    """What the pages of rooms and agents read and change."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.commands: list[Json] = []
        self.batches: list[Json] = []
        self.codes: list[Json] = []
        self.rollouts: list[Json] = [_rollout(fleet)]
        self.requests: dict[str, Json] = {}
        self.wanted: list[Json] = []
        self.revoked: list[str] = []
        self.held = False
        self._ids = count(1)
        self.proposals: list[Json] = [
            _proposal(fleet, n, name) for n, name in enumerate(("EPSON EB-L200", "Shelly Pro 4PM"), start=1)
        ]

    def command(self, device: Json, name: str, metric: str, value: Any, **more: Any) -> Json:
        """Make a command as the hub makes it."""
        made = {
            "id": f"c{next(self._ids):04}",
            "group": device["group"],
            "node": device["node"],
            "device": device["device"],
            "school": device["school"],
            "room": device["room"],
            "name": name,
            "kind": device["kind"],
            "command": name,
            "metric": metric,
            "value": value,
            "label_vi": "",
            "label_en": "",
            "source": "person",
            "by": "mai",
            "state": "queued",
            "detail": "",
            "created_ms": now_ms(),
            "expires_ms": now_ms() + 30_000,
            "sent_ms": None,
            "delivered_ms": None,
            "ended_ms": None,
            "tries": 1,
            "observed_value": None,
            "batch_id": None,
            **more,
        }
        self.commands.insert(0, made)
        return made

    def go_on(self, command: Json) -> None:
        """Take a command one station further."""
        if not self.held and (state := LIFE.get(command["state"])):
            command["state"] = state
            command[STAMP[state]] = now_ms()


def _rollout(fleet: Fleet) -> Json:
    agents = [
        {
            "group": code,
            "node": f"{code}-a1",
            "stage": 1 + min(3, n // 6),
            "detail": "timeout" if n == 3 else "",
            "changed_ms": now_ms() - 60_000,
            "state": "failed" if n == 3 else "in_step" if n < 9 else "pending" if n < 12 else "waiting",
        }
        for n, code in enumerate(list(fleet.schools)[:24])
    ]
    stages = []
    for number, percent in enumerate((1, 10, 50, 100), start=1):
        mine = [agent["state"] for agent in agents if agent["stage"] == number]
        kinds = ("waiting", "pending", "in_step", "failed", "skipped")
        stages.append({"percent": percent, "total": len(mine)} | {kind: mine.count(kind) for kind in kinds})
    return {
        "id": 1,
        "kind": "update",
        "title": "",
        "package": "0.3.0",
        "change": None,
        "abort_percent": 10,
        "patience_s": 600,
        "state": "running",
        "detail": "",
        "stage": 2,
        "stages": stages,
        "by": "mai",
        "created_ms": now_ms() - 900_000,
        "ended_ms": None,
        "agents": agents,
    }


def _proposal(fleet: Fleet, number: int, name: str) -> Json:
    code = next(iter(fleet.schools))
    return {
        "id": number,
        "group": code,
        "node": f"{code}-a1",
        "address": f"10.12.3.{20 + number}",
        "protocol": "pjlink",
        "kind": "projector",
        "name": name,
        "maker": "EPSON",
        "model": "EB-L200",
        "serial": f"X4{number}",
        "mac": "",
        "seen_ms": now_ms() - 4000,
        "first_ms": now_ms() - 90_000,
        "state": "open",
        "options": {},
    }


def router(rooms: Rooms) -> APIRouter:  # one small route beside the other
    """Make the routes; they come before those of the other stand-ins."""
    api = APIRouter(prefix="/api/v1")
    fleet = rooms.fleet
    away = problem(503, "The hub is away")

    def listed(items: list[Json]) -> Json:
        return {"items": items, "next_cursor": None, "total": len(items)}

    def device_of(group: str, node: str, device: str) -> Json:
        return next(d for d in fleet.devices if (d["group"], d["node"], d["device"]) == (group, node, device))

    @api.post("/devices/{group}/{node}/{device}/commands", status_code=202, response_model=None)
    async def command(request: Request, group: str, node: str, device: str) -> Response | Json:
        told = await request.json()
        if told["value"] == 18:
            return problem(422, "Wrong", detail="the room's interlock is open", fix="close it first")
        return rooms.command(
            device_of(group, node, device), told["command"], told["command"].title(), told["value"]
        )

    @api.get("/devices/{group}/{node}/{device}/commands", response_model=None)
    async def commands(group: str, node: str, device: str) -> Response | Json:
        mine = [c for c in rooms.commands if (c["group"], c["node"], c["device"]) == (group, node, device)]
        for one in mine:
            rooms.go_on(one)
        return away if fleet.away else listed(mine)

    @api.get("/devices/{group}/{node}/{device}/wanted", response_model=None)
    async def wanted() -> Response | Json:
        return away if fleet.away else listed(rooms.wanted)

    @api.delete("/devices/{group}/{node}/{device}/wanted/{metric}", status_code=204)
    async def accept(metric: str) -> Response:
        rooms.wanted = [w for w in rooms.wanted if w["metric"] != metric]
        return Response(status_code=204)

    @api.post("/commands/groups", response_model=None)
    async def group(request: Request) -> Json:
        told = await request.json()
        mine = [
            d
            for d in fleet.devices
            if d["kind"] == told["kind"] and d["school"] == told["scope"].get("school", d["school"])
        ]
        batch = _batch(len(mine), told) | {"id": "" if told.get("dry_run") else f"b{len(rooms.batches) + 1}"}
        if not told.get("dry_run"):
            rooms.batches.insert(0, batch)
        return batch

    @api.get("/commands/groups")
    async def groups() -> Json:
        return listed(rooms.batches)

    @api.get("/commands/groups/{batch_id}/commands")
    async def group_commands(batch_id: str) -> Json:
        return listed([c for c in rooms.commands if c["batch_id"] == batch_id])

    @api.get("/commands/groups/{batch_id}")
    async def one_group(batch_id: str) -> Json:
        batch = next(b for b in rooms.batches if b["id"] == batch_id)
        for one in (c for c in rooms.commands if c["batch_id"] == batch_id):
            rooms.go_on(one)
        if batch["state"] == "running" and not rooms.held:
            batch["done"] = min(batch["total"], batch["done"] + max(1, batch["total"] // 3))
            batch |= {"succeeded": batch["done"], "waiting": batch["total"] - batch["done"]}
            batch["state"] = "done" if batch["done"] == batch["total"] else "running"
        return batch | {"failures": []}

    @api.post("/commands/groups/{batch_id}/cancel")
    async def stop(batch_id: str) -> Json:
        batch = next(b for b in rooms.batches if b["id"] == batch_id)
        batch["state"] = "cancelled"
        return batch

    @api.post("/commands/{command_id}/cancel")
    async def cancel(command_id: str) -> Json:
        found = next(c for c in rooms.commands if c["id"] == command_id)
        found |= {"state": "cancelled", "ended_ms": now_ms()}
        return found

    @api.get("/scenes")
    async def scenes() -> Json:
        off = [{"kind": "projector", "command": "power", "value": "off"}]
        return listed(
            [
                {
                    "id": "start_lesson",
                    "name_vi": "Bắt đầu tiết",
                    "name_en": "Start the lesson",
                    "school": None,
                    "steps": off * 3,
                },
                {
                    "id": "end_lesson",
                    "name_vi": "Kết thúc tiết",
                    "name_en": "End the lesson",
                    "school": None,
                    "steps": off,
                },
            ]
        )

    @api.post("/rooms/{school}/{room}/scenes/{scene}")
    async def touch(school: str, room: str, scene: str) -> Json:
        mine = [d for d in fleet.devices if d["school"] == school and d["room"] == room]
        batch = _batch(len(mine), {"scope": {"school": school, "room": room}}) | {
            "id": "s1",
            "title": scene,
            "scene": scene,
        }
        rooms.batches.insert(0, batch)
        for device in mine:
            rooms.command(device, "power", "Power", "on", source="scene", batch_id="s1")
        return batch

    @api.get("/organisation/rooms/{school}/{room}")
    async def one_room(school: str, room: str) -> Json:
        return {
            "school": school,
            "code": room,
            "name": None,
            "type": "classroom",
            "seats": 42,
            "floor": "2",
            "opening": [],
        }

    @api.get("/organisation/rooms")
    async def all_rooms(school: str) -> Json:
        found = sorted({d["room"] for d in fleet.devices if d["school"] == school})
        return listed([{"school": school, "code": code, "name": None} for code in found])

    @api.get("/organisation/units/{code}")
    async def unit(code: str) -> Json:
        return {"code": code, "name": fleet.schools[code]["name"], "kind": "school"}

    @api.get("/assets/types")
    @api.get("/assets")
    @api.get("/tickets")
    async def nothing() -> Json:
        return listed([])

    def agent(code: str) -> Json:
        school = fleet.schools[code]
        number = list(fleet.schools).index(code)
        gone = school["state"] == "offline"
        return {
            "group": code,
            "node": f"{code}-a1",
            "school": code,
            "school_name": school["name"],
            "version": "0.3.0" if number % 3 else "0.2.4",
            "last_contact_ms": now_ms() - (1_260_000 if gone else 2_000),
            "reason": "will" if gone else "birth",
            "presence": {
                "state": "dead" if gone else "born",
                "reason": "will" if gone else "birth",
                "since_ms": now_ms() - 9_000,
            },
            "outbox_depth": 4200 if number == 2 else 3,
            "clock_offset_ms": -61_000 if number == 4 else 120,
            "certificate_end_ms": now_ms() + (9 if number == 1 else 300) * 86_400_000,
            "config": {
                "wanted_version": 3,
                "reported_version": 2 if number == 3 else 3,
                "state": "rolled_back" if number == 3 else "in_step",
                "detail": "",
            },
            "update": {"wanted": "0.3.0", "state": "pending", "detail": ""},
            "problem": "disk nearly full" if number == 2 else "",
            "devices": 12,
            "devices_online": 0 if gone else 12,
            "simulated": True,
        }

    @api.get("/agents", response_model=None)
    async def agents(q: str = "", config: str = "", problem: bool = False) -> Response | Json:
        found = [agent(code) for code in fleet.schools]
        keep = [
            a
            for a in found
            if q.lower() in a["node"].lower()
            and config in ("", a["config"]["state"])
            and (not problem or a["problem"])
        ]
        return away if fleet.away else listed(keep)

    @api.get("/agents/{group}/{node}", response_model=None)
    async def one_agent(group: str) -> Response | Json:
        return agent(group) if group in fleet.schools else problem(404, "Not found")

    def version(number: int) -> Json:
        return {
            "version": number,
            "hash": "ab" * 16,
            "note": "",
            "by": "mai",
            "created_ms": now_ms() - 86_400_000 * (4 - number),
            "state": "in_step",
            "detail": "",
            "devices": 1,
        }

    @api.get("/agents/{group}/{node}/configuration")
    async def configuration() -> Json:
        device = {
            "id": "p101-projector",
            "kind": "projector",
            "room": "P101",
            "options": {"host": "10.12.3.20", "password": "(kept)"},
        }
        return version(3) | {"content": {"devices": [device]}}

    @api.get("/agents/{group}/{node}/configurations")
    async def configurations() -> Json:
        return listed([version(3), version(2), version(1)])

    @api.post("/agents/{group}/{node}/configuration/rollback", status_code=201)
    async def roll_back(request: Request) -> Json:
        return version(4) | {"content": await request.json()}

    @api.post("/agents/{group}/{node}/{what}", status_code=202)
    async def ask(request: Request, what: str) -> Json:
        told = await request.json()
        answers: Json = {
            "log": {
                "lines": [
                    "2026-11-24 07:00:01 INFO session opened",
                    "2026-11-24 07:00:02 WARNING p101-projector: timeout",
                ]
            },
            "network": {
                "checks": [
                    {"name": "broker", "ok": True, "latency_ms": 3.2},
                    {"name": "10.12.3.20", "ok": False, "detail": "timeout"},
                ]
            },
            "driver": {"ok": True, "took_ms": 82, "values": {"Power": "on"}},
        }
        made = {
            "id": f"r{len(rooms.requests)}",
            "kind": "diagnose" if what == "diagnose" else what,
            "state": "sent",
            "detail": "",
            "by": "mai",
            "created_ms": now_ms(),
            "ended_ms": None,
            "result": None,
        }
        rooms.requests[str(made["id"])] = made | {"answer": answers.get(told.get("what", ""), {"found": 2})}
        return made

    @api.get("/agent-requests/{request_id}")
    async def request_of(request_id: str) -> Json:
        found = rooms.requests[request_id]
        state = "done" if found["state"] == "taken" else "taken"
        found |= {"state": state} | (
            {"ended_ms": now_ms(), "result": found["answer"]} if state == "done" else {}
        )
        return {k: v for k, v in found.items() if k != "answer"}

    @api.get("/agents/{group}/{node}/requests")
    async def requests() -> Json:
        return listed([{k: v for k, v in r.items() if k != "answer"} for r in rooms.requests.values()][::-1])

    @api.get("/rollouts")
    async def rollouts() -> Json:
        return listed([{k: v for k, v in r.items() if k != "agents"} for r in rooms.rollouts])

    @api.get("/rollouts/{rollout_id}")
    async def rollout(rollout_id: int) -> Json:
        return rooms.rollouts[rollout_id - 1]

    @api.post("/rollouts/{rollout_id}/abort")
    async def abort(rollout_id: int) -> Json:
        rooms.rollouts[rollout_id - 1] |= {"state": "aborted", "ended_ms": now_ms()}
        return rooms.rollouts[rollout_id - 1]

    @api.get("/packages")
    async def packages() -> Json:
        return listed(
            [
                {
                    "version": "0.3.0",
                    "sha256": "ab" * 32,
                    "signature": "",
                    "size": 4096,
                    "note": "",
                    "by": "mai",
                    "created_ms": now_ms(),
                }
            ]
        )

    @api.get("/proposals")
    async def proposals(state: str = "open") -> Json:
        return listed([p for p in rooms.proposals if p["state"] == state])

    @api.post("/proposals/{proposal_id}/{deed}")
    async def proposal(request: Request, proposal_id: int, deed: str) -> Json:
        said = await request.json()
        found = rooms.proposals[proposal_id - 1]
        found |= {"state": {"claim": "claimed", "dismiss": "dismissed"}[deed], "said": said}
        return found

    @api.post("/enrolment/codes", status_code=201)
    async def make_code(request: Request) -> Json:
        told = await request.json()
        made = {
            "id": len(rooms.codes) + 1,
            "school": told["school"],
            "node": told["node"],
            "state": "open",
            "created_by": "mai",
            "created_ms": now_ms(),
            "expires_ms": now_ms() + told["valid_hours"] * 3_600_000,
            "used_ms": None,
            "revoked_ms": None,
        }
        rooms.codes.insert(0, made)
        code = "7K2QD-9XM4T-0ABCD-EFGHJ-KMNPQ"
        return made | {
            "code": code,
            "text": f"{request.base_url}enrol#{code}",
            "qr_svg": QR,
            "fingerprint_sha256": "ab" * 32,
        }

    @api.get("/enrolment/codes")
    async def codes() -> Json:
        return listed(rooms.codes)

    @api.get("/enrolment/certificates")
    async def certificates() -> Json:
        def row(number: int, code: str) -> Json:
            serial = f"{number:016x}"
            gone = now_ms() if serial in rooms.revoked else None
            return {
                "serial": serial,
                "school": code,
                "node": f"{code}-a1",
                "state": "revoked" if gone else "valid",
                "fingerprint_sha256": "ab" * 32,
                "issued_ms": now_ms() - 10**9,
                "not_after_ms": now_ms() + 10**9 * (number + 2),
                "renewal_of": None,
                "revoked_ms": gone,
                "reason": "mất máy" if gone else "",
                "ended_ms": gone,
            }

        return listed([row(n, code) for n, code in enumerate(list(fleet.schools)[:4])])

    @api.post("/enrolment/certificates/{serial}/revoke")
    async def revoke(serial: str) -> Json:
        rooms.revoked.append(serial)
        return {"node": "", "serials": [serial]}

    return api


def _batch(total: int, told: Json) -> Json:
    scope = told["scope"]
    return {
        "title": "",
        "source": "group",
        "unit": scope.get("unit", ""),
        "school": scope.get("school"),
        "room": scope.get("room"),
        "room_type": None,
        "kind": told.get("kind"),
        "command": told.get("command"),
        "value": told.get("value"),
        "scene": None,
        "rate_per_s": 50,
        "abort_percent": 20,
        "by": "mai",
        "created_ms": now_ms(),
        "ended_ms": None,
        "state": "running",
        "detail": "",
        "total": total,
        "done": 0,
        "succeeded": 0,
        "failed": 0,
        "waiting": total,
    }
