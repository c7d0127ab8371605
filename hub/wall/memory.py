"""What the wall knew before the web role restarted: its figures from a file, its lines from the telemetry."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson

from hub.live.documents import Key
from hub.telemetry.port import Aggregate, TelemetryError, TelemetryReader
from hub.wall.minutes import MINUTE_MS, MINUTES, Minutes
from hub.wall.rules import HISTORY

log = logging.getLogger(__name__)

FILE = "wall-figures.json"


class WallMemory:
    """Reads and writes what outlives the process. Every method blocks: call it in a thread.

    Web processes with one data directory share the file: each adds what the others knew before it writes,
    and a file is replaced whole.
    """

    def __init__(self, telemetry: TelemetryReader, data_dir: Path) -> None:
        self._telemetry = telemetry
        self._path = data_dir / FILE

    def figures(self) -> dict[str, Minutes]:
        """The figures by name and minute; empty if there is no file or it cannot be read."""
        try:
            series = orjson.loads(self._path.read_bytes())
            return {
                name: {int(minute): round(value, 3) for minute, value in series[name].items()}
                for name in HISTORY
                if name in series
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("the wall begins without the figures of %s: %s", self._path, error)
            return {}

    def keep(self, figures: Mapping[str, Minutes]) -> None:
        """Writes the figures in place of those of before. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f"{FILE}.", dir=self._path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(orjson.dumps(figures, option=orjson.OPT_NON_STR_KEYS))
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink()
            raise

    def utilisation(self, uplink: Key, now_ms: int) -> Minutes:
        """The highest utilisation (%) of a line in each of the last 60 minutes that have one."""
        start_ms = (now_ms // MINUTE_MS - MINUTES + 1) * MINUTE_MS
        try:
            points = self._telemetry.query(
                uplink, "Utilisation", start_ms, now_ms, MINUTE_MS, Aggregate.MAX, MINUTES
            )
        except TelemetryError:
            return {}  # nothing has been stored yet
        return {
            ts_ms // MINUTE_MS: round(value, 1)
            for ts_ms, value in points
            if isinstance(value, int | float) and math.isfinite(value)
        }
