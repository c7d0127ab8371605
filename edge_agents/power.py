"""Whether a device is away because it was switched off: many cut their own network with their power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.kind import DeviceKind

POWERED_OFF = "powered_off"
_AWAY = frozenset({"timeout", "no_route", "refused"})


class Switched:
    """What a command or the day plan last made of one device's power, and what was seen of it since."""

    def __init__(self, kind: DeviceKind) -> None:
        self._command = next(
            (one for one in kind.commands if one.metric == "Power" and one.safe_value is not None), None
        )
        self._told_off = self._seen_off = False

    def wrote(self, metric: str, value: Any) -> None:
        """The device took a command."""
        if self._command is not None and metric == self._command.metric:
            self._told_off, self._seen_off = value == self._command.safe_value, False

    def saw(self, values: Mapping[str, Any]) -> None:
        """It was polled; on again after it had been off, it was somebody's hand."""
        if not self._told_off or self._command is None:
            return
        value = values.get(self._command.metric)
        if value == self._command.safe_value:
            self._seen_off = True
        elif self._seen_off and self._command.accepts(value):
            self._told_off = False

    def reason(self, reason: str) -> str:
        """Why it is away: `powered_off`, not what the network says, if it was told to be off."""
        return POWERED_OFF if self._told_off and reason in _AWAY else reason
