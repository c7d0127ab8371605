"""One wall's picture: counts kept by the change, and the frames that tell screens what is new.

A changed document costs its own school only. Screens see what was sent last: a snapshot is that very state,
so that the deltas after it fit whoever came in between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from hub.live.documents import Document, Key, key_of
from hub.live.fanout import Fanout
from hub.live.picture import Picture, Plain
from hub.live.rules import cuts_off, is_open, is_present, is_standing
from hub.wall.floods import gathered
from hub.wall.minutes import MinuteHistory, Minutes, line_series
from hub.wall.rules import (
    HISTORY,
    UNKNOWN_ROW,
    DistrictFacts,
    SchoolClock,
    SchoolFacts,
    Tally,
    Uplink,
    figures,
    school_time,
    top_alarms,
    top_uplinks,
)

DELTA_GAP_S = 0.2
URGENT_GAP_S = 0.1  # what turns a cell of the map red waits for no figure
TICK_S = 1.0
UPLINK = "uplink"
NO_NAMES: Mapping[str, str] = MappingProxyType({})
_LIVE = ("rx_kbps", "tx_kbps", "utilisation", "latency_ms", "loss", "capacity_kbps")


class WallFeed:
    """The wall of some schools (None: all). `wake` is called when there is something to send."""

    def __init__(
        self,
        picture: Picture,
        scope: frozenset[str] | None,
        version: str,
        wake: Callable[[], None],
        now_ms: int,
    ) -> None:
        self.readers = Fanout()
        self._picture = picture
        self._scope = scope
        self._version = version
        self._wake = wake
        self._facts: dict[str, SchoolFacts] = {}
        self._districts: list[DistrictFacts] = []
        self._places: dict[str, str] = {}
        self._names: Mapping[str, str] = NO_NAMES
        self._sizes: Counter[str] = Counter()
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._alarms: dict[str, Plain] = {}
        self._uplinks: dict[str, Uplink] = {}
        self.lines: dict[str, Key] = {}
        self._clock_shown = SchoolClock(False, 1.0, 0)
        self._clocks: dict[Key, SchoolClock] = {}
        self.history = MinuteHistory()
        self.history.roll(now_ms)
        self._dirty_schools: set[str] = set()
        self._dirty = True
        self._urgent = False
        self._rolled = False
        self._ready_s = 0.0
        self._sent_s = -TICK_S
        self._alone_s = -TICK_S
        self._tick_s = 0.0
        self._seq = now_ms * 1000  # rises over restarts too
        self._rows: dict[str, tuple[str, int, int, int, int]] = {}
        self._sent_figures: dict[str, Any] = {}
        self._sent_alarms: dict[str, Any] = {}
        self._sent_uplinks: dict[str, dict[str, Any]] = {}
        self._sent_status: dict[str, Any] = {}
        self._snapshot: bytes | None = None

    # -- what changes --------------------------------------------------------------------------------

    def organise(
        self,
        schools: Sequence[SchoolFacts],
        districts: Sequence[DistrictFacts],
        names: Mapping[str, str] = NO_NAMES,
    ) -> None:
        """Takes the schools the wall shows, heard of or not, and the names of all units; a new snapshot."""
        self._names = {code: name for code, name in names.items() if self._mine(code)}
        mine = [s for s in schools if self._scope is None or s.code in self._scope]
        self._facts = {school.code: school for school in mine}
        self._places = {school.code: school.district for school in mine}
        self._sizes = Counter(self._places.values())
        self._districts = [district for district in districts if district.code in self._sizes]
        self._rows = {code: self._tallies[code].row() for code in self._facts}
        self._renew()

    def device_changed(self, old: Document | None, new: Document | None) -> None:
        """Moves the counts of one school by one document."""
        same = (
            old is not None
            and new is not None
            and is_present(old) == is_present(new)
            and old["room"] == new["room"]
            and old["school"] == new["school"]
            and old.get("claimed") == new.get("claimed")
        )
        document = new or old
        if document is not None and document["device"] is None:
            self._clock(document, gone=new is None)
        if not same or (new is not None and new["device"] is None):
            for document, step in ((old, -1), (new, 1)):
                if document is not None and self._counts(document):
                    self._count(document, step)
        if document is not None and document.get("kind") == UPLINK and self._counts(document):
            if new is None:
                self._uplinks.pop(document["school"], None)
                self.lines.pop(document["school"], None)
            else:
                self._uplinks[document["school"]] = Uplink.of(new)
                self.lines[document["school"]] = key_of(new)
            self._touch()

    def alarm_changed(self, old: Plain | None, new: Plain | None) -> None:
        """Moves the counts of one school by one alarm."""
        for alarm, step in ((old, -1), (new, 1)):
            if alarm is None or not self._mine(alarm["school"]):
                continue
            tally = self._tallies[alarm["school"]]
            if cuts_off(alarm):
                tally.down += step
            elif is_standing(alarm):
                tally.standing[alarm["severity"]] += step
            self._dirty_schools.add(alarm["school"])
            if step > 0:
                self._alarms[alarm["id"]] = alarm
            else:
                self._alarms.pop(alarm["id"], None)
            self._touch(urgent=True)

    def status_changed(self) -> None:
        """Heartbeats are looked at once a second."""

    def _counts(self, document: Document) -> bool:
        return bool(document.get("claimed", True)) and self._mine(document["school"])

    def _mine(self, school: str) -> bool:
        return self._scope is None or school in self._scope

    def _count(self, document: Document, step: int) -> None:
        tally = self._tallies[document["school"]]
        if document["device"] is not None:
            tally.count(document["room"], is_present(document), step)
        elif step > 0:
            presence = document["presence"]
            tally.nodes[document["node"]] = (presence["state"], presence.get("reason", ""))
        else:
            tally.nodes.pop(document["node"], None)
        self._dirty_schools.add(document["school"])
        self._touch(urgent=document["device"] is None)

    def _clock(self, node: Document, *, gone: bool) -> None:
        """Notes the clock of a node that is there; with nobody there, the time last known goes on."""
        key = key_of(node)
        before = self._clocks.pop(key, None)
        if not gone and is_present(node) and self._counts(node):
            offset_ms, factor = node.get("clock_offset_ms") or 0, node.get("clock_factor", 1.0)
            self._clocks[key] = SchoolClock(bool(node.get("simulated")), factor, offset_ms)
        if not self._clocks or self._clocks.get(key) == before:
            return
        clock = school_time(self._clocks.values())
        if clock[:2] != self._clock_shown[:2] or abs(clock.offset_ms - self._clock_shown.offset_ms) > 1000:
            self._clock_shown = clock
            self._renew()

    def _touch(self, *, urgent: bool = False) -> None:
        if not self._dirty or (urgent and not self._urgent):
            self._dirty = True
            self._urgent = self._urgent or urgent
            self._wake()

    def _renew(self) -> None:
        self._snapshot = None
        self.readers.renew()
        self._touch()

    def recall(self, series: Mapping[str, Minutes]) -> None:
        """Fills gaps of the last hour with what is known from elsewhere; screens hear of it."""
        for name, minutes in series.items():
            self.history.recall(name, minutes)
        self._rolled = True
        self._touch()

    # -- what is sent --------------------------------------------------------------------------------

    def step(self, now_s: float, now_ms: int) -> float:
        """Sends what is due; returns when to call again at the latest (monotonic seconds)."""
        if now_s >= self._tick_s:
            self._tick_s = now_s + TICK_S
            self._rolled = self.history.roll(now_ms) or self._rolled
            status = self._picture.intake()
            if status != self._sent_status or self._rolled:
                if now_s - self._sent_s < TICK_S:
                    self._dirty = True  # goes with the changes that are flowing anyway
                else:
                    self._alone_s = now_s
                    self._send(now_ms, status)
            self._snapshot = None  # its clock would be old
            beat = {"ts_ms": now_ms, "data_ms": self._picture.data_ms, "version": self._version}
            self.readers.publish(self._frame("beat", beat))
        ready_s = min(self._ready_s, self._sent_s + URGENT_GAP_S) if self._urgent else self._ready_s
        if self._dirty and now_s >= ready_s:
            # the first change after quiet waits for nothing; a status sent alone still counts as one of five
            alone, self._alone_s = now_s - self._alone_s < TICK_S, -TICK_S
            self._ready_s = now_s + DELTA_GAP_S * (1 + alone)
            self._sent_s = now_s
            self._send(now_ms, self._picture.intake())
            return self._tick_s
        return min(self._tick_s, ready_s) if self._dirty else self._tick_s

    def snapshot(self, now_ms: int) -> bytes:
        """The event a screen begins with: everything, as it was sent last."""
        if self._snapshot is None:
            if not self._sent_figures:
                self._delta(now_ms, self._picture.intake())
            content = orjson.dumps(self.picture(now_ms))
            self._snapshot = b"id: %d\nevent: snapshot\ndata: %b\n\n" % (self._seq, content)
        return self._snapshot

    def picture(self, now_ms: int) -> dict[str, Any]:
        """The wall's whole picture, as it was sent last."""
        history = {name: self.history.values(name) for name in HISTORY}
        return {
            "version": self._version,
            "ts_ms": now_ms,
            "simulated": self._clock_shown.simulated,
            "clock_factor": self._clock_shown.factor,
            "clock_offset_ms": self._clock_shown.offset_ms,
            "districts": [
                {"code": d.code, "name": d.name, "short": d.short, "schools": self._sizes[d.code]}
                for d in self._districts
            ],
            "offices": {code: name for code, name in self._names.items() if code not in self._facts},
            "schools": [facts.shown(self._rows[facts.code]) for facts in self._facts.values()],
            "figures": {**self._sent_figures, "history": history},
            "alarms": list(self._sent_alarms.values()),
            "alarms_total": sum(map(is_open, self._alarms.values())),
            "uplinks": [
                {**shown, "history": self.history.values(line_series(code))}
                for code, shown in self._sent_uplinks.items()
            ],
            "status": self._sent_status,
        }

    def _send(self, now_ms: int, status: dict[str, Any]) -> None:
        delta = self._delta(now_ms, status)
        if delta is not None:
            self._snapshot = None
            self.readers.publish(self._frame("delta", delta))

    def _frame(self, event: str, content: Mapping[str, Any]) -> bytes:
        self._seq += 1
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self._seq, event.encode(), orjson.dumps(content))

    def _delta(self, now_ms: int, status: dict[str, Any]) -> dict[str, Any] | None:
        """What is different from what was sent last, which this becomes; None if nothing is."""
        self._dirty = self._urgent = False
        delta: dict[str, Any] = {}
        schools = {}
        for code in self._dirty_schools:
            if code in self._facts:
                row = self._tallies[code].row()
                if row != self._rows.get(code, UNKNOWN_ROW):
                    schools[code] = self._rows[code] = row
        self._dirty_schools.clear()
        if schools:
            delta["schools"] = schools
        if changed := self._changed_figures():
            delta["figures"] = changed
        if alarms := self._changed_alarms():
            delta["alarms"] = alarms
        if uplinks := self._changed_uplinks():
            delta["uplinks"] = uplinks
        if moved := {name: value for name, value in status.items() if self._sent_status.get(name) != value}:
            delta["status"] = moved
            self._sent_status = status
        self._rolled = False
        return {"seq": self._seq + 1, "ts_ms": now_ms, **delta} if delta else None

    def _changed_figures(self) -> dict[str, Any]:
        now = figures(self._rows.values(), self._alarms.values(), self._uplinks.values())
        changed = {name: value for name, value in now.items() if self._sent_figures.get(name, self) != value}
        self._sent_figures = now
        if self._picture.connected:  # what nobody tells is a gap, not what was last told
            for name in HISTORY:
                self.history.last(name, now[name])
        if self._rolled:
            changed["history"] = {name: self.history.values(name) for name in HISTORY}
        return changed

    def _changed_alarms(self) -> dict[str, Any]:
        alarms = [alarm for alarm in self._alarms.values() if is_open(alarm)]
        shown = {alarm["id"]: alarm for alarm in top_alarms(gathered(alarms, self._places, self._sizes))}
        sent, self._sent_alarms = self._sent_alarms, shown
        upsert = [alarm for name, alarm in shown.items() if sent.get(name) != alarm]
        remove = [name for name in sent if name not in shown]
        return {"upsert": upsert, "remove": remove} if upsert or remove else {}

    def _changed_uplinks(self) -> dict[str, Any]:
        for code, uplink in self._uplinks.items():
            self.history.highest(line_series(code), uplink.utilisation)
        sent = self._sent_uplinks
        changed: dict[str, Any] = {}
        self._sent_uplinks = {}
        for code in top_uplinks(self._uplinks):
            facts, before = self._facts.get(code), sent.get(code)
            shown = self._uplinks[code].shown(code, facts.name if facts else self._names.get(code, code))
            self._sent_uplinks[code] = shown
            if before is None or self._rolled:
                changed[code] = {**shown, "history": self.history.values(line_series(code))}
            elif moved := {name: shown[name] for name in _LIVE if shown[name] != before[name]}:
                changed[code] = moved
        changed.update((code, None) for code in sent if code not in self._sent_uplinks)
        return changed
