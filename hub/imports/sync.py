"""Sources that are looked at by the clock: a folder below the hub's own, or an address."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import httpx
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Entry, record
from hub.database import Database
from hub.imports import carrying
from hub.imports.rules import next_try_s
from hub.imports.tables import SyncSource, SyncState
from hub.organisation.rules import TEACHING_KINDS
from hub.organisation.tables import Unit
from hub.organisation.trees import load, scope
from hub.sheets import By, FileTrouble
from hub.web.principal import PermissionName, Schools

log = logging.getLogger(__name__)

MAX_BYTES = 200 * 1_048_576
LOOK_EVERY_S = 5.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_REDIRECTS = 3
DOMAINS_OF: Mapping[str, tuple[str, ...]] = {
    "units": ("schools",), "rooms": ("facilities",), "equipment": ("equipment",), "users": ("managers",),
    "counts": ("pupils", "teachers"), "oneroster": ("classes", "pupils", "teachers"),
}  # fmt: skip
"""Which domains a kind of file brings."""

Rights: TypeAlias = Callable[
    [AsyncSession, int | None, int | None], Awaitable[Mapping[PermissionName, Schools]]
]
"""Tells what an account, a token, or a token of an account may as of now."""


class NotPermitted(FileTrouble):
    """Whoever a source imports for may not do so any more: it stops until somebody who may takes it over."""

    def __init__(self, permission: str, unit: str) -> None:
        super().__init__("not_permitted", f"who added this source lacks {permission} at {unit} now",
                         "somebody who has it switches the source on again")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has come, and what names this version of it."""

    path: Path
    name: str
    version: str


