"""What may be a slip in a record is said, and does not stop anybody."""

from datetime import date, timedelta

from hub.assets.rules import doubts_of
from hub.clock import today
from tests.hub.assets.conftest import Register

TODAY = date(2026, 11, 24)


def test_only_what_is_doubtful_is_told() -> None:
    assert doubts_of(TODAY, [], TODAY) == []
    assert [each.code for each in doubts_of(TODAY + timedelta(1), ["A"], TODAY)] == [
        "double_serial",
        "in_the_future",
    ]


async def test_a_double_serial_number_and_a_day_to_come_are_told(register: Register) -> None:
    await register.enter(tag="A-1", serial="SN7")
    await register.enter(tag="B-1", serial="SN7", school="SD")
    made = await register.enter(tag="A-2", serial="SN7", acquired=str(today() + timedelta(30)))
    assert made["doubts"] == [
        {"field": "serial", "code": "double_serial", "tags": ["A-1"]},
        {"field": "acquired", "code": "in_the_future", "tags": []},
    ]
    patch = {"serial": "SN8", "acquired": str(today())}
    assert (await register.ask("PATCH", f"/assets/{made['id']}", json=patch))["doubts"] == []
