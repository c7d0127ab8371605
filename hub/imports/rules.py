"""When a school's data are fresh, and when a source is looked at again; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

DOMAINS = ("schools", "classes", "teachers", "pupils", "managers", "facilities", "equipment", "libraries")
"""The domains that schools share with the sector's database (M25)."""

FRESH_MS = 30 * 86_400_000
"""A school that sent nothing for longer is stale (T08, T13)."""

_FIRST_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many schools are fresh, and which are not."""

    fresh: int
    total: int
    stale: tuple[str, ...]

    @property
    def percent(self) -> float | None:
        """The share of fresh schools with one decimal, 100 only if it is all; None without schools."""
        if self.total == 0 or self.met:
            return 100.0 if self.total else None
        return min(99.9, round(100 * self.fresh / self.total, 1))

    @property
    def met(self) -> bool | None:
        """Whether all schools are fresh; None without schools."""
        return None if self.total == 0 else self.fresh == self.total


def is_fresh(last_success_ms: int | None, now_ms: int) -> bool:
    """Tells whether data came in lately."""
    return last_success_ms is not None and now_ms - last_success_ms <= FRESH_MS


def coverage(schools: Collection[str], last_success_ms: Mapping[str, int], now_ms: int) -> Coverage:
    """Counts schools of which anything came in lately; `last_success_ms` is the latest of each."""
    stale = tuple(sorted(code for code in schools if not is_fresh(last_success_ms.get(code), now_ms)))
    return Coverage(len(schools) - len(stale), len(schools), stale)


def next_try_s(every_s: float, failures: int, jitter: float) -> float:
    """Gives the seconds to the next look: the interval, or less and less often after failures.

    `jitter` in [0, 1) spreads it over a tenth of it, so that sources do not keep step.
    """
    wait_s = every_s if failures == 0 else min(every_s * 4, _FIRST_RETRY_S * 2 ** min(failures - 1, 20))
    return wait_s * (0.95 + jitter / 10)
