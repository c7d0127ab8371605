"""What an alarm is: its subject, its states (ISA-18.2) and the changes it goes through."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from devices.kind import Severity

EDGE_NODE = "edge_node"
UPLINK = "uplink"

Plain = bool | int | float | str | None


class AlarmState(StrEnum):
    """Where an alarm stands.

    `suppressed` is the consequence of another alarm, `shelved` was put aside by somebody until a time,
    `normal` is closed.
    """

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    SUPPRESSED = "suppressed"
    SHELVED = "shelved"
    NORMAL = "normal"


OPEN = frozenset(
    {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED}
)  # fmt: skip
"""What is counted and listed as open everywhere: standing, or over but not acknowledged; not suppressed and
not shelved."""


class ChangeKind(StrEnum):
    """What happened to an alarm at one instant."""

    RAISED = "raised"
    REACTIVATED = "reactivated"
    SEVERITY = "severity"
    RETURNED = "returned"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    STEADY = "steady"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    COMMENTED = "commented"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing an alarm is about: a device, or the edge node itself (`device=None`, kind `edge_node`)."""

    school: str
    room: str
    node: str
    device: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as the API, the live mirror and the event stream show it; times are UTC epoch ms.

    `condition` is `high`, `low`, `state`, `stale`, `drift`, `offline` or `school_down`; `metric` is empty for
    the last two except that a school cut by its link names the link's metric. `raised_count` says how often
    it rose; with `flapping_since_ms` it comes and goes, and whether it is so at this very moment is not said.
    A shelf that is over keeps its four fields; whether it is shelved now says `state` alone.
    """

    id: str
    school: str
    room: str
    node: str
    device: str | None
    kind: str
    metric: str
    condition: str
    severity: Severity
    state: AlarmState
    title_vi: str
    title_en: str
    detail_vi: str
    detail_en: str
    value: Plain
    limit: Plain
    unit: str | None
    raised_ms: int
    returned_ms: int | None = None
    acknowledged_ms: int | None = None
    acknowledged_by: str | None = None
    comment: str | None = None
    suppressed_by: str | None = None
    raised_count: int = 1
    flapping_since_ms: int | None = None
    shelved_ms: int | None = None
    shelved_until_ms: int | None = None
    shelved_by: str | None = None
    shelved_why: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is not closed; suppressed and shelved ones are kept too."""
        return self.state is not AlarmState.NORMAL


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """One step in an alarm's life, with the alarm as it is after it."""

    kind: ChangeKind
    ts_ms: int
    alarm: Alarm


def alarm_id(school: str, node: str, device: str | None, metric: str, condition: str, raised_ms: int) -> str:
    """A short name that the same facts always give again, so that a replay creates no second alarm."""
    facts = "\x1f".join((school, node, device or "", metric, condition, str(raised_ms)))
    return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()
