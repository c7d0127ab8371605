"""Keeps the broker's files as the records say: who may come and do what, and who no longer.

The folder holds `listener.conf`, `acl`, `revoked.crl`, `ca.pem` and the broker's own `broker.pem` with
`broker-key.pem`. What changed is written, the broker told to read again, and the session of each revoked node
ended: reading a list again does not end sessions, a connection with the same client id does.
"""

import asyncio
import contextlib
import logging
import os
import random
import shlex
import signal
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from hub.certificates.authority import Authority, private_pem, write_private
from hub.certificates.hosts import names_of_host
from hub.certificates.rules import reason_to_issue
from hub.certificates.serving import FOLDER, leaf_of
from hub.database import Database
from hub.enrolment import rules, service
from hub.enrolment.signing import authority_of, crl_of, pem_of, sign_crl, take_over_pem
from hub.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
_SETTLE_S = 0.5
_CONNECT_S = 5.0
_RETRY_MOST_S = 30.0


class BrokerFiles:
    """The loop; `problem` says what keeps the broker from knowing what it should, "" if nothing."""

    def __init__(self, settings: Settings, database: Database, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._database = database
        self._now_ms = now_ms
        self._folder = Path(settings.enrolment.broker_dir)
        self._told = False
        self.problem = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Looks every few seconds until `stop`; after a failure less often."""
        wait_s = LOOK_EVERY_S
        while not stop.is_set():
            try:
                await self.look()
                self._say("")
                wait_s = LOOK_EVERY_S
            except (OSError, ValueError, TimeoutError) as error:
                self._say(str(error) or type(error).__name__)
                wait_s = min(wait_s * 2, _RETRY_MOST_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s * random.uniform(0.8, 1))

    async def look(self) -> None:
        """Writes what is due, has the broker read it, and ends sessions; raises `OSError` if that fails."""
        async with self._database.read() as session:
            known = await service.known(session, self._now_ms())
        authority = await asyncio.to_thread(authority_of, self._settings.data_dir / FOLDER, self._now_ms())
        if await asyncio.to_thread(self._write, authority, known):
            self._told = False
        if not self._told:
            await self._reload()
            self._told = True
        if known.to_end:
            await asyncio.sleep(_SETTLE_S)  # a signal is only the wish that files be read
            for node in sorted(set(known.to_end.values())):
                await self._end_session(authority, node)
            async with self._database.write() as session:
                await service.mark_ended(session, list(known.to_end), self._now_ms())

    def _write(self, authority: Authority, known: service.Known) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder = self._folder.resolve()
        user = urlsplit(self._settings.mqtt_url).username or "hub"
        texts = {
            "acl": rules.acl(known.nodes, user),
            "ca.pem": authority.pem.decode(),
            "listener.conf": rules.listener(self._port(), str(self._folder)),
        }
        changed = self._own_certificate(authority) | self._revocations(authority, known)
        for name, text in texts.items():
            file = self._folder / name
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                write_private(file, text.encode(), mode=0o644)
                changed = True
        return changed

    def _revocations(self, authority: Authority, known: service.Known) -> bool:
        file, now_ms = self._folder / "revoked.crl", self._now_ms()
        present = crl_of(file.read_bytes()) if file.exists() else None
        serials = [int(each, 16) for each in known.revoked]
        why = rules.crl_due(present, serials, authority.key_id, now_ms)
        if why:
            times_ms = rules.crl_times_ms(present, now_ms)
            write_private(file, sign_crl(authority, known.revoked, times_ms), mode=0o644)
            log.info("a new revocation list of %d certificates was written: %s", len(serials), why)
        return bool(why)

    def _own_certificate(self, authority: Authority) -> bool:
        file, names = self._folder / "broker.pem", set(names_of_host(self._settings))
        if host := urlsplit(self._settings.enrolment.mqtt_url).hostname:
            names.add(host)
        try:
            leaf = leaf_of(x509.load_pem_x509_certificate(file.read_bytes()))
        except (OSError, ValueError):
            leaf = None
        why = reason_to_issue(leaf, names, authority.key_id, self._now_ms())
        if why:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = authority.issue_server(key.public_key(), names, self._now_ms())
            # the group of the folder may read the key: that is how the broker does
            write_private(self._folder / "broker-key.pem", private_pem(key), mode=0o640)
            write_private(file, pem_of(certificate).encode(), mode=0o644)
            log.info("the broker's certificate was made anew: %s", why)
        return bool(why)

    def _port(self) -> int:
        return urlsplit(self._settings.enrolment.mqtt_url).port or 8883

    async def _reload(self) -> None:
        wanted = self._settings.enrolment
        if wanted.reload_pid_file:
            file = Path(wanted.reload_pid_file)
            number = (await asyncio.to_thread(file.read_text)).strip()
            if not number.isdecimal() or int(number) <= 1:
                raise OSError(f"{file} holds no process id")
            os.kill(int(number), signal.SIGHUP)
        if wanted.reload_command:
            process = await asyncio.create_subprocess_exec(*shlex.split(wanted.reload_command))
            try:
                code = await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                raise
            if code:
                raise OSError(f"{wanted.reload_command} ended with {code}")

    async def _end_session(self, authority: Authority, node: str) -> None:
        """Comes to the broker as the node, which ends the session that it has, and goes again."""
        parts = urlsplit(self._settings.enrolment.mqtt_url)
        context = ssl.create_default_context(cadata=authority.pem.decode())
        with tempfile.NamedTemporaryFile(dir=self._settings.data_dir / FOLDER) as file:  # private: 0600
            file.write(take_over_pem(authority, node, self._now_ms()))
            file.flush()
            context.load_cert_chain(file.name)
        try:
            client = aiomqtt.Client(
                parts.hostname or "localhost",
                self._port(),
                identifier=node,
                timeout=_CONNECT_S,
                tls_context=context,
            )
            async with client:
                log.info("the session of the revoked node %s was ended", node)
        except aiomqtt.MqttError as error:
            raise OSError(f"the session of the revoked node {node} cannot be ended: {error}") from None

    def _say(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.error("the broker does not know what it should: %s", problem)
        self.problem = problem
