"""The plan of a day: what the agent does at which time on its own, with the line cut as well.

The hub sends it ahead (`plan`), the agent holds it on disk. Each step is a command with the id of the step:
done at most once, told like any other. After a late start only the last value due in the past ten minutes
counts for each metric of each device; what is older or overtaken is told as expired.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from devices.wire.datatypes import DataType
from edge_agents.clock import steady_ms
from edge_agents.commanding import ID_LONGEST, NO_DISK, NOT_ALLOWED, Order
from edge_agents.executing import Commands
from edge_agents.node import Node
from edge_agents.requests import Requests

log = logging.getLogger(__name__)

LATE_MS = 10 * 60_000
LONGEST_MS = 48 * 3_600_000
STEPS_MOST = 5_000
LOOK_MS = 30_000
"""How often at least the clock is looked at: it may have been set."""
SKEW_MS = 2_000
_KEY = "plan"


class PlanError(ValueError):
    """A plan that cannot be carried out; the text is a stable code."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do at a time (UTC ms)."""

    at_ms: int
    device: str
    metric: str
    value: Any
    id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do from when until when; steps in the order of their times."""

    version: int
    from_ms: int
    until_ms: int
    steps: tuple[Step, ...]


def read(document: Mapping[str, Any]) -> Plan:
    """The plan of a request. Raises PlanError."""
    version, begin, end = (document.get(name) for name in ("version", "from_ms", "until_ms"))
    given = document.get("steps")
    if not (isinstance(version, int) and isinstance(begin, int) and isinstance(end, int)):
        raise PlanError("plan_invalid")
    if not 0 <= end - begin <= LONGEST_MS or not isinstance(given, list) or len(given) > STEPS_MOST:
        raise PlanError("plan_invalid")
    try:
        steps = [
            Step(one["at_ms"], one["device"], one["metric"], one["value"], one["step_id"]) for one in given
        ]
    except (KeyError, TypeError) as error:
        raise PlanError("plan_invalid") from error
    for step in steps:
        texts = (step.device, step.metric, step.id)
        if type(step.at_ms) is not int or not all(type(text) is str and text != "" for text in texts):
            raise PlanError("plan_invalid")
        if len(step.id) > ID_LONGEST or not begin <= step.at_ms <= end:
            raise PlanError("plan_invalid")
    if len({step.id for step in steps}) != len(steps):
        raise PlanError("plan_invalid")
    return Plan(version, begin, end, tuple(sorted(steps, key=lambda step: step.at_ms)))


def due(plan: Plan, now_ms: int, known: Callable[[str], bool]) -> tuple[list[Step], list[Step]]:
    """The steps to do now, and those whose time has passed; `known` says which were dealt with before."""
    last: dict[tuple[str, str], Step] = {}
    over: list[Step] = []
    for step in plan.steps:
        if step.at_ms > now_ms:
            break
        place = step.device, step.metric
        if (before := last.pop(place, None)) is not None:
            over.append(before)
        if step.at_ms < now_ms - LATE_MS:
            over.append(step)
        else:
            last[place] = step
    return [step for step in last.values() if not known(step.id)], [
        step for step in over if not known(step.id)
    ]


def next_ms(plan: Plan, now_ms: int) -> int | None:
    """When the next step is due; None if there is none any more."""
    return next((step.at_ms for step in plan.steps if step.at_ms > now_ms), None)


class DayPlan:
    """Holds the plan and does its steps. No task of its own: a timer for the next step."""

    def __init__(self, node: Node, commands: Commands, requests: Requests) -> None:
        self._node, self._commands = node, commands
        self._plan: Plan | None = None
        self._ahead_ms = 0
        self._told_ms = 0
        self._since_ms: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        held = commands.journal.held(_KEY).get(_KEY)
        if held is not None:
            self._restore(held)
        requests.register("plan", self.accept)

    def start(self) -> None:
        """Do what is due, and go on from there."""
        self._look()

    def close(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    async def accept(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take a plan in the place of the one before; on disk before it counts."""
        try:
            plan = read(document)
            if self._plan is not None and plan.version < self._plan.version:
                raise PlanError("old_version")
            locks = self._commands.interlocks
            if any(locks.guards(step.device, step.metric) for step in plan.steps):
                raise PlanError(NOT_ALLOWED)  # an interlock is released by a person
            told_ms = document["sent_ms"] or self._node.now_ms()
            await self._hold(document, told_ms)
        except PlanError as error:
            return {"state": "refused", "detail": str(error)}
        self._plan, self._told_ms, self._since_ms = plan, told_ms, steady_ms()
        self._tell_version()
        self._look()
        return {"version": plan.version, "steps": len(plan.steps)}

    async def _hold(self, document: Mapping[str, Any], told_ms: int) -> None:
        kept: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def then(error: Exception | None) -> None:
            if not kept.done():
                kept.set_result(error)

        plan = {name: document[name] for name in ("version", "from_ms", "until_ms", "steps")}
        held = {"plan": plan, "told_ms": told_ms, "wall_ms": self._node.now_ms()}
        self._commands.journal.hold(_KEY, json.dumps(held, ensure_ascii=False), then)
        if await kept is not None:
            raise PlanError(NO_DISK)

    def now_ms(self) -> int:
        """The hub's time: by a clock that never steps since the plan came, else by the machine's."""
        if self._since_ms is not None:
            return self._told_ms + steady_ms() - self._since_ms
        return self._node.now_ms() + self._ahead_ms

    def _restore(self, held: str) -> None:
        try:
            document = json.loads(held)
            self._plan = read(document["plan"])
            self._told_ms, wall_ms = int(document["told_ms"]), int(document["wall_ms"])
        except (ValueError, KeyError, TypeError):
            log.error("%s: the plan on disk cannot be read: none is held", self._node.node_id)
            return
        ahead_ms = self._told_ms - wall_ms
        self._ahead_ms = ahead_ms if abs(ahead_ms) > SKEW_MS else 0
        self._tell_version()

    def _tell_version(self) -> None:
        if self._plan is not None:
            self._node.tell("Agent/Plan Version", DataType.Int64, self._plan.version)

    def _look(self) -> None:
        self.close()
        plan = self._plan
        if plan is None:
            return
        now_ms = self.now_ms()
        if now_ms >= self._told_ms - SKEW_MS:  # else the clock stood still or was lost: nothing is due by it
            self._do(plan, now_ms)
        if now_ms > plan.until_ms + LATE_MS:
            return
        soon_ms = LOOK_MS
        if (at_ms := next_ms(plan, now_ms)) is not None:
            soon_ms = min(soon_ms, max(1, at_ms - now_ms))
        self._timer = asyncio.get_running_loop().call_later(soon_ms / 1000, self._look)

    def _do(self, plan: Plan, now_ms: int) -> None:
        lives = self._commands.lives
        steps, over = due(plan, now_ms, lambda id_: lives.find(id_) is not None)
        for step in over:
            self._commands.skip(step.id, step.device, "late")
        for step in steps:
            left_ms = step.at_ms + LATE_MS - now_ms
            self._commands.take(Order(step.device, step.metric, step.value, step.id, left_ms))
