"""Gets the next certificate before the present one ends, for as long as the agent runs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import replace

from edge_agents.enrolment_line import EnrolmentError, HubLine
from edge_agents.identity import About, Identity, Request

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
HOUR_MS = 3_600_000
FIRST_RETRY_MS = 5 * 60_000
LONGEST_RETRY_MS = 24 * HOUR_MS


class Renewal:
    """The loop. `now_ms` should be the hub's clock where that is known; the machine's may be wrong.

    `on_change(end_ms, problem)` hears when the certificate ends and what is wrong with renewing it, "" if
    nothing is.
    """

    def __init__(
        self,
        identity: Identity,
        hub_url: str,
        now_ms: Callable[[], int],
        on_change: Callable[[int, str], None],
        rng: random.Random | None = None,
    ) -> None:
        self._identity = identity
        self._hub_url = hub_url
        self._now_ms = now_ms
        self._on_change = on_change
        self._rng = rng or random.Random()

    async def run(self, stop: asyncio.Event) -> None:
        """Look every minute until `stop`; whatever goes wrong is said and tried again, never raised."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception:
                log.exception("the certificate cannot be looked after")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)

    async def look(self) -> None:
        """Renew if that is due."""
        about = self._identity.about()
        if about is None:
            self._on_change(0, "nothing is known of the certificate: enrol again")
            return
        now_ms = self._now_ms()
        if about.next_try_ms == 0:
            about = replace(about, next_try_ms=first_try_ms(about, now_ms, self._rng))
            self._identity.note(about)
        problem = ""
        if now_ms >= about.next_try_ms:
            try:
                about = await asyncio.to_thread(self._renew, about, now_ms)
                log.info("the certificate was renewed; the next connection uses it")
            except (EnrolmentError, OSError, ValueError, KeyError) as error:
                problem = f"the certificate was not renewed: {error}"
                log.warning("%s", problem)
                refused = isinstance(error, EnrolmentError) and error.refused
                wait_ms = retry_ms(about.failures, self._rng, refused=refused)
                about = replace(about, next_try_ms=now_ms + wait_ms, failures=about.failures + 1)
                self._identity.note(about)
        elif about.failures:
            problem = "the certificate was not renewed at the last try"
        self._on_change(about.not_after_ms, problem)

    def _renew(self, about: About, now_ms: int) -> About:
        both = self._identity.file.read_bytes()
        begin = both.index(b"-----BEGIN CERTIFICATE-----")
        present, key = Request(both[:begin]), Request()
        der, pem = key.signed()
        body = {
            "certificate": both[begin:].decode(),
            "csr": pem,
            "signature": base64.b64encode(present.proof(der)).decode(),
        }
        authority = self._identity.authority.read_text(encoding="ascii")
        line = HubLine(self._hub_url)
        answer = line.post("/renew", body, authority, ignore_times=now_ms < about.begin_ms)
        return self._identity.take(key.pem, answer)


def first_try_ms(about: About, now_ms: int, rng: random.Random) -> int:
    """When to ask first: within a tenth of the time left once it is due, so that schools do not ask at once.

    Never within the first hour, whatever the clocks of both ends say of each other.
    """
    due_ms = max(about.renew_after_ms, now_ms + HOUR_MS)
    return due_ms + int(rng.uniform(0, max(0, about.not_after_ms - due_ms) / 10))


def retry_ms(failures: int, rng: random.Random, *, refused: bool) -> int:
    """How long to wait after a failure: from minutes to a day; a hub that refuses is asked once a day."""
    longest = LONGEST_RETRY_MS if refused else min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(failures, 16))
    return int(rng.uniform(longest / 2, longest))
