"""Requests, configurations and roll-outs by what they promise."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.fleet.rules import (
    KEPT,
    OPEN,
    Member,
    Plan,
    Reported,
    answered,
    changed,
    config_state,
    drift,
    ended,
    judge,
    shown,
    stages,
    unhidden,
    wait_ms,
)

STATES = ["queued", "sent", "taken", "done", "failed", "refused", "expired"]
TOLD = ["taken", "done", "failed", "refused", "expired", "interrupted", "nonsense"]
NODES = st.sets(st.tuples(st.sampled_from("ABC"), st.integers(0, 500).map(str)), max_size=120)
PERCENTS = st.sets(st.integers(1, 99), max_size=4).map(lambda some: (*sorted(some), 100))


@given(st.sampled_from(STATES), st.lists(st.sampled_from(TOLD), max_size=6))
def test_a_request_ends_once_and_never_goes_back(state: str, told: list[str]) -> None:
    order = {"queued": 0, "sent": 1, "taken": 2}
    for word in told:
        after = answered(state, word)
        if state not in OPEN:
            assert after is None
        if after is not None:
            assert order.get(after, 3) > order[state]
            state = after


@given(st.sampled_from(STATES), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10_000))
def test_a_request_is_sent_again_at_bounded_times_and_ends_with_its_time(
    state: str, expires_ms: int, now_ms: int, tries: int
) -> None:
    assert 2_000 <= wait_ms(state, tries) <= 60_000
    over = ended(state, expires_ms, now_ms)
    assert over is None or (state in OPEN and now_ms >= expires_ms)
    if state in {"queued", "sent"} and now_ms >= expires_ms:
        assert over == ("expired", "the agent did not take it in time")


@given(NODES, PERCENTS, st.text(max_size=5))
def test_every_agent_has_one_stage_and_the_shares_hold(
    nodes: set[tuple[str, str]], percents: tuple[int, ...], salt: str
) -> None:
    found = stages(nodes, percents, salt)
    assert found.keys() == nodes
    for stage, percent in enumerate(percents):
        so_far = sum(each <= stage for each in found.values())
        assert len(nodes) * percent / 100 <= so_far < len(nodes) * percent / 100 + 1
    if nodes:
        assert 0 in found.values(), "the first stage is never empty"


MEMBERS = st.lists(
    st.builds(
        Member,
        st.integers(0, 2),
        st.sampled_from(["waiting", "pending", "in_step", "failed", "skipped"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(MEMBERS, st.integers(0, 2), st.integers(0, 100), st.integers(1, 1000), st.integers(0, 2_000_000))
def test_a_roll_out_only_goes_on_with_proof_and_stops_at_failures(
    members: list[Member], stage: int, abort_percent: int, patience_s: int, passed_ms: int
) -> None:
    plan = Plan((10, 50, 100), abort_percent, patience_s)
    verdict = judge(plan, members, stage, 1_000, 1_000 + passed_ms)
    present = [each for each in members if each.stage == stage and each.state != "skipped"]
    most = len(present) * abort_percent / 100
    bad = sum(each.state == "failed" for each in present)
    lost = sum(each.state == "in_step" and not each.in_contact for each in present)
    good = sum(each.state == "in_step" and each.in_contact for each in present)
    if verdict.step in {"next", "done"} and present:
        assert passed_ms >= patience_s * 1000
        assert good >= len(present) - most
        assert (verdict.step == "done") is (stage == 2)
    if present and (bad > most or (passed_ms >= patience_s * 1000 and bad + lost > most)):
        assert verdict.step == "abort"
        assert verdict.why
    if verdict.step == "abort":
        assert bad + lost > most


SECRET = st.sampled_from(["password", "community", "auth_key", "pin"])
DEVICES = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("abcd"), "kind": st.sampled_from(["projector", "ups"])},
        optional={"options": st.dictionaries(st.one_of(SECRET, st.just("host")), st.text(max_size=4))},
    ),
    max_size=4,
    unique_by=lambda each: str(each["id"]),
)


@given(DEVICES)
def test_secrets_are_hidden_and_come_back_when_nothing_else_is_said(devices: list[dict[str, Any]]) -> None:
    content = {"devices": devices}
    hidden = shown(content)
    for device in hidden["devices"]:
        for name, value in device.get("options", {}).items():
            assert name == "host" or value == KEPT
    assert unhidden(hidden, content) == content


@given(DEVICES, st.sampled_from(["projector", "ups", None]))
def test_a_change_reaches_its_kind_alone(devices: list[dict[str, Any]], kind: str | None) -> None:
    change = {"kind": kind, "set": {"poll_s": 7.0, "options": {"port": 1}}, "options": {"heartbeat_s": 9.0}}
    after = changed({"devices": devices}, change)
    assert after["options"] == {"heartbeat_s": 9.0}
    for old, new in zip(devices, after["devices"], strict=True):
        if kind in {None, old["kind"]}:
            assert new["poll_s"] == 7.0
            assert new["options"] == {**old.get("options", {}), "port": 1}
        else:
            assert new == old
    assert changed(after, change) == after, "twice is once"


@given(
    st.integers(1, 9), st.integers(0, 9), st.sampled_from(["pending", "in_step", "refused", "rolled_back"])
)
def test_in_step_is_what_is_reported_not_what_was_asked(version: int, reported: int, state: str) -> None:
    said = Reported("1.0", reported, "h", present=True)
    found = config_state((version, "h", state), said)
    assert (found == "in_step") is (version == reported)
    assert bool(drift(state, version, said)) is (state == "in_step")
    assert config_state(None, said) == "unknown"
