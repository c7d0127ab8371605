"""What the agent itself is asked for (`Agent/Request`) and what it answers (`Agent/Result`).

    requests = Requests(node, commands, version="1.4.0")
    requests.register("diagnose", diagnose)      # async def diagnose(document) -> {"state": "done", …}
    requests.start(commands.start())

A request has the life of a command: on disk before it is begun, at most once for one id, told again when it
is asked again. What an answer returns is told: `state` (done if it says none), `detail`, and fields of its
own. One that needs a restart of the agent returns the state `taken`; who knows the end afterwards calls
`finish(id, state, detail, fields)`, from the process after the restart as well.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from devices.cancelling import cancelled
from devices.wire.commands import AGENT_RESULT
from devices.wire.datatypes import DataType
from edge_agents.commanding import BUSY, ID_LONGEST, NO_DISK, NOT_ALLOWED, Record, State, left_ms
from edge_agents.executing import Commands
from edge_agents.node import Node

log = logging.getLogger(__name__)

AT_ONCE = 8
PATIENCE_S = 120.0
RESULT_LONGEST = 100 * 1024
FIELDS_KEPT = 16
"""Requests whose whole answer can be told again; of older ones only the state is kept."""

FACTS: dict[str, tuple[DataType, Any]] = {
    "Agent/Version": (DataType.String, ""),
    "Agent/Config Version": (DataType.Int64, None),
    "Agent/Config Hash": (DataType.String, ""),
    "Agent/Certificate End": (DataType.Int64, None),
    "Agent/Plan Version": (DataType.Int64, None),
    "Agent/Problem": (DataType.String, ""),
    AGENT_RESULT: (DataType.String, None),
}
"""What every agent of ours declares of itself in its NBIRTH; changed by `Node.tell`."""


Answer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Gets the request's document, with `sent_ms` (when the hub sent it, by its own clock) added."""


class Requests:
    """The answers of one agent, by kind."""

    def __init__(self, node: Node, commands: Commands, *, version: str) -> None:
        self._node = node
        self._lives = commands.lives
        self._journal = commands.journal
        self._answers: dict[str, tuple[Answer, float]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._keeping: set[str] = set()
        self._with_fields: deque[str] = deque(
            record.id for record in self._journal.records() if record.fields
        )
        self._again = 0
        node.tell("Agent/Version", DataType.String, version)
        for name, (datatype, value) in FACTS.items():
            if name not in node.facts:
                node.tell(name, datatype, value)
        node.on_request = self.take

    def register(self, kind: str, answer: Answer, *, patience_s: float = PATIENCE_S) -> None:
        """Let requests of a kind be answered so; one that takes longer than `patience_s` has failed."""
        self._answers[kind] = answer, patience_s

    def start(self, interrupted: Iterable[Record]) -> None:
        """Tell what the end of the process before cut off."""
        for record in interrupted:
            self._tell(record)

    async def close(self) -> None:
        """End what is running; after the next start it is told as interrupted."""
        await cancelled(*self._running)

    def take(self, text: str, sent_ms: int | None) -> None:
        """Take a request; what cannot be read is counted among the node's rejected commands."""
        document, left = _read(text, sent_ms)
        if document is None:
            self._node.counters.commands_rejected += 1
            return
        id_ = document["id"]
        if (known := self._lives.find(id_)) is not None:
            if id_ not in self._keeping:
                self._again += 1
                self._tell(known, self._again)
            return
        record = self._lives.take(id_, "", self._node.now_ms())
        if left <= 0:
            self.finish(id_, State.EXPIRED)
        elif document["kind"] not in self._answers:
            self.finish(id_, State.REFUSED, NOT_ALLOWED)
        elif len(self._running) >= AT_ONCE:
            self.finish(id_, State.REFUSED, BUSY)
        else:
            self._keeping.add(id_)
            self._journal.keep(record, partial(self._taken, document, record))

    def finish(
        self, id_: str, state: State, detail: str = "", fields: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """A request has ended; the first end stands. `fields` are at most 100 KiB of JSON together."""
        fields = {name: value for name, value in fields.items() if name not in _OURS}
        if len(json.dumps(fields, ensure_ascii=False).encode()) > RESULT_LONGEST:
            state, detail, fields = State.FAILED, "too_large", {}
        record = self._lives.end(id_, state, detail, self._node.now_ms(), **fields)
        if record is None:
            return
        self._keeping.add(id_)
        self._journal.keep(record, partial(self._told, record))
        if record.fields:
            self._with_fields.append(id_)
        while len(self._with_fields) > FIELDS_KEPT:
            if (bare := self._lives.strip(self._with_fields.popleft())) is not None:
                self._journal.keep(bare, lambda _: None)

    def _taken(self, document: Mapping[str, Any], record: Record, error: Exception | None) -> None:
        self._keeping.discard(record.id)
        if error is not None:
            self.finish(record.id, State.REFUSED, NO_DISK)
            return
        self._tell(record)
        task = asyncio.get_running_loop().create_task(self._run(record.id, document))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, id_: str, document: Mapping[str, Any]) -> None:
        answer, patience_s = self._answers[document["kind"]]
        if not self._lives.begin(id_):
            return
        said: Mapping[str, Any]
        try:
            async with asyncio.timeout(patience_s):
                said = await answer(document)
            state = State(said.get("state", State.DONE))
        except TimeoutError:
            state, said = State.FAILED, {"detail": "timeout"}
        except Exception as error:
            log.exception("request %s (%s) failed", id_, document["kind"])
            state, said = State.FAILED, {"detail": "error", "text": f"{type(error).__name__}: {error}"[:500]}
        if state is not State.TAKEN:
            self.finish(id_, state, str(said.get("detail", "")), said)
        elif (later := self._lives.postpone(id_)) is not None:
            self._journal.keep(later, lambda _: None)

    def _told(self, record: Record, _error: Exception | None) -> None:
        self._keeping.discard(record.id)
        self._tell(record)

    def _tell(self, record: Record, again: int = 0) -> None:
        self._node.tell(AGENT_RESULT, DataType.String, record.told(again))


_OURS = ("id", "state", "detail", "at_ms", "again")


def _read(text: str, sent_ms: int | None) -> tuple[dict[str, Any] | None, int]:
    """The request and how long it counts in ms; None for what is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None, 0
    if not isinstance(document, dict):
        return None, 0
    id_, kind = document.get("id"), document.get("kind")
    if not (isinstance(id_, str) and 0 < len(id_) <= ID_LONGEST and isinstance(kind, str)):
        return None, 0
    return {**document, "sent_ms": sent_ms or 0}, left_ms(document.get("expires_ms"), sent_ms)
