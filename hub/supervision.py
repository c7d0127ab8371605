"""Keeps long-running coroutines alive: restart with jittered backoff, logged and counted.

This is the one place of the hub where a broad `except` is right: whatever a loop died of, the other loops
go on, the death is visible in the log and in `/metrics`, and the loop starts again.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

log = logging.getLogger(__name__)

FAILURES = Counter(
    "hub_supervised_failures", "Times a supervised loop ended before it was asked to", ["loop"]
)
RUNNING = Gauge(
    "hub_supervised_running", "1 while the supervised loop runs, 0 while it waits to restart", ["loop"]
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try: grows by `factor` up to `limit_s`, jittered over its upper half.

    A loop that ran for `healthy_s` begins again at `first_s`.
    """

    first_s: float = 0.5
    limit_s: float = 30.0
    factor: float = 2.0
    healthy_s: float = 60.0

    def delay_s(self, failures: int, jitter: float) -> float:
        """Seconds to wait after `failures` (≥ 1) failures in a row; `jitter` is in [0, 1)."""
        # the exponent is bounded so that a loop failing for a year cannot overflow a float
        full = min(self.limit_s, self.first_s * self.factor ** min(failures - 1, 64))
        return full * (0.5 + jitter / 2)


async def supervise(
    name: str,
    coroutine_factory: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    backoff: Backoff | None = None,
    *,
    grace_s: float = 1.0,
) -> None:
    """Runs `coroutine_factory()` again and again until `stop` is set.

    A coroutine that raises, or that returns before `stop`, is started again after the backoff. When `stop`
    is set the running one has `grace_s` seconds to end by itself and is then cancelled. Never raises, except
    when it is cancelled itself; the running coroutine is then cancelled and awaited first.
    """
    backoff = backoff or Backoff()
    failures = 0
    while not stop.is_set():
        started_s = time.monotonic()
        RUNNING.labels(name).set(1)
        error = await _run_once(coroutine_factory, stop, grace_s)
        RUNNING.labels(name).set(0)
        if stop.is_set():
            if error is not None:
                log.warning("%s failed while stopping", name, exc_info=error)
            return
        ran_s = time.monotonic() - started_s
        failures = 1 if ran_s >= backoff.healthy_s else failures + 1
        FAILURES.labels(name).inc()
        wait_s = backoff.delay_s(failures, random.random())
        reason = "returned unasked" if error is None else f"failed: {type(error).__name__}: {error}"
        # the traceback once per streak: an hour without a broker is one traceback, not a hundred
        log.warning(
            "%s %s; next try in %.1f s", name, reason, wait_s, exc_info=error if failures == 1 else None
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait_s)


async def _run_once(
    coroutine_factory: Callable[[], Awaitable[None]], stop: asyncio.Event, grace_s: float
) -> BaseException | None:
    """Runs one life of the coroutine and returns what it died of, None if it returned or was cancelled."""
    task = asyncio.ensure_future(coroutine_factory())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=grace_s)
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.wait({task})
    return None if task.cancelled() else task.exception()
