"""What a run produced, written down so that somebody else can compare it with what a hub has stored.

A record is a file of JSON lines:

- the first says which run it is: `{"record": 1, "seed": …, "clock": …, "stamp": …}`;
- with samples, one line for each device and time: `[group, node, device, ts_ms, {metric: value}]`;
- one line a device: `{"group", "node", "device", "kind", "metrics": {name: {"datatype", "count", "nulls",
  "digest"}}}`; `count` is of values, `nulls` of reported absences, which have no digest;
- the last says that it is complete: `{"end": true, "devices", "values", "nulls", "first_ms", "last_ms"}`.

The digest does not depend on order: the sum modulo 2**64 of the 8-byte BLAKE2b of `"<ts_ms> <value in JSON>"`
as 16 hexadecimal digits. A 32-bit Float stands with the 7 digits it holds.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from devices.wire.datatypes import FLOATS, DataType
from edge_agents.rules import Change, Columns

FORMAT = 1


def as_stored(value: Any, datatype: DataType) -> Any:
    """The value as a reader of the wire shows it: 32-bit floats lose what they cannot hold."""
    if value is None or datatype not in FLOATS:
        return value
    if datatype is DataType.Float:
        value = float(f"{struct.unpack('<f', struct.pack('<f', value))[0]:.7g}")
    return value + 0.0  # -0.0 is 0.0


def sample_hash(ts_ms: int, value: Any) -> int:
    """The hash of one sample, below 2**64; `value` as stored and never None."""
    text = f"{ts_ms} {json.dumps(value, ensure_ascii=False)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass(slots=True)
class Tally:
    """What was produced of one metric."""

    datatype: DataType
    count: int = 0
    nulls: int = 0
    total: int = 0

    def shown(self) -> dict[str, Any]:
        """The tally as the record shows it."""
        digest = f"{self.total % 2**64:016x}"
        return {"datatype": self.datatype.name, "count": self.count, "nulls": self.nulls, "digest": digest}


class Recorder:
    """Writes one record; `take` what a node accepted, `close` when the run is over."""

    def __init__(self, path: Path, run: Mapping[str, Any], *, with_samples: bool = False) -> None:
        """Begin a record. Raises OSError if the file cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._with_samples = with_samples
        self._devices: dict[tuple[str, str, str], tuple[str, dict[str, Tally]]] = {}
        self._first_ms, self._last_ms = 2**63, 0
        self._write({"record": FORMAT, **run})

    def take(self, key: tuple[str, str, str], kind: str, columns: Columns, changes: Sequence[Change]) -> None:
        """Note values of (group, node, device) that have a place in an outbox."""
        _, tallies = self._devices.setdefault(key, (kind, {}))
        samples: dict[int, dict[str, Any]] = {}
        for index, given, ts_ms in changes:
            column = columns.columns[index]
            value = as_stored(given, column.datatype)
            tally = tallies.setdefault(column.name, Tally(column.datatype))
            if value is None:
                tally.nulls += 1
            else:
                tally.count += 1
                tally.total += sample_hash(ts_ms, value)
            self._first_ms = min(self._first_ms, ts_ms)
            self._last_ms = max(self._last_ms, ts_ms)
            if self._with_samples:
                samples.setdefault(ts_ms, {})[column.name] = value
        for ts_ms, values in samples.items():
            self._write([*key, ts_ms, values])

    def close(self) -> None:
        """Write the totals; a record that lacks them is not complete."""
        if self._file.closed:
            return
        values = nulls = 0
        for (group, node, device), (kind, tallies) in self._devices.items():
            metrics = {name: tally.shown() for name, tally in tallies.items()}
            self._write({"group": group, "node": node, "device": device, "kind": kind, "metrics": metrics})
            values += sum(tally.count for tally in tallies.values())
            nulls += sum(tally.nulls for tally in tallies.values())
        self._write(
            {
                "end": True,
                "devices": len(self._devices),
                "values": values,
                "nulls": nulls,
                "first_ms": self._first_ms if self._devices else 0,
                "last_ms": self._last_ms,
            }
        )
        self._file.close()

    def _write(self, line: Any) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
