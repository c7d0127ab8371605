"""A simulated device on a real socket, and what can go wrong between it and whoever asks it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from enum import StrEnum

from devices.cancelling import cancelled


class LineFault(StrEnum):
    """How an answer goes wrong on its way."""

    CHECKSUM = "checksum"  # one bit is not what was sent
    HALF = "half"  # the first half, then the line is closed
    STUCK = "stuck"  # the first half, then nothing
    GARBAGE = "garbage"  # as many bytes, none of them meant
    BABBLE = "babble"  # bytes without end
    SILENCE = "silence"  # it listens and does not answer
    RESET = "reset"  # the connection is reset instead
    TRICKLE = "trickle"  # byte by byte


class Link:
    """One connection as the simulated device sees it: what it says passes the server's fault."""

    def __init__(self, server: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._server = server
        self._writer = writer

    async def say(self, data: bytes) -> None:
        """Send an answer, or what the fault leaves of it."""
        server, rng = self._server, self._server.rng
        match server.fault:
            case None:
                self._writer.write(data)
            case LineFault.CHECKSUM:
                self._writer.write(server.corrupt(data))
            case LineFault.HALF:
                self._writer.write(data[: len(data) // 2])
                await self._writer.drain()
                self._writer.close()
            case LineFault.STUCK:
                self._writer.write(data[: len(data) // 2])
            case LineFault.GARBAGE:
                self._writer.write(rng.randbytes(max(16, len(data))) + b"\r\n")
            case LineFault.BABBLE:
                for _ in range(256):
                    self._writer.write(rng.randbytes(4096).replace(b"\r", b"?").replace(b"\n", b"?"))
                    await self._writer.drain()
            case LineFault.TRICKLE:
                for byte in data:
                    self._writer.write(bytes((byte,)))
                    await asyncio.sleep(server.trickle_s)
            case LineFault.RESET:
                linger = struct.pack("ii", 1, 0)  # no goodbye: close sends RST
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._writer.transport.abort()
            case LineFault.SILENCE:
                return
        await self._writer.drain()


class Served:
    """A TCP server on loopback. `fault` spoils all answers while it is set; `most` sessions at a time.

    `sessions` counts how many there have been.
    """

    def __init__(self, *, most: int = 4, seed: int = 1) -> None:
        self.fault: LineFault | None = None
        self.trickle_s = 0.001
        self.sessions = 0
        self.rng = random.Random(seed)
        self.port = 0
        self._free = asyncio.Semaphore(most)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def converse(self, link: Link) -> None:
        """Talk to one client until it goes."""
        raise NotImplementedError

    def corrupt(self, data: bytes) -> bytes:
        """The answer with one bit turned over; a protocol says which one hurts."""
        return data[:-1] + bytes((data[-1] ^ 1,))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port (any free one for 0)."""
        self._server = await asyncio.start_server(self._accept, host, port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Hang up and listen no more."""
        if self._server is not None:
            self._server.close()
        await cancelled(*self._tasks)

    async def __aenter__(self) -> Served:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def hang_up(self) -> None:
        """End all sessions, as a device does with idle ones, and go on listening."""
        await cancelled(*self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._free:  # who comes when all are taken waits, as in a device's backlog
                self.sessions += 1
                await self.converse(Link(self, reader, writer))
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the client went, or sent what no device understands
        finally:
            writer.close()
