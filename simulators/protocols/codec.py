"""A conference codec that speaks xAPI over a real WebSocket."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

Fault = Literal["", "silent", "garbage", "half", "reset", "chatter"]


@dataclass
class Codec:
    """Its state can be set; `asked` keeps what it was asked for."""

    username: str = "hub"
    password: str = "secret"  # noqa: S105 — of a simulated codec
    muted: bool = False
    dark: bool = False
    standby: str = "Off"
    calls: int = 0
    packets: int = 0
    lost: int = 0
    registered: bool = True
    fault: Fault = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    _server: Server | None = None

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await serve(self._talk, "127.0.0.1", 0, process_request=self._let_in)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """`result` or `error` of a method."""
        self.asked.append(method if method != "xGet" else "/".join(params["Path"]))
        match method.removeprefix("xCommand/"):
            case "Audio/Microphones/Mute" | "Audio/Microphones/Unmute":
                self.muted = method.endswith("/Mute")
            case "Video/Input/MainVideo/Mute" | "Video/Input/MainVideo/Unmute":
                self.dark = method.endswith("/Mute")
            case "Standby/Activate" | "Standby/Deactivate":
                if self.calls:
                    return {"error": {"code": 1, "message": "not during a call"}}
                self.standby = "Standby" if method.endswith("/Activate") else "Off"
            case "xGet":
                value = self._status().get("/".join(params["Path"][1:]))
                if value is None:
                    return {"error": {"code": 3, "message": "No match on Path argument"}}
                return {"result": value}
            case _:
                return {"error": {"code": -32601, "message": "Method not found"}}
        return {"result": {"status": "OK"}}

    def _status(self) -> dict[str, Any]:
        incoming = {"Packets": self.packets, "Loss": self.lost, "Jitter": 7, "ChannelRate": 1_920_000}
        channels = [
            {"id": 1, "Direction": "Incoming", "Type": "Video", "Netstat": incoming},
            {"id": 2, "Direction": "Outgoing", "Type": "Video", "Netstat": {"ChannelRate": 960_000}},
        ]
        return {
            "SystemUnit/State": {"NumberOfActiveCalls": self.calls},
            "Audio/Microphones/Mute": "On" if self.muted else "Off",
            "Video/Input/MainVideoMute": "On" if self.dark else "Off",
            "Standby/State": self.standby,
            "SIP/Registration": [{"id": 1, "Status": "Registered" if self.registered else "Failed"}],
            "MediaChannels/Call": [{"id": 3, "Channel": channels}] if self.calls else None,
        }

    def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        word = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {word}":
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "")

    async def _talk(self, connection: ServerConnection) -> None:
        async for text in connection:
            asked = json.loads(text)
            said = json.dumps(
                {"jsonrpc": "2.0", "id": asked["id"], **self.answer(asked["method"], asked["params"])}
            )
            if self.fault == "silent":
                continue
            if self.fault == "reset":
                connection.transport.abort()
                return
            if self.fault == "chatter":
                await connection.send('{"jsonrpc":"2.0","method":"xFeedback/Event","params":{}}')
            await connection.send({"garbage": "<html>", "half": said[: len(said) // 2]}.get(self.fault, said))
