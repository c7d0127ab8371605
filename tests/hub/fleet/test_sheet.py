"""A school's devices from a spreadsheet: checked like a configuration, kept for agents yet to come."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.database import Database
from hub.fleet import service
from hub.fleet.rules import KEPT
from hub.fleet.sheet import options_of, options_text
from tests.hub.imports.conftest import Bring, bring, csv_bytes, exported, problems, province

__all__ = ["bring", "province"]

names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("p", "c", "a"))
)
values = st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.lists(st.integers(), max_size=3))
AGENT = ("AC", "AC-a1")


@given(st.dictionaries(names, values))
def test_options_are_read_as_they_are_written(options: dict[str, Any]) -> None:
    assert options_of(options_text(options)) == options


@pytest.mark.parametrize("text", ["host", "=1", "a=1; b"])
def test_what_is_no_option_is_not_guessed(text: str) -> None:
    assert options_of(text) is None


def sheet(*rows: str) -> bytes:
    heading = "Mã trường|Mã tác nhân|Mã thiết bị|Loại|Mã phòng|Tên|Địa chỉ|Tùy chọn"
    return csv_bytes(*(tuple(row.split("|")) for row in (heading, *rows)))


async def wanted(database: Database) -> list[dict[str, Any]]:
    async with database.read() as session:
        row = (await service.wanted_configurations(session, AGENT))[AGENT]
        found: list[dict[str, Any]] = json.loads(row.content)["devices"]
        return found


async def test_a_school_is_prepared_before_its_box_comes(province: Database, bring: Bring) -> None:
    rows = (
        "AC|AC-a1|p101-projector|Máy chiếu|p101|Máy chiếu phòng 101|10.1.1.7|password=0123",
        "AC|AC-a1|p101-ups|ups|P101||10.1.1.8|ups=apc",
    )
    await bring("devices", sheet(*rows), apply=True)
    projector, ups = await wanted(province)
    assert projector["options"] == {"host": "10.1.1.7", "password": "0123"}, "a password is no number"
    assert (projector["room"], ups["room"], ups["options"]["ups"]) == ("P101", "P101", "apc")
    file = await exported(province, "devices")
    assert b"0123" not in file
    assert KEPT.encode() in file
    again = await bring("devices", file)
    assert again.plans[0].changes == [], "what was given out and comes back changes nothing"
    await bring("devices", sheet("AC|AC-a1|P101-UPS|ups|P101|UPS|10.1.1.9|ups=apc"), apply=True)
    after = await wanted(province)
    assert [each["id"] for each in after] == ["p101-projector", "p101-ups"]
    assert (after[0], after[1]["options"]["host"]) == (projector, "10.1.1.9")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("XX|XX-a1|d1|ups|||10.1.1.8|", "school"),
        ("AC|AC/a1|d1|ups|||10.1.1.8|", "node"),
        ("AC|AC-a1|d1|toaster|||10.1.1.8|", "kind"),
        ("AC|AC-a1|d1|projector|P101||http://10.1.1.8/|", "address"),
        ("AC|AC-a1|d1|projector|P101||10.1.1.8|prot=1", "options"),
        ("AC|AC-a1|d1|projector|P101||10.1.1.8|prot", "options"),
        ("AC|AC-a1|d1|projector|P101|||", "address"),
        ("AC|AC-a2|d9|ups|||10.1.1.8|", "device"),
    ],
)
async def test_what_cannot_be_is_named(province: Database, bring: Bring, row: str, column: str) -> None:
    found = await bring("devices", sheet("AC|AC-a1|d9|ups|||10.1.1.8|", row))
    assert [each[:2] for each in problems(found)] == [(3, column)]
