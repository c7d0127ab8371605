"""The life of a command against an agent and a line that lose, repeat and delay; pace, abort and drift."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.commands import rules
from hub.commands.rules import (
    ABORT_AFTER,
    DRIFT_AFTER_MS,
    FINAL,
    LOCAL_TIME,
    UNDER_WAY_MS,
    Asked,
    Life,
    Pace,
    Plain,
    Result,
    Seen,
    State,
    Wish,
)

START_MS = 1_795_000_000_000


def life(**about: object) -> Life:
    made = Life(id="c", value="on", created_ms=START_MS, expires_ms=START_MS + 30_000, patience_ms=30_000,
                values=("on", "off"))  # fmt: skip
    return replace(made, **about)  # type: ignore[arg-type]


HERE = Seen(present=True, proves=True, value="off", ts_ms=1, is_good=True)


class CommandsOfADevice(RuleBasedStateMachine):
    """The hub, an agent that remembers ids, and a line between them that may do anything but forge."""

    @initialize(patience_s=st.integers(1, 60))
    def begin(self, patience_s: int) -> None:
        self.now_ms = START_MS
        self.life = life(patience_ms=patience_s * 1000)
        self.on_the_line = 0
        self.effects = 0
        self.agent: str | None = None
        self.told: str | None = None
        self.value: Plain = "off"
        self.value_ms = 1
        self.present = True
        self.history = [State.QUEUED]

    @property
    def seen(self) -> Seen:
        result = Result("c", self.told) if self.told else None
        return Seen(self.present, True, self.value, self.value_ms, self.present, result)

    def become(self, new: Life) -> None:
        if new.state is not self.life.state:
            assert self.life.state not in FINAL
            assert new.state not in self.history, "no state is entered twice"
            self.history.append(new.state)
        self.life = new

    @rule(ms=st.integers(0, 20_000))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @rule()
    def hub_looks(self) -> None:
        self.become(rules.followed(self.life, self.seen, self.now_ms))
        if rules.may_go(self.life, self.seen, self.now_ms):
            self.become(rules.sent(self.life, self.seen, self.now_ms))
            self.on_the_line += 1
        elif rules.resend_due(self.life, self.seen, self.now_ms):
            self.become(rules.resent(self.life, self.now_ms))
            self.on_the_line += 1

    @rule()
    def somebody_cancels(self) -> None:
        if self.life.state is State.QUEUED:
            self.become(rules.cancelled(self.life, self.now_ms))
        else:
            with pytest.raises(ValueError, match="cannot be taken back"):
                rules.cancelled(self.life, self.now_ms)

    @precondition(lambda self: self.on_the_line > 0)
    @rule(lost=st.booleans(), again=st.booleans(), fails=st.sampled_from(["", "refused", "failed"]))
    def line_delivers(self, lost: bool, again: bool, fails: str) -> None:
        self.on_the_line -= 0 if again else 1
        if lost:
            return
        if self.agent is None:
            self.agent = fails or "taken"
            self.effects += not fails
        self.told = self.agent

    @precondition(lambda self: self.agent == "taken")
    @rule(dies=st.booleans())
    def agent_finishes(self, dies: bool) -> None:
        self.agent = self.told = "interrupted" if dies else "done"

    @precondition(lambda self: self.agent in {"done", "interrupted"})
    @rule(value=st.sampled_from(["on", "warming", "off"]))
    def device_is_observed(self, value: str) -> None:
        self.value, self.value_ms = value, self.value_ms + 1

    @rule(there=st.booleans())
    def agent_comes_or_goes(self, there: bool) -> None:
        self.present = there

    @invariant()
    def at_most_one_effect(self) -> None:
        assert getattr(self, "effects", 0) <= 1

    @invariant()
    def the_ends_tell_the_truth(self) -> None:
        if not hasattr(self, "life"):
            return
        if self.life.state is State.CANCELLED:
            assert self.history == [State.QUEUED, State.CANCELLED]
            assert self.effects == 0
        if self.life.state is State.SUCCEEDED:
            assert self.effects == 1
            assert self.life.observed == "on"
        if self.life.delivered_ms is not None:
            assert self.agent is not None, "only the device's own word proves a delivery"
        assert (self.life.ended_ms is not None) is (self.life.state in FINAL)

    def teardown(self) -> None:
        """However it went, it ends."""
        if hasattr(self, "life"):
            self.become(rules.followed(self.life, self.seen, self.now_ms + 10 * UNDER_WAY_MS))
            self.become(rules.followed(self.life, self.seen, self.now_ms + 20 * UNDER_WAY_MS))
            assert self.life.is_final


TestCommandsOfADevice = CommandsOfADevice.TestCase
TestCommandsOfADevice.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_lamp_that_warms_up_is_waited_for() -> None:
    sent = rules.sent(life(), HERE, START_MS)
    warming = replace(HERE, value="warming", ts_ms=2, result=Result("c", "done"))
    at_ms = START_MS + 60_000
    assert rules.followed(rules.followed(sent, warming, START_MS + 100), warming, at_ms).state == "delivered"
    never = rules.followed(sent, replace(warming, value="off"), START_MS + 100)
    ended = rules.followed(never, replace(warming, value="off"), at_ms)
    assert (ended.state, ended.detail) == ("timed_out", "not_observed")
    on = rules.followed(never, replace(warming, value="on"), at_ms)
    assert (on.state, on.observed) == ("succeeded", "on")


def test_no_word_of_a_command_ends_it_as_expired_and_a_taken_one_as_timed_out() -> None:
    sent = rules.sent(life(), HERE, START_MS)
    assert rules.followed(sent, HERE, START_MS + 31_000).state == "sent"
    assert rules.followed(sent, HERE, START_MS + 32_000).detail == "no_answer"
    taken = replace(HERE, result=Result("c", "taken"))
    ended = rules.followed(sent, taken, START_MS + 32_000)
    assert (ended.state, ended.detail) == ("timed_out", "no_result")
    assert rules.followed(sent, replace(HERE, result=Result("another", "done")), START_MS + 1) == replace(
        sent, observed="off"
    )


def test_it_is_sent_again_with_growing_pauses_until_it_expires() -> None:
    going = rules.sent(life(), HERE, START_MS)
    sends = [0]
    for second in range(1, 40):
        if rules.resend_due(going, HERE, START_MS + second * 1000):
            going = rules.resent(going, START_MS + second * 1000)
            sends.append(second)
    assert sends == [0, 2, 6, 14]
    foreign = rules.sent(life(), replace(HERE, proves=False), START_MS)
    assert not rules.resend_due(foreign, HERE, START_MS + 20_000), "who keeps no ids might do it twice"


def test_a_newer_command_for_the_metric_ends_the_waiting_for_the_older() -> None:
    waiting = rules.followed(
        rules.sent(life(), HERE, START_MS), replace(HERE, result=Result("c", "done")), START_MS + 10
    )
    assert not waiting.blocks
    assert rules.superseded(waiting, START_MS + 20).detail == "superseded"
    assert rules.superseded(life(), START_MS) == life()


@pytest.mark.parametrize(
    ("wanted", "observed", "deadband", "is_same"),
    [
        (26.0, 26.4, 0.5, True), (26.0, 26.6, 0.5, False), (26, 26.0, 0.0, True),
        (0.1, 0.10000000149, 0.0, True),
        (True, 1, 0.0, False), (False, 0, 0.5, False), (True, True, 0.0, True), ("on", "on", 0.0, True),
        ("on", "off", 0.0, False), ("on", None, 0.0, False), (1, None, 0.0, False),
    ],
)  # fmt: skip
def test_numbers_are_the_same_within_the_deadband_all_else_exactly(
    wanted: Plain, observed: Plain, deadband: float, is_same: bool
) -> None:
    assert rules.same(wanted, observed, deadband) is is_same


@given(rate=st.integers(1, 1000), pauses=st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_a_group_keeps_its_pace(rate: int, pauses: list[int]) -> None:
    pace, now_ms, went = Pace(rate), START_MS, 0
    for pause_ms in pauses:
        now_ms += pause_ms
        count = pace.allowed(now_ms)
        pace.take(count)
        went += count
        assert went <= rate * (now_ms - START_MS) / 1000 + 1 + 1e-6


@given(succeeded=st.integers(0, 5000), failed=st.integers(0, 5000), percent=st.integers(1, 100))
def test_a_group_aborts_by_the_share_of_what_ended(succeeded: int, failed: int, percent: int) -> None:
    aborts = rules.aborts(succeeded, failed, percent)
    if succeeded + failed < ABORT_AFTER or percent == 100 or failed == 0:
        assert not aborts
    else:
        assert aborts is (failed / (succeeded + failed) > percent / 100)


def test_an_interlock_forbids_all_but_switching_off_and_other_vetoes_come_beside() -> None:
    asked = Asked("S", "LAB", "projector", "power", "on", open_interlocks=("gas-1",))
    refusal = rules.refusal(asked, START_MS)
    assert refusal is not None
    assert refusal.code == "interlock_open"
    assert "gas-1" in refusal.why
    assert rules.refusal(replace(asked, is_safe=True), START_MS) is None
    assert rules.refusal(replace(asked, open_interlocks=()), START_MS) is None
    exam = rules.Refusal("exam", "an exam is on")
    assert rules.refusal(asked, START_MS, (lambda one, now: exam if now else None, *rules.VETOES)) == exam


@given(st.lists(st.tuples(st.sampled_from(["on", "off", None]), st.integers(0, 90_000)), max_size=40))
def test_drift_is_told_only_of_what_lasts_and_ends_with_it(steps: list[tuple[str | None, int]]) -> None:
    wish, now_ms = Wish("on", START_MS + 10**9), START_MS
    differs_ms: int | None = None
    for value, pause_ms in steps:
        now_ms += pause_ms
        wish = rules.judged(wish, value, True, now_ms)
        if value == "on" or (value is None and wish.drift_ms is None):
            differs_ms = None
        elif value == "off" and differs_ms is None:
            differs_ms = now_ms
        if value == "on":
            assert wish.drift_ms is None
        if value == "off":
            assert differs_ms is not None
            assert (wish.drift_ms is not None) is (now_ms - differs_ms >= DRIFT_AFTER_MS)


def test_what_was_wanted_ends_with_the_local_day() -> None:
    evening = datetime(2026, 11, 24, 23, 59, tzinfo=LOCAL_TIME)
    assert (
        rules.end_of_day_ms(round(evening.timestamp() * 1000)) == round(evening.timestamp() * 1000) + 60_000
    )
