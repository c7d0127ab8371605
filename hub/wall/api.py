"""The wall's event stream: a snapshot, then deltas and beats, while the screen may look."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import NotFound
from hub.wall.service import Walls
from hub.web.access import permission
from hub.web.principal import Principal
from hub.wording import said

router = APIRouter(prefix="/api/v1/wall", tags=["wall"])

Viewer = Annotated[Principal, Depends(permission("wall.read"))]

WALLS = frozenset({"main"})
RECHECK_S = 5.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def walls_of(request: Request, wall: str) -> Walls:
    """Gives the web role's walls; raises `NotFound` for a wall that is not configured."""
    if wall not in WALLS:
        raise NotFound(
            "there is no such wall", field="wall", value=wall, fix=said("use {known}", known=", ".join(WALLS))
        )
    walls: Walls = request.app.state.walls
    return walls


Configured = Annotated[Walls, Depends(walls_of)]


@router.get("/{wall}")
async def wall_picture(who: Viewer, walls: Configured) -> dict[str, Any]:
    """Gives the picture a screen begins with."""
    feed = walls.feed(who.schools("wall.read"))
    feed.snapshot(walls.clock_ms())
    return feed.picture(walls.clock_ms())


@router.get("/{wall}/stream", response_class=StreamingResponse)
async def wall_stream(request: Request, who: Viewer, walls: Configured) -> StreamingResponse:
    """Streams `snapshot`, then `delta` (at most five a second, ten while alarms change) and `beat` (one)."""
    return StreamingResponse(_frames(request, walls, who), media_type="text/event-stream", headers=HEADERS)


async def _frames(request: Request, walls: Walls, who: Principal) -> AsyncIterator[bytes]:
    scope = who.schools("wall.read")
    feed = walls.feed(scope)
    checked_s = time.monotonic()
    with feed.readers.subscribe() as reader:
        yield feed.snapshot(walls.clock_ms())
        while (frames := await reader.next()) is not None:
            yield frames or feed.snapshot(walls.clock_ms())
            if time.monotonic() - checked_s >= RECHECK_S:
                checked_s = time.monotonic()
                if not await _may_still_look(request, scope):
                    return


async def _may_still_look(request: Request, scope: frozenset[str] | None) -> bool:
    """Whether the session or token still stands; a database that is away for a moment revokes nobody."""
    try:
        found = await request.app.state.authenticate(request)
    except SQLAlchemyError:
        return True
    return found is not None and found[0].may("wall.read") and found[0].schools("wall.read") == scope
