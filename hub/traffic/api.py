"""Live traffic over HTTP: an event stream of decoded messages while somebody looks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from devices.wire.topics import Topic
from hub.errors import Unavailable
from hub.live.picture import Picture
from hub.traffic.rules import Question
from hub.traffic.stream import Traffic
from hub.web.access import permission, require_school
from hub.web.principal import Principal, Schools
from hub.wording import said

router = APIRouter(prefix="/api/v1/traffic", tags=["traffic"])

Looker = Annotated[Principal, Depends(permission("traffic.read"))]
Pattern = Annotated[str | None, Query(max_length=255, min_length=1)]

BEAT_S = 5.0
MOST_LISTENERS = 100
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/stream", response_class=StreamingResponse)
async def traffic_stream(
    request: Request,
    who: Looker,
    school: Pattern = None,
    group: Pattern = None,
    node: Pattern = None,
    device: Pattern = None,
    metric: Pattern = None,
) -> StreamingResponse:
    """Streams `message` for every Sparkplug message asked for, and `beat` with how many were left out.

    Patterns know `*` and `?`. Whoever may see some schools only sees claimed nodes of these.
    """
    schools = who.schools("traffic.read")
    if school is not None and schools is not None and not set("*?[") & set(school):
        require_school(who, "traffic.read", school)
    traffic: Traffic = request.app.state.traffic
    if len(traffic) >= MOST_LISTENERS:
        raise Unavailable(
            said("{most} screens look at traffic already", most=MOST_LISTENERS),
            fix="close one, or wait",
        )
    question = Question(school, group, node, device, metric)
    frames = _frames(request, traffic, question, schools)
    return StreamingResponse(frames, media_type="text/event-stream", headers=HEADERS)


async def _frames(
    request: Request, traffic: Traffic, question: Question, schools: Schools
) -> AsyncIterator[bytes]:
    picture: Picture = request.app.state.picture

    def may_see(topic: Topic | None) -> bool:
        if schools is None:
            return True
        return topic is not None and school_of(picture, topic.group, topic.node) in schools

    groups = {
        document.get("group") or document["school"]
        for document in picture.documents()
        if question.school is not None and document["school"] == question.school
    }
    checked_s = time.monotonic()
    with traffic.listen(question, groups=groups, may_see=may_see) as listener:
        yield _beat(0)
        while not listener.closed:
            found = await listener.next(BEAT_S)
            if found:
                messages = (orjson.dumps(exact(each)) for each, _ in found)
                yield b"".join(b"event: message\ndata: %b\n\n" % each for each in messages)
            if time.monotonic() - checked_s >= BEAT_S:
                checked_s = time.monotonic()
                yield _beat(listener.dropped)
                if not await _may_still_look(request, schools):
                    return


def school_of(picture: Picture, group: str, node: str) -> str | None:
    """The school a claimed node counts for; None for strangers."""
    document = picture.get((group, node, ""))
    return str(document["school"]) if document is not None and document.get("claimed") else None


def exact(message: dict[str, Any]) -> dict[str, Any]:
    """Give whole numbers that JavaScript would round (2^53 and beyond) as text, such as an outbox's epoch."""
    metrics = message.get("metrics")
    if not metrics:
        return message
    return {**message, "metrics": [{**metric, "value": _exact(metric.get("value"))} for metric in metrics]}


def _exact(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) >= 1 << 53 else value


def _beat(dropped: int) -> bytes:
    return b"event: beat\ndata: " + orjson.dumps({"dropped": dropped}) + b"\n\n"


async def _may_still_look(request: Request, schools: Schools) -> bool:
    """Whether the session or token still stands; a database that is away for a moment revokes nobody."""
    try:
        found = await request.app.state.authenticate(request)
    except SQLAlchemyError:
        return True
    return found is not None and found[0].may("traffic.read") and found[0].schools("traffic.read") == schools
