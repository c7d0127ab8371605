"""History over HTTP: of one metric, and of many at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request

from hub.audit.trail import unaudited
from hub.errors import Invalid, NotFound, Unavailable
from hub.telemetry.chart_items import Item
from hub.telemetry.held import Metric
from hub.telemetry.history import Chart, History
from hub.telemetry.port import WINDOW_MS, Aggregate, Key, NothingYet, Point, TelemetryError, TelemetryReader
from hub.telemetry.schemas import (
    ChartItem,
    MetricChart,
    MetricHistory,
    MetricPoint,
    SeriesAnswer,
    SeriesPoints,
    SeriesQuery,
)
from hub.telemetry.tiers import Tier, step_start
from hub.web.access import permission, require_school
from hub.web.moments import duration_ms, moment_ms, range_ms
from hub.web.principal import Principal
from hub.wording import said

T = TypeVar("T")

_NO_STEPS: tuple[dict[Metric, list[Point]], Tier] = ({}, Tier.RAW)

router = APIRouter(prefix="/api/v1", tags=["telemetry"])

MAX_POINTS = 10_000
POINTS_A_PAGE = 100_000


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
    points: Annotated[
        int | None, Query(ge=10, le=4000, description="pixels of a chart: the hub chooses the steps")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 1000,
) -> MetricHistory | MetricChart:
    """Give the history of one metric: for a chart (`points`), raw values, or one value a step."""
    key = (group, node, device)
    unit = _unit(request, who, key, name)
    start_ms, end_ms = range_ms(start, end, request.app.state.now_ms())
    history: History = request.app.state.history
    if points is not None:
        for field, given in (("step", step), ("aggregate", aggregate), ("cursor", cursor)):
            if given is not None:
                raise Invalid("a chart has the steps that the hub chooses", field=field, value=given,
                              fix=said('leave {field} out, or points', field=field))  # fmt: skip
        return await _chart(history, key, name, unit, start_ms, end_ms, points)
    step_ms = duration_ms(step, "step") if step is not None else None
    if aggregate is not None and step_ms is None:
        raise Invalid("raw values are not aggregated", field="aggregate", value=aggregate.value,
                      fix="send step as well, such as step=1m, or leave aggregate out")  # fmt: skip
    how = aggregate or Aggregate.MEAN
    from_ms = moment_ms(cursor, "cursor") if cursor else start_ms
    if step_ms is None or step_ms % WINDOW_MS:
        reader: TelemetryReader = request.app.state.telemetry
        none: list[Point] = []
        found = await _read(partial(reader.query, key, name, from_ms, end_ms, step_ms, how, limit + 1), none)
    else:
        read = partial(history.steps, [(key, name)], from_ms, end_ms, step_ms, how)
        found = (await _read(read, _NO_STEPS))[0].get((key, name), [])[: limit + 1]
    more = len(found) > limit
    # values of one moment must not be torn apart by a page: the next page starts at the moment cut off
    cut_ms = found[limit].ts_ms if more else None
    kept = [point for point in found[:limit] if cut_ms is None or point.ts_ms < cut_ms] or found[:limit]
    return MetricHistory(
        name=name,
        unit=unit,
        start_ms=start_ms,
        end_ms=end_ms,
        step_ms=step_ms,
        aggregate=how.value if step_ms else "raw",
        items=[MetricPoint(ts_ms=point.ts_ms, value=point.value) for point in kept],
        next_cursor=str(cut_ms) if cut_ms is not None else None,
    )


async def _read(read: Callable[[], T], nothing: T) -> T:
    """Read in a thread; an engine that was never written to has nothing, one that fails is a problem."""
    try:
        return await asyncio.to_thread(read)
    except NothingYet:
        return nothing
    except (TelemetryError, sqlite3.Error) as error:
        raise Unavailable(str(error), fix="try again; the page /ops says how the engine is") from error


def _unit(request: Request, who: Principal, key: Key, name: str, place: str = "") -> str | None:
    """Return the unit of a metric that the asker may read; `NotFound` or `Forbidden` if there is none.

    `place` says where in the request device and metric were named.
    """
    document = request.app.state.picture.get(key)
    if document is None:
        raise NotFound("there is no such device", field=f"{place}device", value="/".join(key),
                       fix="list the devices to see what there is")  # fmt: skip
    require_school(who, "telemetry.read", document["school"] if document.get("claimed") else None)
    if name not in document["metrics"]:
        known = ", ".join(sorted(document["metrics"])) or "none"
        raise NotFound("the device has no such metric", field=f"{place}metric" if place else "name",
                       value=name, fix=said('its metrics are: {known}', known=known))  # fmt: skip
    unit: str | None = document["metrics"][name].get("unit")
    return unit


async def _chart(
    history: History, key: Key, name: str, unit: str | None, start_ms: int, end_ms: int, points: int
) -> MetricChart:
    chart = await _read(
        partial(history.chart, key, name, start_ms, end_ms, points), Chart(Tier.RAW, None, [])
    )
    states: dict[str, int] = {}
    for item in chart.items:
        for state, ms in item.states.items():
            states[state] = states.get(state, 0) + ms
    return MetricChart(
        name=name,
        unit=unit,
        start_ms=start_ms,
        end_ms=end_ms,
        tier=chart.tier,
        step_ms=chart.step_ms,
        items=[
            ChartItem.model_construct(**{n: getattr(item, n) for n in Item.__slots__}) for item in chart.items
        ],
        states=states or None,
    )


@router.post("/telemetry/query", dependencies=[Depends(unaudited("a question too long for an address"))])
async def query_many(
    request: Request,
    who: Annotated[Principal, Depends(permission("telemetry.read"))],
    asked: SeriesQuery,
) -> SeriesAnswer:
    """Give steps of many metrics at once, from roll-ups and as far as these are."""
    step_ms = duration_ms(asked.step, "step")
    if step_ms % WINDOW_MS:
        raise Invalid("many metrics are read in whole five minutes", field="step", value=asked.step,
                      fix="write a multiple of 5m, or ask for one metric after the other")  # fmt: skip
    end = None if asked.end is None else str(asked.end)
    start_ms, end_ms = range_ms(str(asked.start), end, request.app.state.now_ms())
    steps = -(-(end_ms - start_ms) // step_ms) + 1
    if steps > MAX_POINTS:
        raise Invalid(
            "these are too many steps",
            field="step",
            value=asked.step,
            fix=said(
                "ask for at most {max_points} steps: longer ones or a shorter range", max_points=MAX_POINTS
            ),
        )
    some = asked.series[asked.cursor : asked.cursor + max(1, POINTS_A_PAGE // steps)]
    units = [
        _unit(request, who, (each.group, each.node, each.device), each.metric, f"series[{at}].")
        for at, each in enumerate(some, asked.cursor)
    ]
    metrics = [((each.group, each.node, each.device), each.metric) for each in some]
    history: History = request.app.state.history
    read = partial(history.steps, metrics, start_ms, end_ms, step_ms, asked.aggregate)
    found, tier = await _read(read, _NO_STEPS)
    following = asked.cursor + len(some)
    return SeriesAnswer(
        start_ms=step_start(start_ms, step_ms),
        end_ms=end_ms,
        step_ms=step_ms,
        aggregate=asked.aggregate.value,
        tier=tier,
        items=[
            SeriesPoints.model_construct(
                group=key[0], node=key[1], device=key[2], metric=name, unit=unit,
                points=[(point.ts_ms, point.value) for point in found.get((key, name), ())],
            )
            for (key, name), unit in zip(metrics, units, strict=True)
        ],
        next_cursor=following if following < len(asked.series) else None,
    )  # fmt: skip
