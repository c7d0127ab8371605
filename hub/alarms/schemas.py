"""What the alarm API takes and gives; the alarm itself looks the same in the mirror and the stream."""

from enum import StrEnum

from pydantic import BaseModel, Field

from hub.alarms.alarm import OPEN, Alarm, AlarmState, ChangeKind

__all__ = ["Acknowledgement", "Alarm", "AlarmDetail", "AlarmFilter", "AlarmHistory", "AlarmState"]

MAX_COMMENT_CHARACTERS = 500


class AlarmFilter(StrEnum):
    """Which alarms a list shows: `open` (see `OPEN`), the alarms of one state, or `all`."""

    OPEN = "open"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    SUPPRESSED = "suppressed"
    NORMAL = "normal"
    ALL = "all"

    @property
    def states(self) -> frozenset[AlarmState]:
        """The states of the alarms that are shown."""
        if self is AlarmFilter.ALL:
            return frozenset(AlarmState)
        if self is AlarmFilter.OPEN:
            return OPEN
        return frozenset({AlarmState(self.value)})


class Acknowledgement(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """Taking an alarm on, with what one has to say about it."""

    comment: str = Field("", max_length=MAX_COMMENT_CHARACTERS, pattern=r"^[^\x00]*$")


class AlarmHistory(BaseModel, from_attributes=True):
    """One step in an alarm's life."""

    ts_ms: int
    kind: ChangeKind
    state: AlarmState
    severity: str
    by: str | None
    comment: str | None


class AlarmDetail(BaseModel):
    """An alarm and everything that happened to it, oldest first."""

    alarm: Alarm
    history: list[AlarmHistory]
