"""What the telemetry route answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hub.telemetry.port import Aggregate


class MetricPoint(BaseModel):
    """One value, or what a step makes of its values."""

    ts_ms: int = Field(description="UTC epoch milliseconds; over a step, its start")
    value: bool | int | float | str | None


class MetricHistory(BaseModel):
    """Points of one metric in [start_ms, end_ms), oldest first."""

    name: str
    unit: str | None
    start_ms: int
    end_ms: int
    step_ms: int | None
    aggregate: str
    items: list[MetricPoint]
    next_cursor: str | None = Field(description="where the next page starts, null at the end")


class ChartItem(BaseModel):
    """One step of a chart, or one raw value; a gap is an item whose value is null."""

    ts_ms: int = Field(description="UTC epoch milliseconds; over a step, its start")
    value: bool | int | float | str | None = Field(
        description="the mean by time of numbers, the last of states; null: a gap, the line breaks here"
    )
    min: float | None = Field(description="of what lasted in the step, also what came into it")
    max: float | None
    last: bool | int | float | str | None
    count: int = Field(description="samples in the step")
    covered: float = Field(description="part of the step in which there was a value, 0 to 1")
    states: dict[str, int] = Field(description="milliseconds in each state, of metrics that have states")


class MetricChart(BaseModel):
    """One metric over [start_ms, end_ms) for so many pixels."""

    name: str
    unit: str | None
    start_ms: int
    end_ms: int
    tier: str = Field(description="raw, 5m, 1h or 1d: what the hub chose to answer from")
    step_ms: int | None = Field(description="length of a step; null: every raw value")
    items: list[ChartItem]
    states: dict[str, int] | None = Field(
        description="milliseconds in each state over the range; null for numbers"
    )


class SeriesName(BaseModel):
    """One metric of one device; device "" is the node itself."""

    model_config = ConfigDict(extra="forbid")

    group: Annotated[str, Field(max_length=256)]
    node: Annotated[str, Field(max_length=256)]
    device: Annotated[str, Field(max_length=256)] = ""
    metric: Annotated[str, Field(max_length=256)]


class SeriesQuery(BaseModel):
    """Steps of many metrics at once."""

    model_config = ConfigDict(extra="forbid")

    series: list[SeriesName] = Field(min_length=1, max_length=1000)
    start: Annotated[str | int, Field(description="epoch milliseconds, or ISO 8601 with an offset")]
    end: Annotated[str | int | None, Field(description="exclusive; default: now")] = None
    step: Annotated[str, Field(max_length=12, description="whole five minutes, such as 15m, 1h or 1d")]
    aggregate: Aggregate = Aggregate.MEAN
    cursor: Annotated[int, Field(ge=0, description="`next_cursor` of the page before")] = 0


class SeriesPoints(SeriesName):
    """Steps of one metric that have samples: [start of the step, value]."""

    unit: str | None
    points: list[tuple[int, bool | int | float | str | None]]


class SeriesAnswer(BaseModel):
    """Steps of many metrics in the order asked for, some of them a page."""

    start_ms: int = Field(description="where the first step begins, at or before the start asked for")
    end_ms: int
    step_ms: int
    aggregate: str
    tier: str
    items: list[SeriesPoints]
    next_cursor: int | None
