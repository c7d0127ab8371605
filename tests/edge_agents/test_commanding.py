"""The life of a command: at most one effect for one id, whatever dies between any two steps."""

import json
from collections import Counter, defaultdict
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agents.commanding import KEPT_LEAST, KEPT_MOST, KEPT_MS, Lives, Order, State, left_ms
from edge_agents.day_plan import LATE_MS, Plan, PlanError, Step, due, read
from tests.edge_agents.commands_in_hand import Box

IDS = [f"command-{number}" for number in range(5)]


class CommandLife(RuleBasedStateMachine):
    """Commands come, come again, wait, are done, fail; the disk refuses; the process is killed anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.box = Box()
        self.effects: Counter[str] = Counter()
        self.ends: dict[str, set[str]] = defaultdict(set)
        self.unwritten: set[str] = set()
        self.heard = 0

    @rule(number=st.integers(0, len(IDS) - 1), left_s=st.sampled_from([-1, 5, 30]))
    def arrive(self, number: int, left_s: int) -> None:
        # a setpoint of its own for each id, so that an effect says whose it is
        self.box.commands.take(Order("ac", "Setpoint", 18 + number, IDS[number], left_s * 1000))

    @precondition(lambda self: self.box.journal.waiting)
    @rule()
    def disk_writes(self) -> None:
        self.box.journal.write()

    @precondition(lambda self: self.box.journal.waiting)
    @rule()
    def disk_refuses(self) -> None:
        record = self.box.journal.write(OSError("no space left"))
        if record is not None:
            self.unwritten.add(record.id)

    @precondition(lambda self: self.box.devices["ac"].queue)
    @rule(how=st.sampled_from(["obeys", "fails", "fails after all", "dies"]))
    def device(self, how: str) -> None:
        write = self.box.devices["ac"].queue.popleft()
        if not write.begin():
            return
        id_ = IDS[write.value - 18]
        assert self.box.journal.disk[id_].state is State.TAKEN, "on disk before anything is done"
        if how != "fails":
            self.effects[id_] += 1
        if how == "dies":
            self.killed()
        else:
            write.ended(State.DONE if how == "obeys" else State.FAILED, "" if how == "obeys" else "timeout")

    @rule()
    def killed(self) -> None:
        self.listen()
        self.box.start()

    @rule(seconds=st.sampled_from([1, 10]))
    def time_passes(self, seconds: int) -> None:
        self.box.steady_s += seconds

    @invariant()
    def at_most_one_effect(self) -> None:
        assert all(count <= 1 for count in self.effects.values())

    @invariant()
    def listen(self) -> None:
        for _, values in self.box.node.told[self.heard :]:
            said = json.loads(values["Command/Result"])
            if said["state"] != "taken":
                self.ends[said["id"]].add(said["state"])
            if said["state"] == "done":
                assert self.effects[said["id"]] == 1
        self.heard = len(self.box.node.told)
        assert all(len(ends) == 1 for id_, ends in self.ends.items() if id_ not in self.unwritten)

    def teardown(self) -> None:
        """Every command that was ever taken gets an end."""
        self.box.start()
        self.box.journal.write_all()
        self.listen()
        for id_, record in self.box.journal.disk.items():
            assert record.state is not State.TAKEN
            if record.state is State.DONE and id_ not in self.unwritten:
                assert self.effects[id_] == 1


TestCommandLife = CommandLife.TestCase
TestCommandLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_known_id_tells_its_state_again_as_news() -> None:
    box = Box()
    order = Order("ac", "Power", True, IDS[0], 30_000)
    box.commands.take(order)
    box.commands.take(order)
    assert not box.node.told, "nothing is told that is not on disk"
    box.journal.write_all()
    box.devices["ac"].queue.popleft().ended(State.DONE, "")
    box.journal.write_all()
    box.commands.take(order)
    box.commands.take(order)
    told = [values["Command/Result"] for _, values in box.node.told]
    assert [json.loads(text)["state"] for text in told] == ["taken", "done", "done", "done"]
    assert len(set(told)) == 4, "what is equal would not be reported"
    assert not box.devices["ac"].queue


def test_what_the_kind_does_not_know_what_is_late_and_what_has_no_disk_is_not_done() -> None:
    box = Box()
    for id_, metric, value, left in (
        ("a", "Weather", 1, 9), ("b", "Setpoint", 99, 9), ("c", "Power", True, 0), ("d", "Power", True, 9000),
    ):  # fmt: skip
        box.commands.take(Order("ac", metric, value, id_, left))
    while box.journal.waiting:
        last = box.journal.waiting[0][0]
        box.journal.write(OSError("read-only") if last is not None and last.id == "d" else None)
    said = [json.loads(values["Command/Result"]) for _, values in box.node.told]
    assert [(one["id"], one["state"], one["detail"]) for one in said] == [
        ("a", "refused", "not_allowed"), ("b", "refused", "not_allowed"), ("c", "expired", ""),
        ("d", "refused", "no_disk"),
    ]  # fmt: skip
    assert not box.devices["ac"].queue


def test_time_left_is_by_the_clock_of_the_sender() -> None:
    assert left_ms(5_000, 2_000) == 3_000
    assert left_ms(None, 2_000) == left_ms(5_000, None) == 60_000
    assert left_ms(10**15, 1) == 24 * 3_600_000


def test_ids_are_forgotten_by_age_and_number_but_never_the_newest_nor_what_goes_on() -> None:
    lives = Lives()
    for number in range(KEPT_MOST + 10):
        lives.take(str(number), "ac", number)
        if number != 3:
            lives.end(str(number), State.DONE, "", number)
    assert lives.forget(0) == [str(number) for number in range(10) if number != 3]
    lives.forget(KEPT_MS * 10)
    assert len(lives) == KEPT_LEAST + 1
    assert lives.find("3") is not None


# ---------------------------------------------------------------- the interlock


def _switch_off(box: Box) -> dict[tuple[str, str], object]:
    done = {}
    for name, device in box.devices.items():
        while device.queue:
            write = device.queue.popleft()
            if write.begin():
                done[name, write.metric] = write.value
                write.ended(State.DONE, "")
    return done


def _release(box: Box, id_: str) -> tuple[str, str]:
    box.commands.take(Order("safety", "Interlock Open", False, id_, 30_000))
    box.journal.write_all()
    _switch_off(box)
    box.journal.write_all()
    said = json.loads(box.node.told[-1][1]["Command/Result"])
    return said["state"], said["detail"]


def test_m07_an_open_interlock_switches_the_room_off_and_refuses_until_a_release_in_good_air() -> None:
    box = Box()
    waiting = Order("ac", "Setpoint", 25, "before", 30_000)
    box.commands.take(waiting)
    box.journal.write_all()
    air = {"Gas": 20, "Temperature": 28.0, "Interlock Open": False}
    assert box.commands.seen("safety", air) == air
    assert box.commands.seen("safety", {**air, "Gas": 2600})["Interlock Open"] is True
    done = _switch_off(box)
    assert done == {("ac", "Power"): False} | {("lights", f"Relay {number}"): False for number in range(1, 5)}
    for id_, value in (("on", True), ("off", False)):
        box.commands.take(Order("ac", "Power", value, id_, 30_000))
    box.journal.write_all()
    _switch_off(box)
    box.journal.write_all()
    ends = {said["id"]: said["detail"] or said["state"] for said in _said(box)}
    assert ends == {"before": "interlock_open", "on": "interlock_open", "off": "done"}

    assert _release(box, "r1") == ("refused", "beyond_limit")
    box.start()  # also after a restart, and although the device has forgotten
    assert box.commands.interlocks.is_open("LAB1")
    assert _switch_off(box), "nobody knows how far it came: the room is switched off once more"
    assert box.commands.seen("safety", {**air, "Gas": 2400})["Interlock Open"] is True
    box.commands.seen("safety", {"Gas": 2600})
    assert _release(box, "r2") == ("refused", "beyond_limit")
    box.commands.seen("safety", {"Gas": 2400})
    assert _release(box, "r3") == ("refused", "beyond_limit"), "not before it is back by the hysteresis"
    box.commands.seen("safety", {"Gas": 100})
    assert _release(box, "r4") == ("done", "")
    assert box.commands.seen("safety", air) == air
    box.start()
    assert not box.commands.interlocks.is_open("LAB1")
    assert not _switch_off(box)


def test_what_could_not_be_switched_off_is_tried_again_when_it_answers() -> None:
    box = Box()
    box.commands.seen("safety", {"Interlock Open": True})
    write = box.devices["ac"].queue.popleft()
    assert write.begin()
    write.ended(State.FAILED, "timeout")
    box.commands.seen("ac", {"Power": True, "Setpoint": 25.0})
    assert [(write.metric, write.value) for write in box.devices["ac"].queue] == [("Power", False)]
    box.commands.seen("ac", {"Power": False})  # somebody did it by hand
    assert not box.devices["ac"].queue.popleft().begin()


def _said(box: Box) -> list[dict[str, str]]:
    last = {}
    for _, values in box.node.told:
        said = json.loads(values["Command/Result"])
        last[said["id"]] = said
    return list(last.values())


# ---------------------------------------------------------------- the plan of a day


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = [
        Step(
            draw(st.integers(0, 3_600_000)),
            draw(st.sampled_from("ab")),
            draw(st.sampled_from("xy")),
            1,
            str(n),
        )
        for n in range(draw(st.integers(0, 12)))
    ]
    return Plan(1, 0, 3_600_000, tuple(sorted(steps, key=lambda step: step.at_ms)))


@given(plans(), st.integers(0, 4_000_000), st.sets(st.integers(0, 11)))
def test_only_the_last_due_value_of_ten_minutes_is_done(plan: Plan, now_ms: int, done: set[int]) -> None:
    known = {str(number) for number in done}
    now, over = due(plan, now_ms, known.__contains__)
    assert not known & {step.id for step in (*now, *over)}
    assert len({(step.device, step.metric) for step in now}) == len(now)
    passed = {step.id for step in plan.steps if step.at_ms <= now_ms} - known
    assert {step.id for step in (*now, *over)} == passed, "each step that is due is done or over"
    for step in now:
        assert now_ms - LATE_MS <= step.at_ms <= now_ms
        later = [each for each in plan.steps if (each.device, each.metric) == (step.device, step.metric)]
        assert all(each.at_ms <= step.at_ms or each.at_ms > now_ms for each in later)


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    step = {"at_ms": 5, "device": "ac", "metric": "Power", "value": True, "step_id": "s"}
    good = {"version": 1, "from_ms": 0, "until_ms": 9, "steps": [step]}
    assert read(good).steps[0].id == "s"
    wrongs: tuple[dict[str, Any], ...] = (
        {"version": "1"}, {"until_ms": -1}, {"until_ms": 10**12}, {"steps": [step, step]}, {"steps": [1]},
        {"steps": [{**step, "at_ms": 10}]}, {"steps": [{**step, "step_id": ""}]}, {"steps": {}},
    )  # fmt: skip
    for wrong in wrongs:
        try:
            read({**good, **wrong})
        except PlanError:
            continue
        raise AssertionError(wrong)
