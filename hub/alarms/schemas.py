"""What the alarm API takes and gives; the alarm itself looks the same in the mirror and the stream."""

from pydantic import BaseModel, Field

from hub.alarms.alarm import Alarm, AlarmState, ChangeKind

__all__ = ["Acknowledgement", "Alarm", "AlarmDetail", "AlarmHistory", "AlarmState"]

MAX_COMMENT_CHARACTERS = 500


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
