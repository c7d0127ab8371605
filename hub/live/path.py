"""Where the break is: the way from the province to a school's devices, step by step; pure.

What stands nearer to the hub explains what is behind it: a step is judged only as far as one can see to it,
and the first step that is not ok is where to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "degraded", "down", "unknown"]
STATES: tuple[State, ...] = ("ok", "degraded", "down", "unknown")
Words: TypeAlias = tuple[str, str]

AT_ONCE_MS = 180_000
"""Schools that went within this time of each other went at once: one cause, noticed one after the other."""

SKEW_MS = 60_000
"""A clock further off than this is worth a look."""

_BEHIND: Words = ("không nhìn thấy được: đứt ở phía trước", "cannot be seen: the break is before it")


@dataclass(frozen=True, slots=True)
class NodeSight:
    """An edge node as last seen; `reason` in words, `orderly` when it said goodbye itself."""

    node: str
    state: str
    there: bool
    since_ms: int | None = None
    reason: Words = ("", "")
    orderly: bool = False
    skew_ms: int = 0
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True)
class UplinkSight:
    """A school's line as its device reports it; None is unknown."""

    there: bool
    link_up: bool | None = None
    since_ms: int | None = None
    utilisation: float | None = None
    latency_ms: float | None = None
    alarm_id: str | None = None
    alarm: Words = ("", "")


@dataclass(frozen=True, slots=True)
class DevicesSight:
    """The devices behind the agents: how many, how many of them away, the worst alarm that stands."""

    total: int = 0
    away: int = 0
    since_ms: int | None = None
    alarm_id: str | None = None
    alarms: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """The alarm that a school cannot be reached."""

    alarm_id: str
    since_ms: int
    detail: Words = ("", "")


