"""Nobody who reads slowly slows the others."""

from __future__ import annotations

import asyncio

from hub.live.fanout import MAX_FRAMES, Fanout


async def test_slow_reader_misses_frames_and_is_told_to_begin_again() -> None:
    fanout = Fanout()
    with fanout.subscribe() as fast, fanout.subscribe() as slow:
        for i in range(MAX_FRAMES + 5):
            fanout.publish(b"%d;" % i)
            assert await fast.next() == b"%d;" % i
        assert await slow.next() == b""
        assert (slow.dropped, fast.dropped) == (MAX_FRAMES + 5, 0)
        fanout.publish(b"new")
        assert await slow.next() == b"new"
    assert len(fanout) == 0


async def test_waiting_frames_come_as_one() -> None:
    fanout = Fanout()
    with fanout.subscribe() as reader:
        fanout.publish(b"a")
        fanout.publish(b"b")
        assert await reader.next() == b"ab"


async def test_closing_ends_waiting_and_later_readers() -> None:
    fanout = Fanout()
    with fanout.subscribe() as reader:
        waiting = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        fanout.close()
        assert await waiting is None
    with fanout.subscribe() as late:
        assert await late.next() is None
