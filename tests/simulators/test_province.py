"""The province hands every change to the right node once, at a sane rate, and faults reach the sessions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from devices.kind import kinds
from devices.province import schools
from simulators.burst import Burst
from simulators.clock import SchoolClock
from simulators.plan import offices, plan_province
from simulators.province import Member, Province
from simulators.scenario import Scenario, load_scenario, read_scenario
from simulators.school import LivingSchool

KINDS = kinds()
MONDAY_0905_MS = 1_764_036_300_000


class Log:
    """A link that writes down what it is told."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, Mapping[str, Any], int]] = []
        self.events: list[str] = []

    def report(self, device: str, values: Mapping[str, Any], now_ms: int) -> bool:
        self.reports.append((device, values, now_ms))
        return True

    def gone(self, device: str, reason: str) -> None:
        self.events.append(f"gone {device} {reason}")

    def cut(self) -> None:
        self.events.append("cut")

    def restore(self) -> None:
        self.events.append("restore")

    def watch(self) -> None:
        pass


def province(scenario: Scenario, n: int = 24, **options: bool) -> tuple[Province, list[Log]]:
    plans = plan_province(schools(n), 1)
    links = [Log() for _ in plans]
    ageing = options.get("ageing", False)
    members = [
        Member(LivingSchool(plan, KINDS, 1, ageing=ageing), link)
        for plan, link in zip(plans, links, strict=True)
    ]
    return Province(members, SchoolClock(MONDAY_0905_MS, MONDAY_0905_MS), scenario, 1, poll_s=2.0), links


def run(one: Province, seconds: int, start_s: int = 0) -> None:
    if start_s == 0:
        for member in one.members:
            one.join(member, MONDAY_0905_MS)
    base_s = one._queue[0][0] if start_s == 0 else one._queue[0][0] - start_s
    for second in range(start_s, start_s + seconds):
        one.tick(base_s + second, MONDAY_0905_MS + second * 1000)


def test_totals_are_what_the_nodes_were_told() -> None:
    one, links = province(Scenario("t"))
    run(one, 30)
    assert one.totals.payloads == sum(len(link.reports) for link in links)
    assert one.totals.values == sum(len(values) for link in links for _, values, _ in link.reports)
    assert all(link.reports for link in links)


def test_payloads_carry_real_time_whatever_the_school_clock_says() -> None:
    one, links = province(Scenario("t"), 1)
    one._clock = SchoolClock(MONDAY_0905_MS, MONDAY_0905_MS - 7_200_000, 60)
    run(one, 5)
    assert {ts_ms for _, _, ts_ms in links[0].reports} <= set(range(MONDAY_0905_MS, MONDAY_0905_MS + 5000))


def test_the_default_province_is_lively_but_sane() -> None:
    one, _ = province(Scenario("t"), ageing=True)
    run(one, 10)
    before = one.totals.values
    run(one, 120, 10)
    assert 10 < (one.totals.values - before) / 120 < 80


def test_a_fibre_cut_reaches_the_session_and_passes() -> None:
    fault = {"fault": "fibre_cut", "at_s": 5, "for_s": 10, "target": {"index": 2}}
    one, links = province(read_scenario({"title": "t", "fault": [fault]}), 5)
    run(one, 30)
    assert links[2].events == ["cut", "restore"]
    assert not any(links[n].events for n in (0, 1, 3, 4))
    assert any(values.get("Link Up") is False for _, values, _ in links[2].reports), "the outbox keeps it"


def test_overlapping_cuts_restore_once() -> None:
    faults = [{"fault": "fibre_cut", "at_s": at_s, "for_s": 10, "target": {"index": 0}} for at_s in (1, 5)]
    one, links = province(read_scenario({"title": "t", "fault": faults}), 1)
    run(one, 30)
    assert links[0].events == ["cut", "restore"]


def test_a_fault_for_nobody_is_said() -> None:
    said: list[str] = []
    fault = {"fault": "flood", "at_s": 1, "for_s": 10, "target": {"school": "D999-X"}}
    one, _ = province(read_scenario({"title": "t", "fault": [fault]}), 3)
    one._warn = said.append
    run(one, 3)
    assert said == ["fault[1] flood hits nobody among 3 schools"]


@pytest.mark.parametrize("n", [1, 24])
def test_the_demonstration_shows_something_early_and_leaves_most_schools_alone(n: int) -> None:
    one, links = province(load_scenario(_path("morning_with_faults")), n, ageing=True)
    run(one, 20)
    struck = [
        link
        for link in links
        if link.events
        or any(
            values.get("Water Leak") or values.get("Fault") or values.get("Link Up") is False
            for _, values, _ in link.reports
        )
    ]
    assert struck or n == 1
    assert len(struck) <= max(1, n * 0.6)


def test_a_burst_keeps_to_its_count_and_spreads_over_schools() -> None:
    one, links = province(Scenario("t"))
    for member in one.members:
        one.poll(member, MONDAY_0905_MS)
    before, told = one.totals.payloads, [len(link.reports) for link in links]
    Burst(one, 1000, 1, alarm_every=10).emit(3000, MONDAY_0905_MS + 1)
    assert one.totals.payloads - before == 3000
    per_school = [len(link.reports) - count for link, count in zip(links, told, strict=True)]
    assert min(per_school) > 20
    last: dict[tuple[int, str, str], Any] = {}
    repeats, leaks = 0, Counter[bool]()
    for number, link in enumerate(links):
        for device, values, ts_ms in link.reports:
            if ts_ms == MONDAY_0905_MS + 1:
                repeats += all(last.get((number, device, name)) == value for name, value in values.items())
            for name, value in values.items():
                last[number, device, name] = value
                leaks[value] += name == "Water Leak" and ts_ms == MONDAY_0905_MS + 1
    assert leaks[True] > 50
    assert leaks[False] > 50
    assert repeats < 3000 * 0.05, "a change changes something"


def test_the_bad_day_cuts_one_district_and_sixty_schools_at_once_who_come_back_at_once() -> None:
    scenario = load_scenario(_path("bad_day"))
    assert scenario.offices
    plans = plan_province([*schools(), *offices()], 1, devices_per_school=1)
    links = [Log() for _ in plans]
    members = [
        Member(LivingSchool(plan, KINDS, 1, ageing=False), link)
        for plan, link in zip(plans, links, strict=True)
    ]
    clock = SchoolClock(MONDAY_0905_MS, MONDAY_0905_MS, 60)
    one = Province(members, clock, scenario, 1, poll_s=60)
    district = {plan.school.code for plan in plans if plan.school.district_code == "706"}
    away: list[set[str]] = []
    for second in range(20):  # of real time, sixty times as fast
        one.tick(0, MONDAY_0905_MS + second * 1000)
        away.append({plan.school.code for plan, member in zip(plans, members, strict=True) if member.cuts})
    assert away[0] == set()
    assert away[2] == district
    assert "PGD-706" in district
    ring = away[6] - district
    assert 45 <= len(ring) <= 60, "sixty at once, some of them in the district that is cut already"
    assert away[6] == away[9]
    assert away[11] == district
    assert away[17] == set()
    assert all(link.events.count("cut") == link.events.count("restore") for link in links)


def test_all_schools_vanish_and_come_back_in_the_variant_of_the_benchmark() -> None:
    one, links = province(load_scenario(_path("bad_day_all")), 24)
    run(one, 200)
    assert all(link.events == ["cut", "restore"] for link in links)


def _path(name: str) -> Any:
    from pathlib import Path

    return Path("config/scenarios") / f"{name}.toml"
