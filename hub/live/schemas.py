"""Devices, nodes and the hub's counts as the API gives them."""

from pydantic import BaseModel

Plain = bool | int | float | str | None


class Presence(BaseModel):
    """Whether it is there, why, and since when."""

    state: str
    reason: str = ""
    since_ms: int | None = None


class CurrentMetric(BaseModel):
    """A metric's last known value; `quality` is good, stale or bad."""

    name: str
    value: Plain
    unit: str | None = None
    ts_ms: int | None = None
    quality: str = "good"
    severity: str | None = None


class Device(BaseModel):
    """A device in a list; `tile` and `icon` show it in one line, the most important metric first."""

    group: str
    node: str
    device: str
    school: str
    room: str
    kind: str | None = None
    name: str | None = None
    claimed: bool = False
    simulated: bool = False
    published_ms: int | None = None
    presence: Presence
    alarms: list[str] = []
    icon: str
    tile: list[CurrentMetric]


class DeviceDetail(Device):
    """A device with its current metrics."""

    metrics: list[CurrentMetric]


class Node(BaseModel):
    """An edge node with its own metrics and the ids of its devices."""

    group: str
    node: str
    school: str
    claimed: bool
    simulated: bool = False
    software: str | None = None
    clock_offset_ms: int | None = None
    skew_ms: int | None = None
    presence: Presence
    devices: list[str]
    devices_online: int
    metrics: list[CurrentMetric]
    alarms: list[str] = []


class Status(BaseModel):
    """Counts of the schools one may see; the same words count the same as on the wall.

    `ingest` has one heartbeat a shard, as it was published, for those who may see the whole province.
    """

    ts_ms: int
    data_ms: int | None
    broker_connected: bool
    ingest_online: bool
    nodes: int
    nodes_online: int
    nodes_unclaimed: int
    devices: int
    devices_online: int
    alarms_open: int
    alarms_unacknowledged: int
    alarms_returned: int
    alarms_suppressed: int
    ingest: dict[str, dict[str, Plain]]
