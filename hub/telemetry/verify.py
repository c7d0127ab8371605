"""Compares what simulators say they produced with what a telemetry engine holds, sample by sample.

The record's format is told in `simulators/recording.py`: digests that do not depend on order, so a device is
compared without holding its samples twice; where they differ and the record has the samples, these say which.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from devices.wire.datatypes import FLOATS, DataType
from hub.telemetry.port import Key, Samples, TelemetryReader, Value, published

FORMAT = 1
SHOWN = 20
_NOTHING = "0" * 16


class RecordError(Exception):
    """The record cannot be used; the message says why."""


@dataclass(slots=True)
class Count:
    """Samples of one kind of device; `changed` are metrics with as many samples as expected, but others."""

    produced: int = 0
    stored: int = 0
    missing: int = 0
    extra: int = 0
    changed: int = 0

    @property
    def differs(self) -> bool:
        """Whether anything is not as produced."""
        return bool(self.missing or self.extra or self.changed)


@dataclass(slots=True)
class Verdict:
    """What a comparison found, by kind; `differences` are lines for people, the first of them."""

    kinds: dict[str, Count] = field(default_factory=dict)
    devices: int = 0
    metrics: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def total(self) -> Count:
        """All kinds together."""
        total = Count()
        for count in self.kinds.values():
            for name in ("produced", "stored", "missing", "extra", "changed"):
                setattr(total, name, getattr(total, name) + getattr(count, name))
        return total

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON shows it."""

        def shown(count: Count) -> dict[str, int]:
            return {name: getattr(count, name) for name in count.__slots__}

        return {
            "equal": not self.total.differs,
            "devices": self.devices,
            "metrics": self.metrics,
            "total": shown(self.total),
            "kinds": {name: shown(count) for name, count in sorted(self.kinds.items())},
            "differences": self.differences,
        }

    def as_text(self) -> str:
        """The verdict as a table."""
        lines = [f"{'kind':22}{'produced':>12}{'stored':>12}{'missing':>10}{'extra':>10}{'changed':>10}"]
        for name, count in [*sorted(self.kinds.items()), ("all", self.total)]:
            numbers = f"{count.produced:>12}{count.stored:>12}{count.missing:>10}{count.extra:>10}"
            lines.append(f"{name:22}{numbers}{count.changed:>10}")
        lines.append(f"{self.devices} devices, {self.metrics} metrics")
        return "\n".join([*lines, *self.differences])


def verify(record: Path, reader: TelemetryReader) -> Verdict:
    """Compare a record with an engine.

    Only nodes of the record are looked at, between its first and last sample. Nulls are samples too; marks of
    the hub's own, where a value ends with its device, are not. Raises RecordError, TelemetryError.
    """
    devices, end = _summary(record)
    nodes = {key[:2] for key in devices}
    verdict = Verdict(devices=len(devices))
    doubtful: dict[Key, list[Samples]] = {}
    waiting = {key: set(metrics) for key, (_, metrics) in devices.items()}

    def look(samples: Samples) -> None:
        key, name = samples.key, samples.name
        kind, metrics = devices.get(key, ("unknown", {}))
        produced = metrics.get(name)
        waiting.get(key, set()).discard(name)
        stored = _counted(samples, produced["datatype"] if produced else "")
        if not stored and produced is None:
            return
        verdict.metrics += 1
        count = verdict.kinds.setdefault(kind, Count())
        expected = produced["count"] + produced["nulls"] if produced else 0
        count.produced += expected
        count.stored += len(stored)
        values = [(ts_ms, value) for ts_ms, value in stored if value is not None]
        found = (len(values), len(stored) - len(values), _digest(values))
        wanted = (produced["count"], produced["nulls"], produced["digest"]) if produced else (0, 0, _NOTHING)
        if found != wanted:
            doubtful.setdefault(key, []).append(samples)

    if devices:
        for samples in reader.samples(end["first_ms"], end["last_ms"] + 1):
            if samples.key[:2] in nodes and samples.key[2]:
                look(samples)
    for key, names in waiting.items():
        for name in sorted(names):
            look(Samples(key, name, 0, [], [], []))
    _explain(record, devices, doubtful, verdict)
    return verdict


