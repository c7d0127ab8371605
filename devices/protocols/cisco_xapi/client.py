"""JSON-RPC 2.0 over a WebSocket, as much of it as a codec needs."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from devices.protocols.cisco_xapi.options import CodecOptions
from devices.protocols.failures import unreachable
from devices.simulation import UnreachableError

NOTIFICATIONS_MOST = 1000
"""Messages that answer nothing, in a row, after which a codec is not listened to any longer."""


class XapiError(Exception):
    """The codec understood and refused, as for a path that has nothing now."""


class XapiClient:
    """One connection. Calls raise UnreachableError, or XapiError for a refusal."""

    def __init__(self, options: CodecOptions) -> None:
        self._options = options
        self._socket: ClientConnection | None = None
        self._number = 0

    async def open(self) -> None:
        """Connect and log in."""
        options = self._options
        word = f"{options.username}:{options.password.get_secret_value()}".encode()
        scheme = "wss" if options.tls else "ws"
        try:
            self._socket = await connect(
                f"{scheme}://{options.host}:{options.port}/ws",
                additional_headers={"Authorization": f"Basic {base64.b64encode(word).decode()}"},
                ssl=_context(options) if options.tls else None,
                open_timeout=options.answer_s,
                close_timeout=0.2,
                ping_interval=None,  # every poll asks; silence shows there
                proxy=None,
                max_size=2**20,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            reason = "auth_failed" if status in (401, 403) else "protocol_error"
            raise UnreachableError(reason, f"the codec answers {status}") from error
        except (WebSocketException, OSError, ValueError) as error:
            raise unreachable(error) from error

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a method."""
        assert self._socket is not None, "open comes first"
        self._number += 1
        question = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        try:
            async with asyncio.timeout(self._options.answer_s):
                await self._socket.send(json.dumps(question))
                return await self._answer(self._number)
        except (WebSocketException, OSError) as error:
            raise unreachable(error) from error

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _answer(self, number: int) -> Any:
        assert self._socket is not None
        for _ in range(NOTIFICATIONS_MOST):
            text = await self._socket.recv()
            try:
                said = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UnreachableError("protocol_error", f"not JSON: {text[:60]!r}") from error
            if not isinstance(said, dict):
                raise UnreachableError("protocol_error", f"not an answer: {text[:60]!r}")
            if said.get("id") != number:
                continue  # feedback, or the answer to a question that was given up
            if "error" in said:
                raise XapiError(str(said["error"])[:200])
            return said.get("result")
        raise UnreachableError("protocol_error", "talks without answering")


def _context(options: CodecOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.ca_file)
    if not options.check_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
