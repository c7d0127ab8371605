"""What the alarm API takes and gives; the alarm itself looks the same in the mirror and the stream."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from hub.alarms.alarm import OPEN, Alarm, AlarmState, ChangeKind
from hub.alarms.counting import STANDING, AlarmCounts

__all__ = [
    "Acknowledgement", "Alarm", "AlarmCounts", "AlarmDetail", "AlarmFilter", "AlarmState",
    "BulkAcknowledged", "BulkAcknowledgement", "Cause", "Comment", "Happened", "Refused", "Shelf",
]  # fmt: skip

MAX_COMMENT_CHARACTERS = 500
MAX_IDS = 500
MAX_SHELF_H = 7 * 24

Words = Annotated[str, Field(max_length=MAX_COMMENT_CHARACTERS, pattern=r"^[^\x00]*$")]


class AlarmFilter(StrEnum):
    """Which alarms a list shows: `open` (see `OPEN`), `standing`, the alarms of one state, or `all`."""

    OPEN = "open"
    STANDING = "standing"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    SUPPRESSED = "suppressed"
    SHELVED = "shelved"
    NORMAL = "normal"
    ALL = "all"

    @property
    def states(self) -> frozenset[AlarmState]:
        """The states of the alarms that are shown."""
        if self is AlarmFilter.ALL:
            return frozenset(AlarmState)
        if self is AlarmFilter.OPEN:
            return OPEN
        if self is AlarmFilter.STANDING:
            return STANDING
        return frozenset({AlarmState(self.value)})


class Acknowledgement(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """Taking an alarm on, with what one has to say about it."""

    comment: Words = ""


class BulkAcknowledgement(Acknowledgement):
    """Taking many alarms on with the same comment."""

    ids: list[Annotated[str, Field(max_length=32)]] = Field(min_length=1, max_length=MAX_IDS)


class Refused(BaseModel):
    """An alarm that could not be acknowledged, and why."""

    id: str
    detail: str


class BulkAcknowledged(BaseModel):
    """What came of acknowledging many alarms: each id stands in one of the two."""

    acknowledged: list[Alarm]
    refused: list[Refused]


class Shelf(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """Putting an alarm aside for a time, and why."""

    hours: float = Field(gt=0, le=MAX_SHELF_H)
    why: Annotated[Words, Field(min_length=1)]


class Comment(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """Something to say about an alarm."""

    text: Annotated[Words, Field(min_length=1)]


class Cause(BaseModel, from_attributes=True):
    """The alarm of which another one is the consequence."""

    id: str
    title_vi: str
    title_en: str


class Happened(BaseModel):
    """One step in an alarm's life, with the state and severity after it.

    `text` is a comment, the reason of a shelf, or how often a flapping alarm rose.
    """

    at_ms: int
    event: ChangeKind
    by: str | None
    text: str | None
    state: AlarmState
    severity: str
    cause: Cause | None = None


class AlarmDetail(BaseModel):
    """An alarm and everything that happened to it, oldest first."""

    alarm: Alarm
    events: list[Happened]
