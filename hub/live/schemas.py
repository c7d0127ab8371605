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
    """A device in a list; `tile` and `icon` show it in one line, the most important metric first.

    `severity` is that of its worst open alarm; `suppressed` says that an alarm of it is kept back because
    another one explains it.
    """

    group: str
    node: str
    device: str
    school: str
    school_name: str | None = None
    district: str | None = None
    room: str
    kind: str | None = None
    name: str | None = None
    claimed: bool = False
    simulated: bool = False
    published_ms: int | None = None
    presence: Presence
    alarms: list[str] = []
    severity: str | None = None
    suppressed: bool = False
    icon: str
    tile: list[CurrentMetric]


class DevicePage(BaseModel):
    """A page of devices; `total` counts all pages together."""

    items: list[Device]
    next_cursor: str | None
    total: int


class KindCount(BaseModel):
    """How many devices of a kind there are."""

    id: str
    label_vi: str
    label_en: str
    count: int


class DistrictCount(BaseModel):
    """How many devices there are in a district."""

    code: str
    name: str
    count: int


class Facets(BaseModel):
    """Counts of devices, each under all filters but its own."""

    kinds: list[KindCount]
    districts: list[DistrictCount]
    presence: dict[str, int]
    severity: dict[str, int]


class MetricLimit(BaseModel):
    """A limit of a metric; exactly one of the four conditions is there."""

    severity: str
    above: float | None = None
    below: float | None = None
    equals: Plain = None
    not_equals: Plain = None
    hysteresis: float
    on_delay_s: float
    title_vi: str
    title_en: str


class MetricState(BaseModel):
    """What a value of a metric with states is called."""

    value: Plain
    label_vi: str
    label_en: str


class DescribedMetric(CurrentMetric):
    """A metric with what its kind says of it; `decimals` null is unknown."""

    label_vi: str
    label_en: str
    decimals: int | None
    limits: list[MetricLimit]
    states: list[MetricState]


class Outbox(BaseModel):
    """What the agent numbered, as far as the hub has heard; through `stored` all is durable.

    `first` is the oldest position the hub lacks (null when none), `unacknowledged` how many it lacks.
    """

    position: int
    stored: int
    first: int | None
    unacknowledged: int
    lost: int


class Agent(BaseModel):
    """The edge node that reports a device."""

    node: str
    presence: Presence
    software: str | None
    simulated: bool
    clock_offset_ms: int | None
    skew_ms: int | None
    last_heard_ms: int | None
    outbox: Outbox | None


class DeviceDetail(Device):
    """A device with its current metrics, what is wanted of them by name, and its agent."""

    metrics: list[DescribedMetric]
    wanted: dict[str, Plain]
    agent: Agent | None


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
    outbox: Outbox | None = None


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
    alarms_shelved: int
    alarms_flapping: int
    ingest: dict[str, dict[str, Plain]]


class SchoolOut(BaseModel):
    """A school of the organisation."""

    code: str
    name: str
    level: str
    district: str
    district_name: str | None


class SchoolSummary(SchoolOut):
    """A school with its state (ok, degraded, down, unknown), counts, and its worst open alarm's severity."""

    state: str
    since_ms: int | None
    rooms: int
    devices: int
    devices_online: int
    nodes: int
    nodes_online: int
    alarms_open: int
    severity: str | None


class SchoolPage(BaseModel):
    """A page of schools; `total` counts all pages together."""

    items: list[SchoolSummary]
    next_cursor: str | None
    total: int


class PathStep(BaseModel):
    """One element of the way from the province to the devices; `node` names the agent it is.

    `id` is province, district, school_uplink, agent (once for each) or devices.
    """

    id: str
    label_vi: str
    label_en: str
    state: str
    since_ms: int | None
    alarm_id: str | None
    detail_vi: str
    detail_en: str
    node: str | None


class RoomDevices(BaseModel):
    """A room with its devices; the code `-` is the school as a whole."""

    code: str
    name: str | None
    type: str | None
    devices: list[Device]


class SchoolDetail(BaseModel):
    """Everything in a school, and the way to it."""

    school: SchoolOut
    state: str
    since_ms: int | None
    path: list[PathStep]
    rooms: list[RoomDevices]
    nodes: list[Node]
    alarms_open: int
