"""Where history has a gap because nobody was there to report: written as rows of their own.

Devices report by exception, so in history a value lasts until the next one. When a device is lost, its values
end with a null at that moment; when it is back, what it still reports goes on. Both rows are markers, not
samples (`hub.telemetry.port.MARKER`), and are made of facts alone: applied twice they are the same.
"""

from __future__ import annotations

from hub.ingest.model import Device, Slot
from hub.ingest.values import Values, indices_of
from hub.telemetry.port import MARKER, Row, Value

_ENDS, _GOES_ON = MARKER, MARKER | 1


class Gaps:
    """Adds the rows to those that the values bring."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def begin(self, device: Device, since_ms: int, *, is_own: bool) -> None:
        """End every value of a device that was there until `since_ms`.

        `is_own`: the device itself is gone and its values with it. Otherwise only the sight of it is lost:
        its agent may go on measuring, and say later that a value has not changed.
        """
        if device.gap_ms or not device.id:
            device.gap_is_own |= is_own
            return
        slots = [slot for slot in device.slots.values() if slot.value is not None]
        device.gap_ms, device.gap_is_own = since_ms, is_own
        self._add(device, since_ms, _ENDS, slots, [None] * len(slots))

    def end(self, device: Device, at_ms: int) -> None:
        """Let the values that a device has now go on, each from when it is known to be so."""
        gap_ms, device.gap_ms = device.gap_ms, 0
        if not gap_ms:
            return
        since: dict[int, list[Slot]] = {}
        for slot in device.slots.values():
            if slot.value is not None:
                # reported before the sight was lost and still so: there was no gap
                unseen_ms = max(at_ms, gap_ms) if device.gap_is_own else gap_ms
                since.setdefault(slot.ts_ms if slot.ts_ms >= gap_ms else unseen_ms, []).append(slot)
        for ts_ms, slots in since.items():
            self._add(device, ts_ms, _GOES_ON, slots, [slot.value for slot in slots])

    def _add(self, device: Device, ts_ms: int, ordinal: int, slots: list[Slot], values: list[Value]) -> None:
        if slots:
            places = indices_of([slot.place for slot in slots])
            self._values.rows.append(Row(device.series, ts_ms, ordinal, places, values))
