"""Schools over HTTP: how each is, what is in it, and where the break is on the way to it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from hub.errors import NotFound
from hub.live import schools as live_schools
from hub.live.api import DeviceReader, Devices, Live, Text, answer
from hub.live.documents import key_of
from hub.live.inventory import Entry, order_of
from hub.live.listing import row
from hub.live.nodes import node_shown
from hub.live.path import State, school_state, way
from hub.live.rules import is_open
from hub.live.schemas import SchoolDetail, SchoolPage
from hub.live.search import matches
from hub.organisation import service as organisation
from hub.web.requests import PageQuery, Reading, encode_cursor

router = APIRouter(prefix="/api/v1/schools", tags=["schools"])

MAX_ROOMS = 1000


@router.get("", response_model=SchoolPage)
async def list_schools(
    inventory: Devices,
    who: DeviceReader,
    paging: PageQuery,
    q: Text = None,
    district: Text = None,
    state: Annotated[State | None, Query(description="down: nothing of it can be heard")] = None,
) -> Response:
    """Lists schools by code with their state and counts; `q` looks in code, name and district."""
    allowed = who.schools("devices.read")
    found = []
    for code in sorted(inventory.schools):
        school = inventory.schools[code]
        if allowed is not None and code not in allowed:
            continue
        if district is not None and school.district != district:
            continue
        if q and not matches(q, code, school.name, inventory.districts.get(school.district)):
            continue
        shown = live_schools.summary(inventory, school)
        if state is None or shown["state"] == state:
            found.append(shown)
    last = paging.after(str)
    rest = found if last is None else [shown for shown in found if shown["code"] > str(last[0])]
    items = rest[: paging.limit]
    cursor = encode_cursor((items[-1]["code"],)) if len(rest) > len(items) else None
    return answer({"items": items, "next_cursor": cursor, "total": len(found)})


@router.get("/{code}", response_model=SchoolDetail)
async def get_school(
    inventory: Devices, picture: Live, who: DeviceReader, session: Reading, code: str
) -> Response:
    """Gives everything in a school, and the way to it; the first step that is not ok is the break."""
    allowed = who.schools("devices.read")
    school = inventory.schools.get(code)
    if school is None or (allowed is not None and code not in allowed):
        raise NotFound("there is no such school", field="code", value=code,
                       fix="use a code of GET /api/v1/schools")  # fmt: skip
    sight = live_schools.sight(inventory, code)
    near, far = live_schools.around(inventory, school, sight.away_since_ms)
    blind = not (picture.connected and picture.ingest_online())
    steps = way(
        sight,
        district=near,
        province=far,
        district_name=inventory.districts.get(school.district, ""),
        blind=blind,
    )
    state, since_ms = school_state(sight)
    in_room: dict[str, list[Entry]] = {}
    for entry in sorted(inventory.of_school(code), key=order_of("place")):
        if entry.document.claimed:
            in_room.setdefault(entry.document.room, []).append(entry)
    known = await organisation.list_rooms(session, codes=None, school=code, after=None, limit=MAX_ROOMS)
    facts = {room.code: (room.name, room.type) for room in known}
    rooms = [
        {
            "code": room,
            "name": facts.get(room, ("", ""))[0] or None,
            "type": facts.get(room, ("", ""))[1] or None,
            "devices": [row(entry) for entry in in_room.get(room, [])],
        }
        for room in sorted({*facts, *in_room}, key=lambda room: (room != "-", room))
    ]
    nodes = [node_shown(picture, key_of(node), node).model_dump() for node in inventory.nodes_of(code)]
    return answer(
        {
            "school": live_schools.described(inventory, school),
            "state": state,
            "since_ms": since_ms,
            "path": steps,
            "rooms": rooms,
            "nodes": nodes,
            "alarms_open": sum(map(is_open, inventory.alarms_of(code))),
        }
    )
