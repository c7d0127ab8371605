"""What a number of questions and answers says: delay and loss over the last of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

REMEMBERED = 60
"""Questions that loss is counted over: at three a poll, one lost shows as 1.7 %, not as 33 %."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Delay of the latest answers (ms, median; None without any) and loss (%) over those remembered."""

    latency_ms: float | None
    loss_percent: float


def remembered(before: Sequence[bool], answers: Sequence[float | None]) -> tuple[bool, ...]:
    """Which of the last questions were answered, the newest last."""
    return (*before, *(answer is not None for answer in answers))[-REMEMBERED:]


def seen(answered: Sequence[bool], answers: Sequence[float | None]) -> Seen:
    """What is known after a poll; `answers` are delays in seconds, None for those that never came."""
    delays_s = [answer for answer in answers if answer is not None]
    loss = 100 * (1 - sum(answered) / len(answered)) if answered else 0.0
    return Seen(round(1000 * median(delays_s), 2) if delays_s else None, round(loss, 2))
