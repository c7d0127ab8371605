"""What is counted as open, standing, suppressed, shelved: one definition for wall, status, facets and list.

Everybody counts by `counted`; a list filters by the states named here. What is counted is (state, severity,
flapping) alone, so a query that groups by these gives the same as looking at every alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from devices.kind import Severity
from hub.alarms.alarm import OPEN, AlarmState

Sort = tuple[str, str, bool]
"""State, severity, and whether it is flapping."""


class Shown(Protocol):
    """An alarm as the mirror has it, by field name."""

    def __getitem__(self, name: str, /) -> Any: ...
    def get(self, name: str, /) -> Any: ...


STANDING = OPEN - {AlarmState.RETURNED_UNACKNOWLEDGED}
"""Open, and still so; the other open ones only wait for somebody to note them."""


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """How many alarms there are of each sort; `by_severity` divides `open`, `flapping` is a part of it.

    `standing_by_severity` divides `standing`: with `returned` it adds up to `open` too.
    """

    open: int
    standing: int
    unacknowledged: int
    acknowledged: int
    returned: int
    suppressed: int
    shelved: int
    closed: int
    flapping: int
    by_severity: dict[str, int]
    standing_by_severity: dict[str, int]


def is_open(alarm: Shown) -> bool:
    """Whether somebody may have to look at it."""
    return alarm["state"] in OPEN


def is_standing(alarm: Shown) -> bool:
    """Whether what it says is still so."""
    return alarm["state"] in STANDING


def cuts_off(alarm: Shown) -> bool:
    """Whether it says that its school cannot be reached now.

    A flapping one does not: the line comes and goes, and only what is heard says how it is at this moment.
    """
    return (
        alarm["condition"] == "school_down"
        and alarm.get("returned_ms") is None
        and alarm.get("flapping_since_ms") is None
    )


def sort_of(alarm: Shown) -> Sort:
    """The sort of an alarm."""
    return alarm["state"], alarm["severity"], alarm.get("flapping_since_ms") is not None


def counted(sorts: Iterable[tuple[Sort, int]]) -> AlarmCounts:
    """Adds up how many there are of each sort."""
    states: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    standing: Counter[str] = Counter()
    flapping = 0
    for (state, severity, flaps), count in sorts:
        states[state] += count
        if state in OPEN:
            severities[severity] += count
            standing[severity] += count * (state in STANDING)
            flapping += count * flaps
    return AlarmCounts(
        open=sum(states[state] for state in OPEN),
        standing=sum(states[state] for state in STANDING),
        unacknowledged=states[AlarmState.UNACKNOWLEDGED],
        acknowledged=states[AlarmState.ACKNOWLEDGED],
        returned=states[AlarmState.RETURNED_UNACKNOWLEDGED],
        suppressed=states[AlarmState.SUPPRESSED],
        shelved=states[AlarmState.SHELVED],
        closed=states[AlarmState.NORMAL],
        flapping=flapping,
        by_severity={severity.value: severities[severity] for severity in Severity},
        standing_by_severity={severity.value: standing[severity] for severity in Severity},
    )


def count(alarms: Iterable[Shown]) -> AlarmCounts:
    """Counts alarms."""
    return counted(Counter(map(sort_of, alarms)).items())
