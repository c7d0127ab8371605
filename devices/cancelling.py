"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, however they do.

    A cancellation that meets the very end of a `wait_for` is lost (Python before 3.12): it is asked again.
    """
    waiting: set[asyncio.Task[Any]] = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=0.5)
