"""Replays a recorded conversation to a driver: a device that says what it said then, and nothing else.

A recording is text. Its head says `kind: projector`, `options: {json}`, what to `do:` (`poll`, or
`write METRIC = json`) and what to `expect:` (json of values, of which others may be there too; `reason CODE`;
`refused`). Then who says what, in order: `connect`, `driver: TEXT`, `device: TEXT`, `close`. TEXT has
Python's escapes, or is `hex` and bytes in hexadecimal.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kind
from devices.protocols.failures import RefusedError
from edge_agents.driver import Driver, reason_of

RECORDINGS = Path(__file__).parents[2] / "recordings"


@dataclass
class Recording:
    """One file: its head, and the lines of each connection."""

    head: dict[str, list[str]] = field(default_factory=dict)
    connections: list[list[tuple[str, bytes]]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Raises ValueError for a line that nobody says."""
        one = cls()
        for line in path.read_text(encoding="utf-8").splitlines():
            who, _, text = line.partition(":")
            if not line.strip() or line.startswith("#"):
                continue
            if line == "connect":
                one.connections.append([])
            elif line == "close" or who in ("driver", "device"):
                one.connections[-1].append((who, _bytes(text.strip())))
            elif who in ("kind", "options", "do", "expect"):
                one.head.setdefault(who, []).append(text.strip())
            else:
                raise ValueError(f"{path}: {line!r}")
        return one


def _bytes(text: str) -> bytes:
    if text.startswith("hex "):
        return bytes.fromhex(text[4:])
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class Replayed:
    """The device of a recording on a loopback port; `wrong` says where the driver left it."""

    def __init__(self, recording: Recording) -> None:
        self.wrong: list[str] = []
        self._waiting = list(recording.connections)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if not self._waiting:
            self.wrong.append("one connection too many")
            writer.close()
            return
        for who, said in self._waiting.pop(0):
            if who == "device":
                writer.write(said)
                await writer.drain()
            elif who == "driver":
                try:
                    heard = await reader.readexactly(len(said))
                except asyncio.IncompleteReadError as error:
                    heard = error.partial
                if heard != said:
                    self.wrong.append(f"said {heard!r} instead of {said!r}")
                    break
        writer.close()

    def finished(self) -> None:
        """Everything was said, and as it was said then."""
        assert self.wrong == []
        assert self._waiting == []


async def replay(path: Path) -> None:
    """Let the kind's driver do what the recording says and hold the outcome against it."""
    recording = Recording.read(path)
    device = Replayed(recording)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    options = json.loads(recording.head.get("options", ["{}"])[0])
    make = kind(recording.head["kind"][0]).driver
    assert make is not None
    driver: Driver = make(host="127.0.0.1", port=server.sockets[0].getsockname()[1], **options)
    try:
        outcomes = [await _did(driver, connecting=True)] if not recording.head.get("do") else []
        if not outcomes:
            await driver.connect()
        outcomes += [await _did(driver, what) for what in recording.head.get("do", [])]
    except Exception as error:  # noqa: BLE001 — a device that fails at once is a recording, too
        outcomes = [f"reason {reason_of(error)}"]
    finally:
        await driver.close()
        server.close()
    expected = recording.head["expect"]
    assert len(outcomes) == len(expected), outcomes
    for outcome, wanted in zip(outcomes, expected, strict=True):
        if isinstance(outcome, str):
            assert outcome == wanted
        else:
            values = json.loads(wanted)
            assert {name: outcome.get(name, "missing") for name in values} == values
    device.finished()


async def _did(driver: Driver, what: str = "", *, connecting: bool = False) -> str | dict[str, Any]:
    try:
        if connecting:
            await driver.connect()
            return "connected"
        if what == "poll":
            return dict(await driver.poll())
        metric, _, value = what.removeprefix("write ").partition(" = ")
        await driver.write(metric, json.loads(value))
    except RefusedError:
        return "refused"
    except Exception as error:  # noqa: BLE001 — the loop of a device takes any
        return f"reason {reason_of(error)}"
    return "asked"


def recorded(protocol: str) -> list[Any]:
    """Its recordings, as parameters of a test."""
    paths = sorted((RECORDINGS / protocol).glob("*.txt"))
    return [pytest.param(path, id=path.stem) for path in paths]
