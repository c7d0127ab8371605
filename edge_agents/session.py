"""One MQTT session of an edge node: births first, then live data before backlog, one sequence for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from enum import Enum

import aiomqtt

from devices.cancelling import cancelled
from edge_agents import encoding
from edge_agents.encoding import STORED, counter_body, historical
from edge_agents.listening import Listener
from edge_agents.rules import Pace, Replay
from edge_agents.speaking import Speaker
from edge_agents.state import NodeState

LIVE_MOST = 5_000
"""Payloads waiting to go out for the first time; what is beyond that becomes backlog (it is on disk)."""
AT_ONCE = 50
"""Payloads sent before other nodes of the process get their turn."""
TICK_S = 1.0
SHOWN_MOST = 500
"""Payloads that the disk does not take and that wait to be shown; the newest stay."""


class Control(Enum):
    """What stands in the live queue between the data of a device."""

    BIRTH = "birth"
    DEATH = "death"


class Session:
    """Everything that goes through one connection.

    One coroutine sends, so the sequence has no gaps and births come before data; another one reads.
    """

    def __init__(self, node: NodeState, client: aiomqtt.Client, bd_seq: int) -> None:
        self.node = node
        self.client = client
        self.wake = asyncio.Event()
        self.born = False
        timing = node.timing
        self._outbox = node.outbox
        self._loop = asyncio.get_running_loop()
        self._leaving = self._ended = False
        self._rebirth = False
        self._live: deque[tuple[int, str, bytes | Control]] = deque()
        self._shown = 0
        self._failure_said = ""
        self._only_shown: deque[tuple[str, bytes]] = deque(maxlen=SHOWN_MOST)
        self._speaker = Speaker(node, client, bd_seq)
        self._listener = Listener(node, client, self.ask_for_rebirth, self._take_answer, self._host_is_back)
        now = self._ms()
        self._replay = Replay(
            resend_after_ms=int(timing.resend_after_s * 1000), window=_window(timing.backlog_per_s)
        )
        self._pace = Pace(timing.backlog_per_s, timing.backlog_per_s)
        self._busy_tick_s = min(0.1, AT_ONCE / 2 / timing.backlog_per_s)
        self._backlog_from_ms = now + self._jitter_ms(timing.backlog_jitter_s)
        self._asked_by_ms = now
        self._ask_wait_ms = 2_000
        self._give_up_asking_ms = now + int(timing.answer_wait_s * 1000)
        # a fresh epoch that never sent anything cannot be confused with another
        self._answered = self._outbox.known == 0
        self._last_data_ms = now

    # ------------------------------------------------ called by the node

    def queue_live(self, position: int, device: str, body: bytes) -> None:
        """New data; it goes out as soon as it is on disk."""
        if len(self._live) >= LIVE_MOST:
            self._live.clear()  # deaths and births among them: the new births say where things stand
            self._rebirth = True
            self._replay.skipped_live(position)
            return
        self._live.append((position, device, body))

    def show(self, device: str, body: bytes) -> None:
        """Data that has no place on disk: it is shown, not kept."""
        self._only_shown.append((device, body))
        self.wake.set()

    def queue_control(self, control: Control, device: str) -> None:
        """A device was born or died; its place among the data is kept."""
        self._live.append((0, device, control))
        self.wake.set()

    def new_epoch(self) -> None:
        """The outbox has a new epoch: nobody was told yet what it holds."""
        self._live.clear()
        self._shown = 0
        self._replay.begin(self._outbox.stored, self._outbox.position, self._ms())
        self._answered = True
        self._rebirth = True
        self.wake.set()

    def leave(self) -> None:
        """Say farewell and end."""
        self._leaving = True
        self.wake.set()

    # ------------------------------------------------ the session

    async def subscribe(self) -> None:
        """Listen before anything is said."""
        await self._listener.subscribe()

    async def run(self) -> None:
        """Send and read until the connection breaks (MqttError) or `leave` was called."""
        self._replay.begin(self._outbox.stored, self._outbox.position, self._ms())
        reader = asyncio.create_task(self._listener.run())
        sender = asyncio.create_task(self._send())
        try:
            await asyncio.wait((reader, sender), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ended = True
            await cancelled(reader, sender)
            results = await asyncio.gather(reader, sender, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send(self) -> None:
        await self._births()
        while not self._leaving:
            if self._rebirth:
                await self._births()
                self._send_all_again()  # who could not read us may have taken nothing from us either
            await self._show_what_waits()
            await self._drain_live()
            busy = await self._send_backlog() if self._answered else await self._ask()
            self._beat()
            await self._sleep(self._busy_tick_s if busy else TICK_S)
        await self._farewell()

    async def _sleep(self, longest_s: float) -> None:
        if self._live and self._sendable(self._live[0]):
            await asyncio.sleep(0)
            return
        timer = self._loop.call_later(longest_s, self.wake.set)
        await self.wake.wait()
        self.wake.clear()
        timer.cancel()

    async def _births(self) -> None:
        self._rebirth = False
        self.born = False
        await self._speaker.births()
        self.born = True
        self.node.counters.births += 1

    # ------------------------------------------------ live data

    def _sendable(self, item: tuple[int, str, bytes | Control]) -> bool:
        # never before it is on disk, never in an epoch that is just being replaced
        return item[0] == 0 or (
            self._answered and item[0] <= self._outbox.durable and not self._outbox.renewing
        )

    async def _show_what_waits(self) -> None:
        """While the disk refuses, people see current values all the same; as data they go out later."""
        if self._outbox.failure != self._failure_said:
            self._failure_said = self._outbox.failure
            self._only_shown.append(
                ("", encoding.text_body(encoding.FAILURE, self._failure_said, self.node.now_ms()))
            )
        if self._outbox.failure and self._answered:
            waiting = [item for item in self._live if item[0] > max(self._shown, self._outbox.durable)]
            for position, device_id, what in waiting:
                self._shown = position
                if isinstance(what, bytes):
                    self._only_shown.append((device_id, what))
        while self._only_shown and not self._rebirth:
            device_id, body = self._only_shown.popleft()
            await self._speaker.transient(device_id, body)
            self.node.counters.shown += 1

    async def _drain_live(self) -> None:
        live, sent = self._live, 0
        while live and not self._rebirth and sent < AT_ONCE and self._sendable(live[0]):
            position, device_id, what = live.popleft()
            if isinstance(what, Control):
                device = self.node.devices.get(device_id)
                if device is not None:
                    device.announced = True
                    speaker = self._speaker
                    await (speaker.birth(device) if what is Control.BIRTH else speaker.death(device))
                continue
            if position <= self._shown:  # seen already: what follows is history
                self._replay.skipped_live(position)
                continue
            now = self._ms()
            self._replay.sent_live(position, now)
            self._last_data_ms = now
            self.node.counters.sent += 1
            sent += 1
            more = sent < AT_ONCE and bool(live) and live[0][0] > 0 and self._sendable(live[0])
            await self._speaker.data(position, device_id, what, is_history=False, more=more)

    def _beat(self) -> None:
        if self._answered and self._ms() - self._last_data_ms >= self.node.timing.heartbeat_s * 1000:
            self._say_something()

    def _say_something(self) -> None:
        self._last_data_ms = self._ms()
        body = counter_body(STORED, self._outbox.stored, self.node.now_ms())
        position = self._outbox.append("", body)
        if position is not None:
            self.queue_live(position, "", body)

    # ------------------------------------------------ what was not acknowledged

    async def _ask(self) -> bool:
        """Show the hub the last position it may know, until it answers: see `outbox.py`, defence 2."""
        now = self._ms()
        outbox, timing = self._outbox, self.node.timing
        if outbox.renewing:
            return True
        if self.node.host.online is False:
            self._give_up_asking_ms = now + int(timing.answer_wait_s * 1000)
        elif now >= self._give_up_asking_ms:
            self._answered = True
            return True
        if now >= self._asked_by_ms:
            position = outbox.known
            held = await outbox.held(position, position)
            device, body = (held[0].device, historical(held[0].body)) if held else ("", b"")
            await self._speaker.data(position, device, body, is_history=True)
            self._last_data_ms = now
            self._asked_by_ms = now + self._ask_wait_ms
            self._ask_wait_ms = min(2 * self._ask_wait_ms, int(timing.heartbeat_s * 1000))
        return False

    async def _send_backlog(self) -> bool:
        """Send some of what is due again; True if there is more."""
        now = self._ms()
        outbox, replay = self._outbox, self._replay
        if outbox.renewing or self.node.host.online is False or now < self._backlog_from_ms:
            return False
        if (position := replay.poisoned()) is not None:
            await outbox.bury(position, "the hub answers but never takes it")
        due = replay.next(AT_ONCE, now)
        if due is None or due[0] > outbox.durable:
            return False
        first, last = due
        last = first + self._pace.take(min(last, outbox.durable) - first + 1, now) - 1
        if last < first:
            return True
        epoch = outbox.epoch
        found = {entry.position: entry for entry in await outbox.held(first, last)}
        for position in range(first, last + 1):
            if self._rebirth or outbox.epoch != epoch:
                return True
            if position < outbox.first:
                continue  # answered, or dropped, in the meantime
            entry = found.get(position)
            # a hole would hold the hub's answer back for ever: its place goes out empty
            device, body = (entry.device, historical(entry.body)) if entry else ("", b"")
            self.node.counters.sent_again += 1
            replay.sent_again(position, now)
            await self._speaker.data(position, device, body, is_history=True, more=position < last)
        replay.sent_again(last, now)
        return True

    # ------------------------------------------------ called by the listener

    def ask_for_rebirth(self) -> None:
        """Births go out anew: the hub asked, or there is more to declare."""
        self._rebirth = True
        self.wake.set()

    def _take_answer(self) -> None:
        self._replay.acknowledged(self._outbox.stored, self._ms())
        if not self._answered:
            self._answered = True
            self.wake.set()

    def _host_is_back(self) -> None:
        self._loop.call_later(self._jitter_ms(self.node.timing.host_jitter_s) / 1000, self._greet_host)

    def _greet_host(self) -> None:
        """The host came back: tell it that we are here, and what it may have missed."""
        if self._ended:
            return
        now = self._ms()
        self._asked_by_ms = now
        self._send_all_again()
        if self._answered:
            self._say_something()
        self.wake.set()

    def _send_all_again(self) -> None:
        """Whatever is not acknowledged goes out once more, from the oldest on."""
        stored = self._outbox.stored
        self._replay.begin(stored, max(self._replay.live_sent, stored), self._ms())

    # ------------------------------------------------ the end

    async def _farewell(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while self._live and self._answered and not self._rebirth:
                    await self._drain_live()
                    await self._sleep(self._busy_tick_s)
        await self._speaker.farewell()

    def _ms(self) -> int:
        return int(self._loop.time() * 1000)

    def _jitter_ms(self, longest_s: float) -> int:
        return int(self.node.rng.uniform(0, longest_s * 1000))


def _window(backlog_per_s: float) -> int:
    # the hub answers about once a second: five seconds' worth keeps the line full
    return max(200, int(backlog_per_s * 5))
