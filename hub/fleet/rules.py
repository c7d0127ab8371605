"""How requests to agents live, when an agent is in step, and how a roll-out goes on; pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from devices.sections import SECRETS

RequestState: TypeAlias = Literal["queued", "sent", "taken", "done", "failed", "refused", "expired"]
ConfigState: TypeAlias = Literal["in_step", "pending", "refused", "rolled_back", "unknown"]
MemberState: TypeAlias = Literal["waiting", "pending", "in_step", "failed", "skipped"]

OPEN: frozenset[str] = frozenset({"queued", "sent", "taken"})
_ANSWERS: Mapping[str, RequestState] = {
    "taken": "taken",
    "done": "done",
    "failed": "failed",
    "refused": "refused",
    "expired": "expired",
    "interrupted": "failed",
}
LASTS_MS: Mapping[str, int] = {
    "configure": 600_000,
    "update": 2 * 3_600_000,
    "diagnose": 120_000,
    "plan": 600_000,
    "scan": 600_000,
}
"""How long a request of each kind may wait until an agent takes it."""
TAKEN_LASTS_MS = 900_000
"""How much later an agent that took a request may still answer: it may be trying what it was given."""
_FIRST_MS, _LONGEST_MS, _TAKEN_AGAIN_MS = 2_000, 60_000, 30_000
_RETRY_MS, _BUSY_MS = 300_000, 10_000

KEPT = "(kept)"
"""Stands for a secret in what is shown; sent back, the secret stays what it was."""

# ---------------------------------------------------------------- requests


def answered(state: str, told: str) -> RequestState | None:
    """Gives the state after an agent's answer; None if the answer changes nothing."""
    found = _ANSWERS.get(told)
    if found is None or state not in OPEN or found == state:
        return None
    return found


def wait_ms(state: str, tries: int) -> int:
    """Gives how long to wait before a request is sent again: 2, 4, 8 … 60 s, and 30 s once it is taken."""
    if state == "taken":
        return _TAKEN_AGAIN_MS
    return int(min(_LONGEST_MS, _FIRST_MS << min(tries, 16)))


def ended(state: str, expires_ms: int, now_ms: int) -> tuple[RequestState, str] | None:
    """Gives how an open request ends because time has passed, with the reason; None while it goes on."""
    if state in {"queued", "sent"} and now_ms >= expires_ms:
        return "expired", "the agent did not take it in time"
    if state == "taken" and now_ms >= expires_ms + TAKEN_LASTS_MS:
        return "failed", "no_answer"
    return None


def again_ms(ended_ms: int, detail: str) -> int:
    """Gives when to ask again for what failed: soon if the agent was only busy."""
    return ended_ms + (_BUSY_MS if detail.startswith("busy") else _RETRY_MS)


# ---------------------------------------------------------------- configurations


@dataclass(frozen=True, slots=True)
class Reported:
    """What an agent says of itself; None where it never said."""

    version: str | None = None
    config_version: int | None = None
    config_hash: str | None = None
    present: bool = False


def config_state(wanted: tuple[int, str, str] | None, reported: Reported) -> ConfigState:
    """Tells how an agent stands to what is wanted: (version, hash, state so far)."""
    if wanted is None:
        return "unknown"
    version, hash_, state = wanted
    if (reported.config_version, reported.config_hash) == (version, hash_):
        return "in_step"
    if state == "refused":
        return "refused"
    if state == "rolled_back":
        return "rolled_back"
    return "pending"


def drift(state: str, version: int, reported: Reported) -> str:
    """Says in words that an agent which was in step no longer is; "" if it is no drift."""
    if state != "in_step" or not reported.present:
        return ""
    if reported.config_version == version:
        return f"the agent's version {version} is not what was given to it"
    has = "no version" if not reported.config_version else f"version {reported.config_version}"
    return f"the agent has {has} instead of {version}"


def shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a configuration without its secrets."""
    devices = content.get("devices")
    if devices is None:
        return dict(content)
    return {**content, "devices": [_with_options(each, _hidden(each.get("options", {}))) for each in devices]}


def unhidden(content: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the secrets of the version before where `KEPT` stands for them."""
    devices = content.get("devices")
    if devices is None:
        return dict(content)
    before = {each["id"]: each.get("options", {}) for each in base.get("devices") or []}

    def options(device: Mapping[str, Any]) -> dict[str, Any]:
        known = before.get(device["id"], {})
        return {
            name: known[name] if value == KEPT and name.startswith(SECRETS) and name in known else value
            for name, value in device.get("options", {}).items()
        }

    return {**content, "devices": [_with_options(each, options(each)) for each in devices]}


def changed(content: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a configuration after a change: `options` of the agent, and `set` for devices of `kind`.

    `set` gives settings of the devices (`poll_s`, …); its `options` are merged with those of each device.
    """
    found = dict(content)
    if options := change.get("options"):
        found["options"] = {**content.get("options", {}), **options}
    wanted = change.get("set")
    if wanted and content.get("devices") is not None:
        found["devices"] = [
            _set(each, wanted) if change.get("kind") in {None, each["kind"]} else each
            for each in content["devices"]
        ]
    return found


def _set(device: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    after = {**device, **wanted}
    if "options" in wanted:
        after["options"] = {**device.get("options", {}), **wanted["options"]}
    return after


def _hidden(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: KEPT if name.startswith(SECRETS) else value for name, value in options.items()}


def _with_options(device: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {**device, "options": options} if "options" in device else dict(device)


# ---------------------------------------------------------------- roll-outs


@dataclass(frozen=True, slots=True)
class Plan:
    """How a roll-out goes: cumulative shares, how many may fail, how long each stage is watched."""

    stages_percent: tuple[int, ...]
    abort_percent: int
    patience_s: int


@dataclass(frozen=True, slots=True)
class Member:
    """An agent of a roll-out as it stands now."""

    stage: int
    state: MemberState
    in_contact: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a roll-out does now, and why in words."""

    step: Literal["wait", "next", "done", "abort"]
    why: str = ""


def stages(
    nodes: Iterable[tuple[str, str]], percents: Sequence[int], salt: str
) -> dict[tuple[str, str], int]:
    """Gives each agent its stage; who comes first is drawn by `salt`: not always the same school.

    The first stage has at least one agent, the last ones take all that is left.
    """
    drawn = sorted(set(nodes), key=lambda key: hashlib.sha256(f"{salt}/{key[0]}/{key[1]}".encode()).digest())
    found: dict[tuple[str, str], int] = {}
    begin = 0
    for stage, percent in enumerate(percents):
        last = stage == len(percents) - 1
        end = len(drawn) if last else max(begin, -(-len(drawn) * percent // 100))
        found.update(dict.fromkeys(drawn[begin:end], stage))
        begin = end
    return found


def judge(plan: Plan, members: Sequence[Member], stage: int, stage_ms: int, now_ms: int) -> Verdict:
    """Tells how a roll-out goes on.

    It is aborted as soon as more of the present stage than `abort_percent` failed, or, once it was watched
    for `patience_s`, failed or lost contact. It goes on after that time when all but `abort_percent` are in
    step and in contact; until then it waits, for agents that are away as well.
    """
    present = [each for each in members if each.stage == stage and each.state != "skipped"]
    final = stage >= len(plan.stages_percent) - 1
    after = Verdict("done") if final else Verdict("next")
    if not present:
        return after
    most = len(present) * plan.abort_percent / 100
    failed = sum(each.state == "failed" for each in present)
    if failed > most:
        return Verdict("abort", f"{failed} of {len(present)} agents of stage {stage + 1} failed")
    if now_ms - stage_ms < plan.patience_s * 1000:
        return Verdict("wait")
    lost = sum(each.state == "in_step" and not each.in_contact for each in present)
    if failed + lost > most:
        why = f"{failed + lost} of {len(present)} agents of stage {stage + 1} failed or lost contact"
        return Verdict("abort", why)
    good = sum(each.state == "in_step" and each.in_contact for each in present)
    return after if good >= len(present) - most else Verdict("wait")
