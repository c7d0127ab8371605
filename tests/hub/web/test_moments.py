"""Moments as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.web import problems
from hub.web.moments import Instant, moment_ms, range_ms, read_moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 4_000_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_iso_with_any_offset_is_the_same_moment(ms: int, offset_min: int) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    assert read_moment((EPOCH + timedelta(milliseconds=ms)).astimezone(zone).isoformat()) == ms


@pytest.mark.parametrize("text", ["yesterday", "2026-11-23T07:00:00", "", "99999999999999999999"])
def test_what_is_no_moment_names_field_and_fix(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        moment_ms(text, "start")
    assert (raised.value.faults[0].field, raised.value.faults[0].value) == ("start", text)
    assert "ISO 8601" in raised.value.fix


def test_a_range_is_the_last_hour_unless_said() -> None:
    assert range_ms(None, None, 10_000_000) == (6_400_000, 10_000_000)


async def test_a_parameter_takes_both_forms() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def route(since: Instant = None) -> int | None:
        return since

    assert RequestValidationError in app.exception_handlers
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        for text, ms in (("1000", 1000), ("1970-01-01T07:00:02+07:00", 2000)):
            assert (await client.get("/", params={"since": text})).json() == ms
        refused = await client.get("/", params={"since": "yesterday"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "since"
    assert "ISO 8601" in refused.text
