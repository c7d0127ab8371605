"""The life of a command, the pace of a group, and when a device drifts from what is wanted; pure.

    queued → sent → delivered → succeeded
                              → failed | refused | timed_out
    queued → cancelled | expired | refused
    sent → expired; for a node that tells no results: succeeded | timed_out

The id makes the effect happen at most once: an agent that knows it does nothing again. A node that keeps no
ids is therefore sent a command once and never again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from hub.wording import said

Plain: TypeAlias = bool | int | float | str | None

FIRST_RESEND_MS = 2_000
LAST_RESEND_MS = 30_000
ANSWER_GRACE_MS = 2_000  # an agent counts the time left from when it receives, and its answer travels
SETTLE_MS = 10_000  # a device that was asked is polled at once; the slowest polls take this long
UNDER_WAY_MS = 180_000  # a lamp warms up or cools down meanwhile
ABORT_AFTER = 10
DRIFT_AFTER_MS = 120_000
LOCAL_TIME = ZoneInfo("Asia/Ho_Chi_Minh")


class State(StrEnum):
    """Where a command stands."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


ACTIVE = frozenset({State.QUEUED, State.SENT, State.DELIVERED})
FINAL = frozenset(State) - ACTIVE
FAILURES = FINAL - {State.SUCCEEDED, State.CANCELLED}


@dataclass(frozen=True, slots=True)
class Result:
    """What a device's `Command/Result` says: taken, done, refused, failed, expired or interrupted."""

    id: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the device now: its agent is there, it tells results, and the metric's last value.

    `is_good` is false for a value that is stale or bad; `ts_ms` is when the value was observed.
    """

    present: bool = False
    proves: bool = False
    value: Plain = None
    ts_ms: int | None = None
    is_good: bool = False
    result: Result | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A command as far as its life goes; an observed value outside `values` (if any) is on its way to one."""

    id: str
    value: Plain
    created_ms: int
    expires_ms: int
    patience_ms: int
    deadband: float = 0.0
    values: tuple[Plain, ...] = ()
    state: State = State.QUEUED
    detail: str = ""
    sent_ms: int | None = None
    resent_ms: int | None = None
    delivered_ms: int | None = None
    done_ms: int | None = None
    ended_ms: int | None = None
    before_ms: int | None = None
    proves: bool = False
    tries: int = 0
    observed: Plain = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in FINAL

    @property
    def blocks(self) -> bool:
        """Whether the device's next command has to wait for it: until the device has been asked."""
        return self.state in (State.SENT, State.DELIVERED) and self.done_ms is None


def same(wanted: Plain, observed: Plain, deadband: float) -> bool:
    """Whether a value is what is wanted: numbers within the metric's deadband, all else exactly."""
    if isinstance(wanted, bool) or isinstance(observed, bool):
        return wanted is observed
    if isinstance(wanted, int | float) and isinstance(observed, int | float):
        return bool(abs(wanted - observed) <= deadband + 1e-6 * max(1.0, abs(wanted)))
    return isinstance(wanted, str) and wanted == observed


def sent(life: Life, seen: Seen, now_ms: int) -> Life:
    """The command goes out for the first time."""
    if life.state is not State.QUEUED:
        raise ValueError(f"a command that is {life.state} is not sent for the first time")
    return replace(
        life,
        state=State.SENT,
        sent_ms=now_ms,
        resent_ms=now_ms,
        tries=1,
        expires_ms=min(life.expires_ms, now_ms + life.patience_ms),
        before_ms=seen.ts_ms,
        proves=seen.proves,
    )


def cancelled(life: Life, now_ms: int) -> Life:
    """Somebody takes it back; only while it is queued."""
    if life.state is not State.QUEUED:
        raise ValueError(f"a command that is {life.state} cannot be taken back")
    return _ended(life, State.CANCELLED, "", now_ms)


def refused(life: Life, code: str, now_ms: int) -> Life:
    """The hub itself refuses it before it is sent."""
    if life.state is not State.QUEUED:
        raise ValueError(f"a command that is {life.state} was not refused by the hub")
    return _ended(life, State.REFUSED, code, now_ms)


def superseded(life: Life, now_ms: int) -> Life:
    """A newer command for the same metric goes out: this one's value can no longer be waited for."""
    waits = life.state is State.DELIVERED and life.done_ms is not None
    return _ended(life, State.TIMED_OUT, "superseded", now_ms) if waits else life


def may_go(life: Life, seen: Seen, now_ms: int) -> bool:
    """Whether a queued command, the first of its device, may be sent now."""
    return life.state is State.QUEUED and seen.present and now_ms < life.expires_ms


def resend_due(life: Life, seen: Seen, now_ms: int) -> bool:
    """Whether it should be sent again: nothing was heard of it, and who gets it twice does it once."""
    if life.state is not State.SENT or not life.proves or not seen.present or now_ms >= life.expires_ms:
        return False
    wait_ms = min(FIRST_RESEND_MS << min(life.tries - 1, 10), LAST_RESEND_MS)
    return now_ms >= (life.resent_ms or 0) + wait_ms


def resent(life: Life, now_ms: int) -> Life:
    """It goes out once more, under the same id."""
    return replace(life, resent_ms=now_ms, tries=life.tries + 1)


