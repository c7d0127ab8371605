"""Keeps the broker's files as the records say: who may come and do what, and who no longer.

The folder holds `listener.conf`, `acl`, `revoked.crl`, `ca.pem`, the broker's own `broker.pem` with
`broker-key.pem`, and `reload`, which changes last. What changed is written, the broker told to read again,
whether it did is looked at, and the session of each revoked node ended: a list does not end sessions, coming
with the same client id does.
"""

import asyncio
import contextlib
import logging
import os
import random
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import Gauge

from hub.broker import LOOPBACK_HOSTS
from hub.certificates.authority import Authority, locked, open_authority, private_pem, write_private
from hub.certificates.hosts import names_of_host
from hub.certificates.rules import reason_to_issue
from hub.certificates.serving import FOLDER, leaf_of
from hub.database import Database
from hub.enrolment import rules, service
from hub.enrolment.proof import CRL_FILE, REVOKED_FILE, VISITOR, BrokerVisit, revoked_serial
from hub.enrolment.signing import crl_of, node_pem, pem_of, sign_crl
from hub.settings import Settings

log = logging.getLogger(__name__)

LIST_END = Gauge(
    "hub_broker_revocation_list_end_seconds", "When the broker's revocation list ends, Unix time"
)
PROBLEM = Gauge("hub_broker_files_problem", "1 while the broker does not know what it should, else 0")

LOOK_EVERY_S = 3.0
PROVE_EVERY_MS = 3_600_000
READ_WITHIN_S = 10.0
_RETRY_MOST_S = 30.0


class BrokerFiles:
    """The loop, and what it found."""

    def __init__(self, settings: Settings, database: Database, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._database = database
        self._now_ms = now_ms
        self._folder = Path(settings.enrolment.broker_dir)
        self._private = settings.data_dir / FOLDER
        self._told = False
        self._proven_ms = 0
        self._trouble = ""
        self.list_end_ms: int | None = None

    @property
    def problem(self) -> str:
        """What people have to know; "" if all is well."""
        return self._trouble or rules.crl_problem(self.list_end_ms, self._now_ms())

    @property
    def proven_ms(self) -> int:
        """When the broker was last found to know everything; 0: not yet."""
        return self._proven_ms

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

    async def write(self) -> None:
        """Writes what is due and tells nobody: for a broker that is not there yet."""
        async with self._database.read() as session:
            known = await service.known(session, self._now_ms())
        await asyncio.to_thread(self._write, known)

    async def look(self) -> None:
        """Writes what is due, sees that the broker has it, ends sessions; raises `OSError` if that fails."""
        async with self._database.read() as session:
            known = await service.known(session, self._now_ms())
        authority, changed = await asyncio.to_thread(self._write, known)
        visit = BrokerVisit(self._settings, authority)
        if changed:
            self._told = False
        if not self._told:
            # one that just begins reads everything, and a signal would end it
            await visit.knock(self._now_ms())
            await self._reload()
            await self._until_known(visit)
            self._told = True
        elif not 0 <= self._now_ms() - self._proven_ms < PROVE_EVERY_MS:
            await self._until_known(visit)
        if known.to_end:
            for node in sorted(set(known.to_end.values())):
                await self._end_session(visit, authority, node)
            async with self._database.write() as session:
                await service.mark_ended(session, list(known.to_end), self._now_ms())

    async def _until_known(self, visit: BrokerVisit) -> None:
        # a signal, or a changed file, is only the wish that files be read
        deadline_s = asyncio.get_running_loop().time() + READ_WITHIN_S
        while problem := await visit.problem(self._now_ms()):
            if asyncio.get_running_loop().time() > deadline_s or "old revocation list" not in problem:
                self._told = False
                raise OSError(problem)
            await asyncio.sleep(0.2)
        self._proven_ms = self._now_ms()

    def _write(self, known: service.Known) -> tuple[Authority, bool]:
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            self._folder.chmod(0o755)  # the broker reads it under another account, whatever the umask
        self._folder = self._folder.resolve()
        user = urlsplit(self._settings.mqtt_url).username or "hub"
        with locked(self._private):  # several processes may look at once
            authority = open_authority(self._private, self._now_ms())
            self._check_owner(authority)
            changed = self._own_certificate(authority) | self._revocations(authority, known)
            texts = {
                "acl": rules.acl(known.nodes, user),
                "ca.pem": authority.pem.decode(),
                "listener.conf": rules.listener(self._port(), str(self._folder), self._is_only_here()),
            }
            for name, text in texts.items():
                file = self._folder / name
                if not file.exists() or file.read_text(encoding="utf-8") != text:
                    write_private(file, text.encode(), mode=0o644)
                    changed = True
        return authority, changed

    def _check_owner(self, authority: Authority) -> None:
        file = self._folder / "ca.pem"
        if file.exists() and file.read_bytes() != authority.pem:
            # a second hub, or one that lost its authority, would lock out every node of the first
            raise OSError(
                f"{self._folder} is of another hub's authority; if this one is to have it, empty it"
            )

    def _revocations(self, authority: Authority, known: service.Known) -> bool:
        file, now_ms = self._folder / CRL_FILE, self._now_ms()
        present = crl_of(file.read_bytes()) if file.exists() else None
        tried_by = revoked_serial(self._private)
        serials = {int(each, 16) for each in known.revoked} | ({tried_by} if tried_by is not None else set())
        why = rules.crl_due(present, serials, authority.key_id, now_ms)
        if why or tried_by is None:
            begin_ms, end_ms = rules.crl_times_ms(present, now_ms)
            # a new one for each list: that the broker refuses it proves that it read this list
            write_private(self._private / REVOKED_FILE, node_pem(authority, VISITOR, now_ms, end_ms))
            revoked = known.revoked | {f"{revoked_serial(self._private):x}": now_ms}
            write_private(file, sign_crl(authority, revoked, (begin_ms, end_ms)), mode=0o644)
            log.info("a new revocation list of %d certificates was written: %s", len(known.revoked), why)
            self.list_end_ms = end_ms
        elif present is not None:
            self.list_end_ms = present.next_update_ms
        LIST_END.set((self.list_end_ms or 0) / 1000)
        return bool(why) or tried_by is None

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

    def _is_only_here(self) -> bool:
        return urlsplit(self._settings.enrolment.mqtt_url).hostname in LOOPBACK_HOSTS

    def _port(self) -> int:
        return urlsplit(self._settings.enrolment.mqtt_url).port or 8883

    async def _reload(self) -> None:
        wanted = self._settings.enrolment
        # for whoever watches it beside the broker: written last, and again while the broker does not know
        write_private(self._folder / "reload", f"{self._now_ms()}\n".encode(), mode=0o644)
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

    async def _end_session(self, visit: BrokerVisit, authority: Authority, node: str) -> None:
        """Comes to the broker as the node, which ends the session that it has, and goes again."""
        if why := await visit.come(node, node_pem(authority, node, self._now_ms())):
            raise OSError(f"the session of the revoked node {node} cannot be ended: {why}")
        log.info("the session of the revoked node %s was ended", node)

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("the broker does not know what it should: %s", trouble)
        if self._trouble and not trouble:
            log.info("the broker knows again what it should")
        self._trouble = trouble
        PROBLEM.set(bool(self.problem))
