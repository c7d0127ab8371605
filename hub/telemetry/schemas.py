"""What the telemetry route answers."""

from __future__ import annotations

from pydantic import BaseModel, Field


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
