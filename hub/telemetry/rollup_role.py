"""The roll-up job as a loop of the control role: in a thread of its own, only while this process leads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hub.telemetry.history import History
from hub.telemetry.port import TelemetryError, TelemetryReader
from hub.telemetry.rollup_job import BEHIND, Keep, RollupJob, Stopped, behind_s
from hub.telemetry.rollup_port import RollupStore

_EVERY_S = 10.0
_TELL_EVERY_S = 30.0
_REST = 0.5
"""Part of the time it worked for which it rests while it catches up: others want the disk and a core too."""


def _step_aside() -> None:
    """Let every other thread of the machine go first; Linux gives each thread its own niceness."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


async def keep_rolled_up(
    open_raw: Callable[[], TelemetryReader],
    open_store: Callable[[], RollupStore],
    keep: Keep,
    now_ms: Callable[[], int],
    is_leading: Callable[[], bool],
    stop: asyncio.Event,
) -> None:
    """Work until `stop`; an engine that fails ends it with its error, for the supervisor to try again."""
    raw, store, stopping = open_raw(), open_store(), threading.Event()
    job = RollupJob(raw, store, keep, now_ms, lambda: stopping.is_set() or stop.is_set())
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, "roll-ups", initializer=_step_aside)
    try:
        while not stop.is_set():
            began_s, more = time.monotonic(), False
            if is_leading():
                try:
                    more = await loop.run_in_executor(executor, job.step)
                except Stopped:
                    break
            worked_s = time.monotonic() - began_s
            wait_s = _REST * worked_s if more else _EVERY_S * random.uniform(0.8, 1.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)
    finally:
        stopping.set()
        # the thread ends at its next device, and then the files may be closed
        await loop.run_in_executor(None, executor.shutdown)
        raw.close()
        store.close()


async def tell_progress(history: History, now_ms: Callable[[], int], stop: asyncio.Event) -> None:
    """Keep the gauge of the web role right, whose `/metrics` is the one that people read."""
    while not stop.is_set():
        with contextlib.suppress(TelemetryError):  # readiness says when an engine is away
            progress = await asyncio.to_thread(history.store.progress)
            BEHIND.set(behind_s(progress, now_ms()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TELL_EVERY_S)