class Sync:
    """Fetches sources whose time has come, one after the other."""

    def __init__(
        self,
        database: Database,
        data_dir: Path,
        now_ms: Callable[[], int],
        today: Callable[[], date],
        rights: Rights,
        leads: Callable[[], bool] = lambda: True,
        *,
        private_addresses: bool = False,
    ) -> None:
        self._database, self._now_ms, self._today, self._leads = database, now_ms, today, leads
        self._rights = rights
        self.incoming = data_dir / "incoming"
        self._scratch = data_dir / "imports"
        self._private = private_addresses

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`, while this process leads."""
        while not stop.is_set():
            if self._leads():
                while not stop.is_set() and await self.step():
                    pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S * random.uniform(0.8, 1.2))

    async def step(self) -> bool:
        """Fetches the source that has waited longest; false if none is due."""
        due = select(SyncSource).where(SyncSource.enabled, SyncSource.next_ms <= self._now_ms())
        async with self._database.read() as session:
            source = (await session.execute(due.order_by(SyncSource.next_ms).limit(1))).scalar_one_or_none()
        if source is None:
            return False
        try:
            by = await self._by(source)
            fetched = await self._fetch(source)
            if fetched is not None:
                try:
                    await self._bring(source, by, fetched)
                finally:
                    fetched.path.unlink(missing_ok=True)
            await self._settle(source, source.version if fetched is None else fetched.version, "")
        except FileTrouble as trouble:
            stops = isinstance(trouble, NotPermitted)
            await self._settle(source, source.version, f"{trouble.message}; {trouble.fix}", stops=stops)
        except (OSError, httpx.HTTPError) as error:
            await self._settle(
                source, source.version, f"it cannot be fetched: {type(error).__name__} {error}"
            )
        return True

    async def _bring(self, source: SyncSource, by: By, fetched: Fetched) -> None:
        whole = await carrying.check(self._database, source.kind, fetched.path, fetched.name, by, _nobody)
        if trouble := carrying.refusal(whole):
            first = next(row for plan in whole.plans for row in plan.shown if row.action == "error")
            problem = first.problems[0]
            raise FileTrouble("has_errors", f"{trouble.message}: {first.file} row {first.row},"
                              f" {problem['column']}: {problem['message']}", trouble.fix)  # fmt: skip
        await carrying.prepare(self._database, whole, by)
        async with self._database.write() as session:
            await carrying.apply(session, whole, by, source.name, _nobody)
            entry = Entry(by.name, "loop", "import.apply", f"source:{source.id}", source.unit_code,
                          after={"kind": source.kind, "file": fetched.name, **whole.summary})  # fmt: skip
            if whole.summary["new"] or whole.summary["changed"]:
                await record(session, entry)

    async def _by(self, source: SyncSource) -> By:
        async with self._database.read() as session:
            below = scope(await load(session), source.unit_code, self._today())
            own = await self._rights(session, source.account_id, source.token_id)
        needed = carrying.PERMISSIONS[source.kind]
        for name in ("imports.run", needed):
            reach = own.get(name, frozenset())
            if reach is not None and source.unit_code not in reach:
                raise NotPermitted(name, source.unit_code)
        mine = own[needed]
        where = mine if below is None else below if mine is None else below & mine
        return By(f"source:{source.id}", None, where, own, self._now_ms(), self._today())

    async def _settle(self, source: SyncSource, version: str, error: str, *, stops: bool = False) -> None:
        now_ms = self._now_ms()
        async with self._database.write() as session:
            kept = await session.get(SyncSource, source.id)
            if kept is None:
                return
            kept.last_try_ms, kept.error, kept.version = now_ms, error[:1000], version
            kept.enabled = kept.enabled and not stops
            if error:
                kept.failures += 1
                log.warning("source %d (%s): %s", source.id, source.name, error)
                where = scope(await load(session), source.unit_code, self._today())
                pairs = [(code, name) for code in await schools_of(session, where, self._today())
                         for name in DOMAINS_OF[source.kind]]  # fmt: skip
                await carrying.missed(session, pairs, now_ms, source.name, error)
            else:
                kept.failures, kept.last_success_ms = 0, now_ms
                if version == source.version:  # nothing new is good news too
                    await confirmed(session, source.name, now_ms)
            kept.next_ms = now_ms + round(next_try_s(kept.every_s, kept.failures, random.random()) * 1000)

    async def _fetch(self, source: SyncSource) -> Fetched | None:
        """Gives the newest file of a source, or None if it is the one of last time."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        target = self._scratch / f"sync-{secrets.token_hex(8)}"
        try:
            if urlsplit(source.location).scheme in ("http", "https"):
                return await self._download(source, target)
            return await asyncio.to_thread(self._copy, source, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _copy(self, source: SyncSource, target: Path) -> Fetched | None:
        root = self.incoming.resolve()
        folder = (root / source.location).resolve()
        if not folder.is_relative_to(root):
            raise FileTrouble(
                "outside", "the folder is not below the hub's incoming folder", "correct the source"
            )
        if not folder.exists():
            raise FileTrouble("no_folder", f"there is no {source.location} in the incoming folder", "make it")
        files = [folder] if folder.is_file() else [
            each for each in folder.iterdir()
            if each.is_file() and not each.is_symlink() and not each.name.startswith((".", "~"))
        ]  # fmt: skip
        if not files:
            raise FileTrouble("empty", "the folder is empty", "put a file there")
        newest = max(files, key=lambda each: (each.stat().st_mtime_ns, each.name))
        facts = newest.stat()
        version = f"{newest.name}:{facts.st_mtime_ns}:{facts.st_size}"
        if version == source.version:
            return None
        if facts.st_size > MAX_BYTES:
            raise FileTrouble("too_large", f"{newest.name} has {facts.st_size >> 20} MB", "divide it")
        shutil.copyfile(newest, target)
        return Fetched(target, newest.name, version)

    async def _download(self, source: SyncSource, target: Path) -> Fetched | None:
        url = source.location
        etag = source.version.partition("\n")[0] if source.version else ""
        for _ in range(_REDIRECTS + 1):
            async with self._answer(url, etag) as answer:
                if answer.status_code == 304:
                    return None
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["location"])
                    continue
                answer.raise_for_status()
                await self._save(answer, target)
                version = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
                name = Path(urlsplit(url).path).name or "download"
                return Fetched(target, name, version)
        raise FileTrouble("redirects", "the address leads on and on", "write the last address")

    @contextlib.asynccontextmanager
    async def _answer(self, url: str, etag: str) -> AsyncIterator[httpx.Response]:
        """Asks an address, at the IP address that was looked at: a name cannot change in between."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise FileTrouble(
                "bad_address", "only http and https addresses are fetched", "correct the source"
            )
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        if not self._private and not all(is_public(each) for each in addresses):
            raise FileTrouble("private_address", f"{parts.hostname} is an address inside the network",
                              "allow it with the setting sync_private_addresses")  # fmt: skip
        host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        pinned = parts._replace(netloc=f"{host}:{port}").geturl()
        headers = {"Host": parts.netloc, "Accept": "*/*"}
        if etag:
            headers["If-Modified-Since" if "," in etag and ":" in etag else "If-None-Match"] = etag
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client:
            request = client.build_request("GET", pinned, headers=headers)
            request.extensions["sni_hostname"] = parts.hostname
            answer = await client.send(request, stream=True)
            try:
                yield answer
            finally:
                await answer.aclose()

    async def _save(self, answer: httpx.Response, target: Path) -> None:
        size = 0
        with target.open("wb") as file:
            async for part in answer.aiter_bytes(1 << 16):
                size += len(part)
                if size > MAX_BYTES:
                    raise FileTrouble("too_large", "the file has more than 200 MB", "divide it")
                file.write(part)


def is_public(address: str) -> bool:
    """Tells whether an IP address is one of the Internet, not of a network inside or of this machine."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _nobody(_done: int, _total: int) -> None:
    return None


async def schools_of(session: AsyncSession, where: Schools, today: date) -> dict[str, str]:
    """Gives codes and names of the schools of a scope that are there today."""
    query = select(Unit.code, Unit.name).where(
        Unit.kind.in_(TEACHING_KINDS),
        (Unit.valid_from.is_(None)) | (Unit.valid_from <= today),
        (Unit.valid_to.is_(None)) | (Unit.valid_to > today),
    )
    if where is not None:
        query = query.where(Unit.code.in_(where))
    return {row.code: row.name for row in await session.execute(query.order_by(Unit.code))}


async def confirmed(session: AsyncSession, origin: str, now_ms: int) -> None:
    """Notes that what a source brought last time is still what it holds."""
    kept = update(SyncState).where(SyncState.origin == origin, SyncState.last_success_ms.is_not(None))
    await session.execute(kept.values(last_success_ms=now_ms, last_try_ms=now_ms, error=""))
