"""History of one metric of one device."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from hub.errors import Invalid, NotFound
from hub.telemetry.port import Aggregate, TelemetryError, TelemetryReader
from hub.telemetry.schemas import MetricHistory, MetricPoint
from hub.web.access import permission, require_school
from hub.web.principal import Principal

router = APIRouter(prefix="/api/v1", tags=["telemetry"])

MAX_POINTS = 10_000
_HOUR_MS = 3_600_000
_STEP = re.compile(r"(\d{1,7})(ms|s|m|h|d)")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": _HOUR_MS, "d": 24 * _HOUR_MS}


def moment_ms(text: str, field: str) -> int:
    """Read a moment: epoch milliseconds, or ISO 8601 with an offset."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            "this is not a moment", field=field, value=text,
            fix="write epoch milliseconds, or ISO 8601 with an offset such as 2026-11-23T07:00:00Z",
        )  # fmt: skip
    return round(moment.timestamp() * 1000)


def duration_ms(text: str, field: str) -> int:
    """Read a duration such as `500ms`, `30s`, `5m`, `1h`, `1d`."""
    found = _STEP.fullmatch(text)
    if found is None or int(found[1]) == 0:
        detail = "a duration needs a unit" if text.isdecimal() and int(text) else "this is not a duration"
        raise Invalid(detail, field=field, value=text, fix="write something like 500ms, 30s, 5m, 1h or 1d")
    return int(found[1]) * _UNITS_MS[found[2]]


@router.get("/devices/{group}/{node}/{device}/metrics/{name:path}")
async def metric_history(
    request: Request,
    who: Annotated[Principal, Depends(permission("telemetry.read"))],
    group: str,
    node: str,
    device: str,
    name: str,
    start: Annotated[str | None, Query(max_length=40, description="default: one hour before `end`")] = None,
    end: Annotated[str | None, Query(max_length=40, description="exclusive; default: now")] = None,
    step: Annotated[str | None, Query(max_length=12, description="such as 1m; without it raw values")] = None,
    aggregate: Annotated[Aggregate | None, Query(description="of each step; default: mean")] = None,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 1000,
) -> MetricHistory:
    """Give the history of one metric: raw values, or one value a step."""
    document = request.app.state.picture.get((group, node, device))
    if document is None:
        raise NotFound("there is no such device", field="device", value=f"{group}/{node}/{device}",
                       fix="list the devices to see what there is")  # fmt: skip
    require_school(who, "telemetry.read", document["school"] if document.get("claimed") else None)
    if name not in document["metrics"]:
        known = ", ".join(sorted(document["metrics"])) or "none"
        raise NotFound(
            "the device has no such metric", field="name", value=name, fix=f"its metrics are: {known}"
        )
    end_ms = moment_ms(end, "end") if end else request.app.state.now_ms()
    start_ms = moment_ms(start, "start") if start else end_ms - _HOUR_MS
    if start_ms >= end_ms:
        raise Invalid("the range is empty", field="start", value=start, fix="let start be before end")
    step_ms = duration_ms(step, "step") if step is not None else None
    if aggregate is not None and step_ms is None:
        raise Invalid("raw values are not aggregated", field="aggregate", value=aggregate.value,
                      fix="send step as well, such as step=1m, or leave aggregate out")  # fmt: skip
    how = aggregate or Aggregate.MEAN
    from_ms = moment_ms(cursor, "cursor") if cursor else start_ms
    reader: TelemetryReader = request.app.state.telemetry
    key = (group, node, device)
    try:
        points = await asyncio.to_thread(reader.query, key, name, from_ms, end_ms, step_ms, how, limit + 1)
    except TelemetryError:
        points = []  # nothing has been stored yet
    more = len(points) > limit
    # values of one moment must not be torn apart by a page: the next page starts at the moment cut off
    cut_ms = points[limit].ts_ms if more else None
    kept = [point for point in points[:limit] if cut_ms is None or point.ts_ms < cut_ms] or points[:limit]
    return MetricHistory(
        name=name,
        unit=document["metrics"][name].get("unit"),
        start_ms=start_ms,
        end_ms=end_ms,
        step_ms=step_ms,
        aggregate=how.value if step_ms else "raw",
        items=[MetricPoint(ts_ms=point.ts_ms, value=point.value) for point in kept],
        next_cursor=str(cut_ms) if cut_ms is not None else None,
    )
