"""One line to the broker for all who look at traffic; subscribed to what they ask for, and only meanwhile.

Nobody here may slow anybody: queues are bounded, the oldest is dropped, and everybody is told how many were.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import aiomqtt

from devices.wire.topics import Topic
from hub.events import mqtt_client
from hub.traffic.messages import BIRTHS, Births, Message, read_message, topic_of
from hub.traffic.rules import Question, cover, topic_filters

MAX_INCOMING = 5_000
MAX_WAITING = 500
LINGER_S = 5.0


class Listener:
    """One who looks: takes (message, raw bytes) in turn; what does not fit is dropped from the front."""

    def __init__(
        self,
        question: Question,
        filters: set[str],
        may_see: Callable[[Topic | None], bool],
        dropped_before: Callable[[], int],
        max_waiting: int,
    ) -> None:
        self.question = question
        self.filters = filters
        self.may_see = may_see
        self._before, self._from = dropped_before, dropped_before()
        self._waiting: deque[tuple[Message, bytes]] = deque(maxlen=max_waiting)
        self._own_dropped = 0
        self._wake = asyncio.Event()
        self.closed = False

    @property
    def dropped(self) -> int:
        """Messages left out since it began to look."""
        return self._own_dropped + self._before() - self._from

    def give(self, message: Message, raw: bytes) -> None:
        """Add a message; never waits."""
        if len(self._waiting) == self._waiting.maxlen:
            self._own_dropped += 1
        self._waiting.append((message, raw))
        self._wake.set()

    def close(self) -> None:
        """End it: the program stops."""
        self.closed = True
        self._wake.set()

    async def next(self, longest_s: float, most: int = MAX_WAITING) -> list[tuple[Message, bytes]]:
        """What waits, at most so many; empty if nothing came for so long, or when it is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                while not (self._waiting or self.closed):
                    self._wake.clear()
                    await self._wake.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


class Traffic:
    """The source; `run` it supervised and `listen` to it."""

    def __init__(self, mqtt_url: str, identifier: str, now_ms: Callable[[], int]) -> None:
        self.connected = False
        self.was_connected = False
        self._url, self._identifier, self._now_ms = mqtt_url, identifier, now_ms
        self._listeners: set[Listener] = set()
        self._births = Births()
        self._dropped = 0
        self._changed = asyncio.Event()
        self.school_of: Callable[[str, str], str | None] = lambda group, node: None

    def __len__(self) -> int:
        return len(self._listeners)

    @contextlib.contextmanager
    def listen(
        self,
        question: Question,
        *,
        groups: Iterable[str] = (),
        may_see: Callable[[Topic | None], bool] = lambda topic: True,
        max_waiting: int = MAX_WAITING,
    ) -> Iterator[Listener]:
        """Look as long as the `with` lasts; `groups` as for `topic_filters`."""
        filters = topic_filters(question, groups)
        listener = Listener(question, filters, may_see, lambda: self._dropped, max_waiting)
        self._listeners.add(listener)
        self._changed.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._changed.set()

    async def run(self) -> None:
        """Connect whenever somebody looks, until the broker is lost (`ConnectionError`); supervise it.

        Cancelled, it ends all who look.
        """
        try:
            while True:
                await self._until(lambda: bool(self._listeners))
                await self._connect()
        except asyncio.CancelledError:
            for listener in self._listeners:
                listener.close()
            raise

    async def _connect(self) -> None:
        try:
            await self._serve()
        except aiomqtt.MqttError as lost:
            raise ConnectionError(f"lost the broker: {lost}") from None
        finally:
            self.connected = False
            self._births = Births()  # nobody listened: aliases may mean something else by then

    async def _serve(self) -> None:
        source = self

        class Latest(asyncio.Queue[aiomqtt.Message]):
            def put_nowait(self, item: aiomqtt.Message) -> None:
                if self.full():
                    self.get_nowait()
                    source._dropped += 1
                super().put_nowait(item)

        options = {"queue_type": Latest, "max_queued_incoming_messages": MAX_INCOMING}
        async with mqtt_client(self._url, self._identifier, **options) as client:
            tasks = {asyncio.create_task(self._subscribe(client)), asyncio.create_task(self._read(client))}
            done: set[asyncio.Task[None]] = set()
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                left = tasks
                while left:  # until Python 3.12 `wait_for` may swallow a cancellation
                    for task in left:
                        task.cancel()
                    _, left = await asyncio.wait(left, timeout=0.2)
                for task in tasks - done:
                    _ = task.cancelled() or task.exception()  # one reason is enough
            for task in done:
                task.result()

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Keep the subscriptions at what is asked for; return when nobody has looked for a while."""
        have: set[str] = set()
        while True:
            want = cover(each for listener in self._listeners for each in listener.filters)
            for each in want - have:
                await client.subscribe(each, qos=0)
            for each in have - want:
                await client.unsubscribe(each)
            have = want
            self.connected = bool(want)
            self.was_connected = True
            if want == cover(each for listener in self._listeners for each in listener.filters):
                self._changed.clear()
                try:
                    async with asyncio.timeout(None if self._listeners else LINGER_S):
                        await self._changed.wait()
                except TimeoutError:
                    return

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _read(self, client: aiomqtt.Client) -> None:
        async for came in client.messages:
            self.take(str(came.topic), bytes(came.payload))

    def take(self, text: str, raw: bytes) -> None:
        """Give a message to all who want it; decoded once, and only if somebody does."""
        topic = topic_of(text)
        school = self.school_of(topic.group, topic.node) if topic else None
        found = [
            each for each in self._listeners if each.question.wants(topic, school) and each.may_see(topic)
        ]
        if not found and (topic is None or topic.message_type not in BIRTHS):
            return
        message = read_message(text, topic, raw, self._now_ms(), self._births)
        for listener in found:
            narrowed = listener.question.narrowed(message)
            if narrowed is not None:
                listener.give(narrowed, raw)
