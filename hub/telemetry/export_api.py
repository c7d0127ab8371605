"""History as a file over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from hub.errors import NotFound
from hub.telemetry.export import RAW_COLUMNS, TIER_COLUMNS, Exported, csv_parts, parquet_parts, rows_of
from hub.telemetry.history import History
from hub.telemetry.tiers import LOCAL_OFFSET_MS, Tier
from hub.web.access import permission
from hub.web.moments import range_ms
from hub.web.principal import Principal

router = APIRouter(prefix="/api/v1", tags=["telemetry"])

_MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@router.get("/telemetry/export", response_class=StreamingResponse)
async def export(
    request: Request,
    who: Annotated[Principal, Depends(permission("telemetry.read"))],
    school: Annotated[str | None, Query(max_length=64)] = None,
    group: Annotated[str | None, Query(max_length=256)] = None,
    node: Annotated[str | None, Query(max_length=256)] = None,
    device: Annotated[str | None, Query(max_length=256)] = None,
    metric: Annotated[str | None, Query(max_length=256)] = None,
    start: Annotated[str | None, Query(max_length=40, description="default: one hour before `end`")] = None,
    end: Annotated[str | None, Query(max_length=40, description="exclusive; default: now")] = None,
    tier: Annotated[Tier, Query(description="raw values, or windows of 5m, 1h or 1d")] = Tier.RAW,
    format: Annotated[Literal["csv", "parquet"], Query()] = "csv",  # noqa: A002  # what the query calls it
    decimal: Annotated[
        Literal["point", "comma"], Query(description="comma: what Vietnamese Excel opens by double click")
    ] = "point",
) -> StreamingResponse:
    """Give the history of all that is named, as far as the asker may read it, as a file to download."""
    start_ms, end_ms = range_ms(start, end, request.app.state.now_ms())
    wanted = (school, group, node, device)
    schools = who.schools("telemetry.read")
    metrics = []
    for key in request.app.state.picture.sorted_keys():
        document = request.app.state.picture.get(key)
        of_school = document["school"] if document.get("claimed") else None
        if schools is not None and of_school not in schools:
            continue
        if any(asked not in (None, is_so) for asked, is_so in zip(wanted, (of_school, *key), strict=True)):
            continue
        metrics += [
            Exported(key, name, document["metrics"][name].get("unit"))
            for name in sorted(document["metrics"])
            if metric in (None, name)
        ]
    if not metrics:
        named = {"school": school, "group": group, "node": node, "device": device, "metric": metric}
        field, value = next(((name, given) for name, given in named.items() if given), ("school", None))
        raise NotFound("nothing that you may read has this", field=field, value=value,
                       fix="list the devices to see what there is")  # fmt: skip
    history: History = request.app.state.history
    columns = RAW_COLUMNS if tier is Tier.RAW else TIER_COLUMNS
    rows = rows_of(request.app.state.telemetry, history.store, tier, metrics, start_ms, end_ms)
    if format == "csv":
        parts = csv_parts(columns, rows, decimal_comma=decimal == "comma")
    else:
        parts = parquet_parts(columns, rows)
    name = f"{school or device or node or 'all'}_{_local(start_ms)}-{_local(end_ms)}_{tier}"
    name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"', "Cache-Control": "no-store"}
    return StreamingResponse(parts, media_type=_MEDIA[format], headers=headers)


def _local(ts_ms: int) -> str:
    return datetime.fromtimestamp((ts_ms + LOCAL_OFFSET_MS) / 1000, UTC).strftime("%Y%m%dT%H%M")