_Metrics = Mapping[str, Mapping[str, Any]]


def _lines(record: Path) -> Iterator[Any]:
    try:
        with record.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except OSError as error:
        raise RecordError(f"{record}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(f"{record}: is not a record ({error})") from error


def _summary(record: Path) -> tuple[dict[Key, tuple[str, _Metrics]], Mapping[str, Any]]:
    devices: dict[Key, tuple[str, _Metrics]] = {}
    lines = _lines(record)
    first = next(lines, None)
    if not isinstance(first, dict) or first.get("record") != FORMAT:
        raise RecordError(f"{record}: is not a record of format {FORMAT}")
    end: Mapping[str, Any] = {}
    for line in lines:
        if isinstance(line, list):
            continue
        if line.get("end"):
            end = line
        else:
            devices[line["group"], line["node"], line["device"]] = line["kind"], line["metrics"]
    if not end:
        raise RecordError(f"{record}: is not complete; the run that wrote it did not end by itself")
    return devices, end


def _counted(samples: Samples, datatype: str) -> list[tuple[int, Value]]:
    """The samples as the record has them: no marks, floats as people see them."""
    kind = DataType[datatype] if datatype else DataType(samples.datatype or DataType.String)
    marks = set(samples.uncounted)
    return [
        (ts_ms, _shown(value, kind))
        for place, (ts_ms, value) in enumerate(zip(samples.times, samples.values, strict=True))
        if place not in marks
    ]


def _shown(value: Value, kind: DataType) -> Value:
    if kind in FLOATS and isinstance(value, int | float):
        shown = published(float(value), kind)
        assert isinstance(shown, float)
        return shown + 0.0  # -0.0 is 0.0
    return value


def _digest(samples: Sequence[tuple[int, Value]]) -> str:
    total = 0
    for ts_ms, value in samples:
        text = f"{ts_ms} {json.dumps(value, ensure_ascii=False)}"
        total += int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return f"{total % 2**64:016x}"


def _explain(
    record: Path,
    devices: Mapping[Key, tuple[str, _Metrics]],
    doubtful: Mapping[Key, list[Samples]],
    verdict: Verdict,
) -> None:
    """Count what is missing and extra where digests differ: exactly with samples, else by their number."""
    produced: dict[tuple[Key, str], Counter[tuple[int, str]]] = {}
    for line in _lines(record) if doubtful else ():
        if isinstance(line, list) and (key := (line[0], line[1], line[2])) in doubtful:
            for name, value in line[4].items():
                produced.setdefault((key, name), Counter())[line[3], json.dumps(value)] += 1
    for key, found in doubtful.items():
        kind, metrics = devices.get(key, ("unknown", {}))
        count = verdict.kinds[kind]
        for samples in found:
            metric = metrics.get(samples.name)
            stored = Counter(
                (ts_ms, json.dumps(value))
                for ts_ms, value in _counted(samples, metric["datatype"] if metric else "")
            )
            expected = metric["count"] + metric["nulls"] if metric else 0
            known = produced.get((key, samples.name))
            where = f"{'/'.join(key)} {samples.name}"
            if known is not None or not expected:
                missing, extra = (known or Counter()) - stored, stored - (known or Counter())
                count.missing += missing.total()
                count.extra += extra.total()
                example = next(iter(sorted(missing)), None) or next(iter(sorted(extra)), None)
                text = f"{where}: {missing.total()} missing, {extra.total()} extra, first {example}"
            else:
                more = stored.total() - expected
                count.missing += max(0, -more)
                count.extra += max(0, more)
                count.changed += not more
                text = f"{where}: {expected} produced, {stored.total()} stored"
            if len(verdict.differences) < SHOWN:
                verdict.differences.append(text)
