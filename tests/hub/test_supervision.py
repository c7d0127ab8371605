"""Supervision: what dies starts again, later each time, and stops when told."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from hub.supervision import Backoff, supervise

QUICK = Backoff(first_s=0.001, limit_s=0.002)


async def test_what_fails_is_started_again_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    stop, lives = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal lives
        lives += 1
        if lives == 3:
            stop.set()
            await asyncio.Event().wait()
        raise RuntimeError(f"life {lives}")

    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(supervise("twice", loop, stop, QUICK, grace_s=0), 5)
    assert lives == 3
    assert REGISTRY.get_sample_value("hub_supervised_failures_total", {"loop": "twice"}) == 2
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


async def test_a_return_before_stop_is_a_failure_too() -> None:
    stop, lives = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal lives
        lives += 1
        if lives == 2:
            stop.set()

    await asyncio.wait_for(supervise("returns", loop, stop, QUICK), 5)
    assert lives == 2


async def test_a_loop_may_finish_its_work_after_stop() -> None:
    stop, done = asyncio.Event(), False

    async def loop() -> None:
        nonlocal done
        await stop.wait()
        await asyncio.sleep(0.02)
        done = True

    task = asyncio.create_task(supervise("finishes", loop, stop))
    await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert done


async def test_a_loop_that_does_not_finish_is_cancelled_and_cleans_up() -> None:
    stop, cleaned = asyncio.Event(), False

    async def loop() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True

    task = asyncio.create_task(supervise("stuck", loop, stop, grace_s=0.01))
    await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert cleaned


async def test_cancelling_supervision_ends_the_loop_first() -> None:
    cleaned = False

    async def loop() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True

    task = asyncio.create_task(supervise("cancelled", loop, asyncio.Event()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned


@given(failures=st.integers(1, 10**9), jitter=st.floats(0, 1, exclude_max=True))
def test_the_wait_is_bounded_and_never_nothing(failures: int, jitter: float) -> None:
    backoff = Backoff(first_s=0.5, limit_s=30)
    assert 0.25 <= backoff.delay_s(failures, jitter) <= 30
    assert backoff.delay_s(failures, jitter) <= backoff.delay_s(failures + 1, jitter)
