"""What a node declares and remembers of its devices, its timing and its counters."""

from __future__ import annotations

from dataclasses import dataclass

from devices.kind import DeviceKind, Metric
from devices.wire.commands import COMMAND_RESULT
from devices.wire.datatypes import DataType
from edge_agents.rules import Columns, Reported

RESULT = Metric(
    name=COMMAND_RESULT, datatype=DataType.String, label_vi="Kết quả lệnh", label_en="Result of a command"
)

_shared_columns: dict[int, tuple[tuple[Metric, ...], Columns]] = {}
_shared_metrics: dict[int, tuple[DeviceKind, tuple[Metric, ...]]] = {}


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """A device as its birth declares it; `room` is a room code, `-` for the whole school.

    `room_type` says what the room is used for, such as `computer_lab`; empty where nobody knows.
    """

    id: str
    kind: str
    room: str
    metrics: tuple[Metric, ...]
    name: str = ""
    room_type: str = ""

    @classmethod
    def of(
        cls, kind: DeviceKind, device_id: str, *, room: str, name: str = "", room_type: str = ""
    ) -> DeviceDescription:
        """A device of a known kind; one that has commands also tells what became of them."""
        return cls(device_id, kind.id, room, _declared(kind), name, room_type)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a node sends what nobody asked for. Rates are payloads a second, times are seconds."""

    heartbeat_s: float = 30
    backlog_per_s: float = 200
    backlog_jitter_s: float = 3
    resend_after_s: float = 5
    answer_wait_s: float = 30
    """How long new data waits in a new session for the hub to say that this outbox is no old copy."""
    host_jitter_s: float = 2
    reconnect_first_s: float = 1
    reconnect_longest_s: float = 30


@dataclass(slots=True)
class Counters:
    """What a node did since it was made."""

    sessions: int = 0
    births: int = 0
    sent: int = 0
    sent_again: int = 0
    answers: int = 0
    commands_rejected: int = 0
    values_refused: int = 0
    clock_steps: int = 0
    shown: int = 0


class Device:
    """What a node knows of one of its devices."""

    __slots__ = ("alive", "announced", "description", "reason", "reported")

    def __init__(self, description: DeviceDescription) -> None:
        self.description = description
        self.reported = Reported(_columns(description.metrics))
        self.alive = True
        self.announced = False
        self.reason = ""


@dataclass(slots=True)
class HostView:
    """What STATE said last about the primary host; `online` None: nothing yet."""

    online: bool | None = None
    ts_ms: int = -1


def _columns(metrics: tuple[Metric, ...]) -> Columns:
    # one table a kind, not one a device: a province has 50 000 devices of five kinds
    shared = _shared_columns.get(id(metrics))
    if shared is None:
        shared = _shared_columns[id(metrics)] = (metrics, Columns(metrics))
    return shared[1]


def _declared(kind: DeviceKind) -> tuple[Metric, ...]:
    # one tuple a kind as well, for the same reason
    shared = _shared_metrics.get(id(kind))
    if shared is None:
        metrics = (*kind.metrics, RESULT) if kind.commands else kind.metrics
        shared = _shared_metrics[id(kind)] = (kind, metrics)
    return shared[1]
