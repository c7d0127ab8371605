"""Updates: a signed package is fetched, checked, installed beside the present version, and tried out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import shutil
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devices.packages import PackageError, digest_of, is_signed, version_key
from edge_agents.configuration import RefusedError
from edge_agents.probation import Trial, write_durably
from edge_agents.settings import AgentSettings
from edge_agents.versions import Versions

log = logging.getLogger(__name__)

WANTED = "wanted.json"
TRIES = 8
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SPARE_BYTES = 50 * 2**20
_CHUNK = 64 * 1024


class FailedError(Exception):
    """It was tried and did not work; another time it may."""


@dataclass(frozen=True, slots=True)
class Package:
    """What an `update` request names."""

    request: str
    version: str
    url: str
    sha256: str
    signature: str


def check(request: Mapping[str, Any], settings: AgentSettings, present: str) -> Package:
    """Read an `update` request. Raises RefusedError."""
    texts = [request.get(name) for name in ("id", "version", "url", "sha256", "signature")]
    if not all(isinstance(text, str) and len(text) <= 2000 for text in texts):
        raise RefusedError("it names no version, url, sha256 and signature")
    package = Package(*(str(text) for text in texts))
    if not settings.update.public_keys:
        raise RefusedError("this agent knows nobody who may sign packages (public_keys of [update])")
    if not is_signed(settings.update.public_keys, package.sha256, package.signature):
        raise RefusedError("wrong_signature: nobody whom this agent trusts signed it")
    if not version_key(package.version):
        raise RefusedError(f"{package.version!r} is no version")
    if version_key(package.version) < version_key(present):
        raise RefusedError(f"older_version: this agent has version {present}")
    parts = urlsplit(package.url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise RefusedError("its address is not https://")
    return package


class Updater:
    """Works on one update at a time; `restart` ends this process in order and begins anew."""

    def __init__(
        self, settings: AgentSettings, config: Path, versions: Versions, restart: Callable[[], None]
    ) -> None:
        self._settings, self._config, self._versions, self._restart = settings, config, versions, restart

    def begin(self, package: Package) -> None:
        """Remember a package over restarts. Raises OSError."""
        text = {name: getattr(package, name) for name in Package.__slots__}
        write_durably(self._versions.folder / WANTED, json.dumps(text).encode())

    def wanted(self) -> Package | None:
        """The update that is under way."""
        try:
            return Package(**json.loads((self._versions.folder / WANTED).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    async def run(self, package: Package) -> None:
        """Fetch, install and switch. Raises RefusedError, FailedError; then nothing has changed."""
        try:
            await self._switch(package)
        except asyncio.CancelledError:  # the agent ends: it goes on with its next start
            raise
        except OSError as error:
            self._forget(package)
            if error.errno == errno.ENOSPC:
                raise FailedError("no_room: the disk is full") from None
            raise FailedError(f"{type(error).__name__}: {error}") from None
        except BaseException:
            self._forget(package)
            raise
        self._forget(package)
        log.info("version %s is installed and tried out from now on", package.version)
        self._restart()

    async def _switch(self, package: Package) -> None:
        folder = self._versions.folder
        await self._fetch(package)
        try:
            manifest = await asyncio.to_thread(
                self._versions.install, self._part(package), ["--config", str(self._config), "--check"]
            )
        except PackageError as error:
            raise RefusedError(f"the package cannot be used: {error}") from None
        if manifest.version != package.version:
            shutil.rmtree(folder / manifest.version, ignore_errors=True)
            raise RefusedError(f"the package is of version {manifest.version}")
        previous = self._versions.current
        trial = Trial("update", package.request, package.version, self._settings.update.probation_s, previous)
        self._versions.trial.write(trial)
        try:
            self._versions.point_to(package.version)
        except OSError:
            self._versions.trial.drop()
            raise

    def _part(self, package: Package) -> Path:
        return self._versions.folder / f"{package.sha256}.part"

    def _forget(self, package: Package) -> None:
        for path in (self._versions.folder / WANTED, self._part(package)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    async def _fetch(self, package: Package) -> None:
        """Download the package, going on where a broken line ended. Raises as `run` does, or OSError."""
        part = self._part(package)
        most = self._settings.update.max_mib * 2**20
        for attempt in range(TRIES):
            try:
                await asyncio.to_thread(self._receive, package.url, part, most)
                break
            except ConnectionError as error:
                if attempt == TRIES - 1:
                    raise FailedError(f"download: {error}") from None
                log.info("download of version %s: %s; trying again", package.version, error)
                await asyncio.sleep(min(60, 0.5 * 2**attempt))
        if await asyncio.to_thread(digest_of, part) != package.sha256:
            raise RefusedError("tampered: the file is not the one that was signed")

    def _receive(self, url: str, part: Path, most: int) -> None:
        import httpx  # only an update needs it

        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with (
                httpx.Client(verify=self._trust(url), timeout=30, follow_redirects=False) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if answer.status_code == 416:  # we have all that there is
                    return
                if answer.status_code not in {200, 206}:
                    raise FailedError(f"download: the hub answers {answer.status_code}")
                have = have if answer.status_code == 206 else 0
                size = have + int(answer.headers.get("content-length", 0))
                if size > most:
                    raise RefusedError(f"too_large: it has more than {most // 2**20} MiB")
                if shutil.disk_usage(part.parent).free < 4 * (size - have) + _SPARE_BYTES:
                    raise FailedError("no_room: the disk has not enough room for it")
                with part.open("ab" if have else "wb") as out:
                    for chunk in answer.iter_bytes(_CHUNK):
                        have += len(chunk)
                        if have > most:
                            raise RefusedError(f"too_large: it has more than {most // 2**20} MiB")
                        out.write(chunk)
        except httpx.HTTPError as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from None

    def _trust(self, url: str) -> ssl.SSLContext | bool:
        if urlsplit(url).scheme != "https":
            return True
        file = self._settings.update.ca_file or self._settings.mqtt.ca_file
        return ssl.create_default_context(cafile=file)