@dataclass(frozen=True, slots=True)
class SchoolSight:
    """Everything that says how a school is."""

    nodes: tuple[NodeSight, ...] = ()
    uplink: UplinkSight | None = None
    devices: DevicesSight = DevicesSight()
    cut: Cut | None = None

    @property
    def heard(self) -> bool:
        """Whether anything of it was ever heard."""
        return bool(self.nodes)

    @property
    def away_since_ms(self) -> int | None:
        """Since when nothing of it can be heard; None while something can, or nothing ever was."""
        if self.cut is not None:
            return self.cut.since_ms
        if not self.nodes or any(node.there for node in self.nodes):
            return None
        if not any(node.state == "dead" for node in self.nodes):
            return None
        return max(node.since_ms or 0 for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of `heard` schools `away` are away now, `together` of them went when this one did (it included)."""

    heard: int = 0
    away: int = 0
    together: int = 0

    @property
    def share_a_break(self) -> bool:
        """Whether most of them went at once, which their own lines do not do."""
        return self.together >= 2 and 2 * self.together > self.heard


@dataclass(frozen=True, slots=True)
class Step:
    """One element of the way; `node` names the agent it is, `since_ms` since when it is so."""

    id: str
    label_vi: str
    label_en: str
    state: State
    since_ms: int | None = None
    alarm_id: str | None = None
    detail_vi: str = ""
    detail_en: str = ""
    node: str | None = None


def neighbours(since_ms: int | None, others: Iterable[int | None]) -> Neighbours:
    """Counts schools by since when they are away (None: there); `since_ms` is this school's own."""
    listed = list(others)
    away = [other for other in listed if other is not None]
    together = 0 if since_ms is None else sum(abs(other - since_ms) <= AT_ONCE_MS for other in away)
    return Neighbours(len(listed), len(away), together)


def school_state(sight: SchoolSight) -> tuple[State, int | None]:
    """How a school is and since when.

    `down` when nothing of it can be heard, `unknown` if nothing ever was, `degraded` when a step of the way
    inside it is not ok.
    """
    if (since_ms := sight.away_since_ms) is not None:
        return "down", since_ms
    if not any(node.there for node in sight.nodes):
        return "unknown", None
    troubled = [step for step in local_steps(sight) if step.state != "ok"]
    if troubled:
        return "degraded", min((s.since_ms for s in troubled if s.since_ms is not None), default=None)
    return "ok", max((n.since_ms for n in sight.nodes if n.since_ms is not None), default=None)


def way(
    sight: SchoolSight,
    *,
    district: Neighbours,
    province: Neighbours,
    district_name: str = "",
    blind: bool = False,
) -> list[Step]:
    """The whole way to a school; `blind` says that the hub itself hears nothing at the moment.

    When most schools of the district went when this one did, the district's link is the most likely break;
    when most of the province did, the province's. What is behind a break is unknown.
    """
    since_ms = sight.away_since_ms
    wide = since_ms is not None and province.share_a_break and province.heard > district.heard
    near = since_ms is not None and not wide and district.share_a_break
    upstream: list[Step] = [
        _shared("province", ("Đường truyền tỉnh", "Province link"), ("của tỉnh", "of the province"), province,
                since_ms if wide else None, wide),
    ]  # fmt: skip
    if blind:
        upstream[0] = Step("province", "Đường truyền tỉnh", "Province link", "unknown", None, None,
                           "trung tâm hiện không nhận được dữ liệu; những gì hiển thị là cũ",
                           "the hub hears nothing at the moment; what is shown is old")  # fmt: skip
    label = (
        f"Đường truyền {district_name}" if district_name else "Đường truyền huyện",
        f"Link of {district_name}" if district_name else "District link",
    )
    link = _shared("district", label, ("của huyện", "of the district"), district,
                   since_ms if near else None, near)  # fmt: skip
    upstream.append(_hidden(link) if wide else link)
    own = local_steps(sight)
    return upstream + ([_hidden(step) for step in own] if wide or near else own)


def local_steps(sight: SchoolSight) -> list[Step]:
    """The way inside a school: its line, its agents, their devices."""
    line = _line(sight)
    seen = line.state not in ("down", "unknown")
    agents = [_agent(node) for node in sight.nodes]
    if not seen:
        agents = [_hidden(step) for step in agents]
    return [line, *agents, _devices(sight, seen and any(node.there for node in sight.nodes))]


def _shared(
    name: str, label: Words, whose: Words, counts: Neighbours, since_ms: int | None, broken: bool
) -> Step:
    if not counts.heard:
        vi, en = f"chưa có trường nào {whose[0]} kết nối", f"no school {whose[1]} was ever heard"
    elif broken:
        vi = f"{counts.together} trên {counts.heard} trường {whose[0]} mất kết nối cùng lúc"
        en = f"{counts.together} of {counts.heard} schools {whose[1]} went away at once"
    else:
        vi = f"{counts.away} trên {counts.heard} trường {whose[0]} mất kết nối"
        en = f"{counts.away} of {counts.heard} schools {whose[1]} are away"
    return Step(name, *label, "down" if broken else "ok", since_ms, None, vi, en)


def _line(sight: SchoolSight) -> Step:
    label = ("school_uplink", "Đường truyền của trường", "School uplink")
    uplink, since_ms = sight.uplink, sight.away_since_ms
    if sight.cut is not None:
        return Step(*label, "down", since_ms, sight.cut.alarm_id, *sight.cut.detail)
    if uplink is not None and uplink.there and uplink.link_up is False:
        return Step(*label, "down", uplink.since_ms, uplink.alarm_id,
                    "thiết bị báo đứt đường truyền", "its device reports that the line is down")  # fmt: skip
    if since_ms is not None:
        if all(node.orderly for node in sight.nodes):
            return Step(*label, "ok", None, None, "còn hoạt động khi nút biên dừng có báo trước",
                        "was up when the agents stopped in order")  # fmt: skip
        return Step(*label, "down", since_ms, None, "không nghe được nút biên nào của trường",
                    "no agent of the school can be heard")  # fmt: skip
    if not any(node.there for node in sight.nodes):
        return Step(*label, "unknown", None, None, "chưa từng nghe được trường này",
                    "nothing of this school was ever heard")  # fmt: skip
    if uplink is None:
        return Step(*label, "ok", None, None, "không có thiết bị đo; dữ liệu vẫn qua được",
                    "nothing measures it; data comes through")  # fmt: skip
    if not uplink.there:
        return Step(*label, "degraded", uplink.since_ms, uplink.alarm_id,
                    "thiết bị đo không trả lời; dữ liệu vẫn qua được",
                    "its device does not answer; data comes through")  # fmt: skip
    if uplink.alarm_id is not None:
        return Step(*label, "degraded", uplink.since_ms, uplink.alarm_id, *uplink.alarm)
    load = "–" if uplink.utilisation is None else f"{uplink.utilisation:.0f}"
    late = "–" if uplink.latency_ms is None else f"{uplink.latency_ms:.0f}"
    return Step(*label, "ok", uplink.since_ms, None, f"tải {load} %, trễ {late} ms",
                f"{load} % used, {late} ms")  # fmt: skip


def _agent(node: NodeSight) -> Step:
    label = ("agent", f"Nút biên {node.node}", f"Agent {node.node}")
    if not node.there:
        state: State = "down" if node.state == "dead" else "unknown"
        return Step(*label, state, node.since_ms, node.alarm_id, *node.reason, node=node.node)
    if node.alarm_id is not None:
        return Step(*label, "degraded", node.since_ms, node.alarm_id, "có cảnh báo", "has an alarm",
                    node=node.node)  # fmt: skip
    if abs(node.skew_ms) > SKEW_MS:
        seconds = round(node.skew_ms / 1000)
        return Step(*label, "degraded", None, None, f"đồng hồ lệch {seconds:+d} s",
                    f"its clock is off by {seconds:+d} s", node=node.node)  # fmt: skip
    return Step(*label, "ok", node.since_ms, None, *node.reason, node=node.node)


def _devices(sight: SchoolSight, seen: bool) -> Step:
    devices = sight.devices
    label = ("devices", "Thiết bị", "Devices")
    if not seen:
        return Step(*label, "unknown", None, None, *_BEHIND)
    if not devices.total:
        return Step(*label, "ok", None, None, "chưa có thiết bị", "there are no devices")
    vi = f"{devices.away} trên {devices.total} thiết bị không trả lời, {devices.alarms} cảnh báo"
    en = f"{devices.away} of {devices.total} devices do not answer, {devices.alarms} alarms"
    state: State = "down" if devices.away == devices.total else "degraded"
    if not devices.away and not devices.alarms:
        state = "ok"
    return Step(*label, state, devices.since_ms, devices.alarm_id, vi, en)


def _hidden(step: Step) -> Step:
    """A step behind a break: what was last known of it is not known now."""
    return Step(step.id, step.label_vi, step.label_en, "unknown", None, step.alarm_id, *_BEHIND, step.node)
