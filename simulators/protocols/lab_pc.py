"""A PC with a real SSH server: it tells how busy it is, and obeys a shutdown by going away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import asyncssh

Fault = Literal["", "silent", "garbage", "half", "reset", "failing"]


@dataclass
class Pc:
    """Its state can be set; `told` keeps what it was told to do."""

    password: str = "secret"  # noqa: S105 — of a simulated PC
    sessions: int = 0
    load_percent: float = 25.0
    memory_percent: float = 52.5
    disk_percent: float = 61.0
    fault: Fault = ""
    port: int = 0
    told: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    _server: asyncssh.SSHAcceptor | None = None

    @property
    def host_key(self) -> str:
        """As ssh-keyscan prints it."""
        return self.key.export_public_key().decode().strip()

    async def start(self) -> None:
        """Boot: listen on the same loopback port as before."""
        self._server = await asyncssh.create_server(
            lambda: _Door(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            process_factory=self._shell,
        )
        self.port = self._server.get_port()

    async def stop(self) -> None:
        """Be off."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    async def _shell(self, process: asyncssh.SSHServerProcess[str]) -> None:
        command = process.command or ""
        self.told.append(command)
        if self.fault == "silent":
            await asyncio.sleep(3600)
        if self.fault == "reset":
            process.channel.get_connection().abort()
            return
        busy = f"4\n{self.load_percent / 25:g}\n{self.memory_percent:g}\n{self.disk_percent:g}"
        said = f"{self.sessions}\n{busy}\n"
        process.stdout.write({"garbage": "a b c d e\n", "half": said[:5]}.get(self.fault, said))
        process.exit(1 if self.fault == "failing" else 0)


class _Door(asyncssh.SSHServer):
    def __init__(self, pc: Pc) -> None:
        self._pc = pc

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._pc.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == self._pc.password