def followed(life: Life, seen: Seen, now_ms: int) -> Life:
    """What becomes of the command by what is seen now and by the time; never changes a final one."""
    if life.is_final:
        return life
    if life.state is State.QUEUED:
        return _ended(life, State.EXPIRED, "not_sent", now_ms) if now_ms >= life.expires_ms else life
    if seen.value is not None and seen.value != life.observed:
        life = replace(life, observed=seen.value)
    if seen.result is not None and seen.result.id == life.id:
        life = _answered(life, seen.result, now_ms)
        if life.is_final:
            return life
    is_fresh = seen.ts_ms is not None and seen.ts_ms != life.before_ms
    counts = life.done_ms is not None or (is_fresh and not life.proves)
    if counts and seen.is_good and same(life.value, seen.value, life.deadband):
        return _ended(life, State.SUCCEEDED, "", now_ms)
    under_way = bool(life.values) and seen.value is not None and seen.value not in life.values
    return _ended_by_time(life, under_way, now_ms)


def _answered(life: Life, result: Result, now_ms: int) -> Life:
    """Any answer proves the delivery."""
    if life.state is State.SENT:
        life = replace(life, state=State.DELIVERED, delivered_ms=now_ms)
    if result.state == "done":
        return life if life.done_ms is not None else replace(life, done_ms=now_ms)
    if result.state == "taken":
        return life
    state = {"refused": State.REFUSED, "expired": State.EXPIRED}.get(result.state, State.FAILED)
    return _ended(life, state, result.detail or result.state, now_ms)


def _ended_by_time(life: Life, under_way: bool, now_ms: int) -> Life:
    if life.done_ms is not None:
        until_ms = max(life.expires_ms, life.done_ms + (UNDER_WAY_MS if under_way else SETTLE_MS))
        return _ended(life, State.TIMED_OUT, "not_observed", now_ms) if now_ms >= until_ms else life
    if now_ms < life.expires_ms + ANSWER_GRACE_MS:
        return life
    if life.state is State.DELIVERED:
        return _ended(life, State.TIMED_OUT, "no_result", now_ms)
    if life.proves:
        return _ended(life, State.EXPIRED, "no_answer", now_ms)
    if under_way and now_ms < (life.sent_ms or 0) + UNDER_WAY_MS:
        return life
    return _ended(life, State.TIMED_OUT, "not_observed", now_ms)


def _ended(life: Life, state: State, detail: str, now_ms: int) -> Life:
    return replace(life, state=state, detail=detail, ended_ms=now_ms)


# ---------------------------------------------------------------- groups


@dataclass(slots=True)
class Pace:
    """How many commands of a group may go: `rate_per_s`, with at most a quarter of a second at once."""

    rate_per_s: int
    tokens: float = 1.0
    at_ms: int = 0

    def allowed(self, now_ms: int) -> int:
        """Gives how many may go now."""
        if self.at_ms:
            earned = max(0, now_ms - self.at_ms) * self.rate_per_s / 1000
            self.tokens = min(max(1.0, self.rate_per_s / 4), self.tokens + earned)
        self.at_ms = max(self.at_ms, now_ms)
        return int(self.tokens)

    def take(self, count: int) -> None:
        """Notes that so many went."""
        self.tokens -= count


def aborts(succeeded: int, failed: int, percent: int, after: int = ABORT_AFTER) -> bool:
    """Whether a group should stop: of those that ended, more than this share failed, once enough ended."""
    ended = succeeded + failed
    return ended >= after and 100 * failed > percent * ended


# ---------------------------------------------------------------- what may be refused


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that is asked for; `open_interlocks` names the devices that close the room to it now.

    `is_safe` says that the value is what switches the device off.
    """

    school: str
    room: str
    kind: str
    command: str
    value: Plain
    is_safe: bool = False
    open_interlocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not accepted: a stable code and a sentence."""

    code: str
    why: str


Veto: TypeAlias = Callable[[Asked, int], Refusal | None]


def interlock(asked: Asked, now_ms: int) -> Refusal | None:
    """An open safety interlock forbids commands to the other devices of its room, but not to switch off."""
    if not asked.open_interlocks or asked.is_safe:
        return None
    return Refusal(
        "interlock_open",
        said("the safety interlock {device} of the room is open", device=asked.open_interlocks[0]),
    )


VETOES: tuple[Veto, ...] = (interlock,)
"""Each may refuse a command with a reason; what else is to forbid commands, such as an exam, goes here."""


def refusal(asked: Asked, now_ms: int, vetoes: Sequence[Veto] = VETOES) -> Refusal | None:
    """Gives the first reason why this command is not accepted now."""
    return next((found for veto in vetoes if (found := veto(asked, now_ms)) is not None), None)


# ---------------------------------------------------------------- wanted and observed


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a metric; `differs_ms` is since when it is otherwise, `drift_ms` once it drifts."""

    value: Plain
    until_ms: int
    deadband: float = 0.0
    differs_ms: int | None = None
    drift_ms: int | None = None


def judged(wish: Wish, value: Plain, is_known: bool, now_ms: int) -> Wish:
    """What becomes of a wish by what is observed; what is unknown neither drifts nor returns."""
    if not is_known or value is None:
        return wish if wish.drift_ms is not None else replace(wish, differs_ms=None)
    if same(wish.value, value, wish.deadband):
        return replace(wish, differs_ms=None, drift_ms=None)
    since_ms = now_ms if wish.differs_ms is None else wish.differs_ms
    drifts = now_ms - since_ms >= DRIFT_AFTER_MS
    return replace(wish, differs_ms=since_ms, drift_ms=wish.drift_ms or (since_ms if drifts else None))


def end_of_day_ms(now_ms: int) -> int:
    """Gives the end of the local day: what was wanted on one day is not wanted on the next."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(LOCAL_TIME).date()
    return round(datetime.combine(day + timedelta(days=1), time(), LOCAL_TIME).timestamp() * 1000)
