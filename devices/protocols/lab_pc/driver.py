"""The PC as the kind `lab_pc` shows it: one that does not answer is off, and that is no failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncssh
import wakeonlan

from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.lab_pc.options import PcOptions
from devices.protocols.lab_pc.rules import SHUT_DOWN, STATUS, status_of
from devices.protocols.reachability.options import PingOptions
from devices.protocols.reachability.probe import Probe
from devices.simulation import UnreachableError

ANSWER_MOST = 4096


class PcDriver:
    """Keeps one SSH connection while the PC is on."""

    def __init__(self, options: PcOptions) -> None:
        self._options = options
        self._probe = Probe(
            PingOptions(host=options.host, port=options.port, probes=1, answer_s=min(1.0, options.answer_s))
        )
        self._ssh: asyncssh.SSHClientConnection | None = None

    async def connect(self) -> None:
        """Nothing to connect to before it is known to be on."""

    async def poll(self) -> Mapping[str, Any]:
        """Whether it is on; with an account on it, also how busy it is and whether somebody is logged in."""
        if self._ssh is None and self._options.presence == "ping":
            try:
                await self._probe.demand()
            except UnreachableError:
                return {"Power": False, "Logged In": False}
            if not self._options.username:
                return {"Power": True}
        try:
            text = await self._run(STATUS[self._options.system])
        except UnreachableError as error:
            await self.close()
            return await self._without_ssh(error)
        try:
            return {"Power": True, **status_of(text)}
        except ValueError as error:
            raise UnreachableError("protocol_error", f"the PC's status: {error}") from error

    async def write(self, metric: str, value: Any) -> None:
        """Wake it, or shut it down in an orderly way. Raises RefusedError where options are missing."""
        if metric != "Power":
            raise KeyError(metric)
        options = self._options
        if value:
            if options.mac is None:
                raise RefusedError("no mac is set, so it cannot be woken; set mac")
            # a broadcast of 102 bytes: it cannot block
            wakeonlan.wake(options.mac, host=options.wake_address, port=options.wake_port)
        elif not options.username:
            raise RefusedError("no username is set, so it cannot be shut down; set username and host_key")
        else:
            await self._run(SHUT_DOWN[options.system])
            await self.close()

    async def close(self) -> None:
        """Log out."""
        ssh, self._ssh = self._ssh, None
        if ssh is not None:
            ssh.abort()

    async def _without_ssh(self, error: UnreachableError) -> Mapping[str, Any]:
        if error.reason == "auth_failed":
            raise error
        if self._options.presence == "ssh":
            if error.reason in ("refused", "timeout", "no_route"):
                return {"Power": False, "Logged In": False}
            raise error
        try:
            await self._probe.demand()
        except UnreachableError:
            return {"Power": False, "Logged In": False}
        if error.reason == "refused":  # between the first sign of life and the SSH server there is a boot
            return {"Power": True, "Logged In": None}
        raise error

    async def _run(self, command: str) -> str:
        try:
            async with asyncio.timeout(2 * self._options.answer_s):
                if self._ssh is None:
                    self._ssh = await self._log_in()
                result = await self._ssh.run(command, check=False)
        except asyncssh.PermissionDenied as error:
            raise UnreachableError("auth_failed", str(error)) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise UnreachableError("auth_failed", "another machine answers at this address") from error
        except (asyncssh.Error, OSError, ValueError) as error:
            raise unreachable(error) from error
        if result.exit_status:
            raise UnreachableError("protocol_error", f"the PC's shell answers {result.exit_status}")
        return str(result.stdout or "")[:ANSWER_MOST]

    async def _log_in(self) -> asyncssh.SSHClientConnection:
        options = self._options
        known = asyncssh.import_known_hosts(f"* {options.host_key}\n")
        return await asyncssh.connect(
            options.host,
            options.port,
            username=options.username,
            password=options.password.get_secret_value() if options.password else None,
            client_keys=[str(options.key_file)] if options.key_file else [],
            known_hosts=known,
            agent_path=None,
            config=None,
            connect_timeout=options.answer_s,
            login_timeout=2 * options.answer_s,
        )
