"""The agent as the hub manages it: it takes configurations and updates on trial, and looks into itself.

It answers the requests `configure`, `update` and `diagnose`; `run` goes on with what was under way before a
restart, and afterwards `restarting` says whether the process has to begin anew. An answer is a mapping of the
request's document to `state`, `detail` and fields; what is answered with `taken` ends by `Requests.finish`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from devices.sections import DeviceSection
from devices.wire.datatypes import DataType
from edge_agents import diagnosing, updating
from edge_agents.commanding import State
from edge_agents.configuration import ConfigurationFile, RefusedError, Wanted, check, difference
from edge_agents.driver import Driver
from edge_agents.node import Node, utc_ms
from edge_agents.probation import Trial, TrialFile, Verdict, watch
from edge_agents.requests import Requests
from edge_agents.running import Running
from edge_agents.settings import AgentSettings
from edge_agents.updating import FailedError, Package, Updater
from edge_agents.versions import RUNNING, Versions

log = logging.getLogger(__name__)

Said: TypeAlias = dict[str, Any]
"""An answer: `state`, `detail`, and fields of its own; the state `taken` says that the end comes later."""

LASTS_S = 300.0


class Contact:
    """Whether the hub was reached since a change: it acknowledged something, in a session of after it."""

    def __init__(self, node: Node, *, reconnects: bool) -> None:
        self._node = node
        self._sessions = node.counters.sessions + reconnects
        self._answers = -1 if reconnects else node.counters.answers

    def __call__(self) -> bool:
        """True once it was."""
        counters = self._node.counters
        if counters.sessions < self._sessions:
            return False
        if self._answers < 0:
            self._answers = counters.answers
        return counters.answers > self._answers


class Managed:
    """What is in force, and what is on trial. `own` are the settings of the agent's file alone."""

    def __init__(
        self,
        config: Path,
        own: AgentSettings,
        wanted: Wanted,
        running: Running,
        make_driver: Callable[[DeviceSection], Driver],
        ring: diagnosing.LogRing,
        requests: Requests,
        *,
        version: str,
    ) -> None:
        data = own.outbox.path.parent
        self.node = running.node
        self.restarting = False
        self._requests = requests
        self._own, self._wanted, self._settings = own, wanted, wanted.on_top_of(own)
        self._file, self._trial, self.versions = ConfigurationFile(data), TrialFile(data), Versions(data)
        self._running, self._make_driver, self._ring = running, make_driver, ring
        self._version = os.environ.get(RUNNING) or version
        self._updater = Updater(own, config, self.versions, self._restart)
        self._stop = asyncio.Event()
        self._ask_to_stop: Callable[[], None] = self._stop.set
        self._tasks: set[asyncio.Task[None]] = set()
        self._trying = self._updating = False
        requests.register("configure", self.configure, patience_s=LASTS_S)
        requests.register("update", self.update)
        requests.register("diagnose", self.diagnose)
        self.tell()

    @property
    def settings(self) -> AgentSettings:
        """What is in force now."""
        return self._settings

    def tell(self) -> None:
        """Say which version and configuration this is."""
        self.node.tell("Agent/Version", DataType.String, self._version)
        self.node.tell("Agent/Config Version", DataType.Int64, self._wanted.version)
        self.node.tell("Agent/Config Hash", DataType.String, self._wanted.hash)

    async def run(self, stop: asyncio.Event) -> None:
        """Go on with what was under way before this start, until `stop`."""
        self._stop, self._ask_to_stop = stop, stop.set
        trial = self._trial.read()
        if trial is not None:
            if trial.version != str(self._wanted.version):
                self._trial.drop()
                self._finished(trial.request, "failed", "interrupted before it was applied")
            else:
                trial = replace(trial, starts=trial.starts + 1)
                self._try(trial, self._trial, Contact(self.node, reconnects=False))
        if (update := self.versions.trial.read()) is not None:
            if update.over or update.version != self._version:
                self.versions.trial.drop()
                self._finished(
                    update.request, "failed", f"rolled_back: version {update.version} did not stay up"
                )
            else:
                self._try(update, self.versions.trial, Contact(self.node, reconnects=False))
        elif (package := self._updater.wanted()) is not None:
            self._start_update(package)
        await stop.wait()
        for task in self._tasks:
            if task.get_name() == "update":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------ configurations

    async def configure(self, request: Mapping[str, Any]) -> Said:
        """Check a configuration, apply it at once, and keep it if the hub is still reached with it."""
        try:
            wanted = check(request, self._wanted)
        except RefusedError as error:
            return _said(State.REFUSED, str(error))
        if (wanted.version, wanted.hash) == (self._wanted.version, self._wanted.hash):
            return _done(version=wanted.version)
        if self._trying:
            return _failed("busy: another change is on trial")
        probation_s = self._own.update.probation_s
        trial = Trial("configuration", str(request["id"]), str(wanted.version), probation_s)
        try:
            self._file.keep_good()
            self._trial.write(trial)
            self._file.write(wanted)
        except OSError as error:
            self._trial.drop()
            what = "no_room: the disk is full" if error.errno == errno.ENOSPC else f"the disk: {error}"
            return _failed(what)
        reconnects = difference(self._settings, wanted.on_top_of(self._own)).reconnect
        contact = Contact(self.node, reconnects=reconnects)
        await self._apply(wanted)
        self._try(trial, self._trial, contact)
        return _said(State.TAKEN, "")

    async def _apply(self, wanted: Wanted) -> None:
        before, after = self._settings, wanted.on_top_of(self._own)
        change = difference(before, after)
        staying = {device.id for device in after.devices}
        for device_id in change.halt:
            await self._running.halt(device_id)
            if device_id not in staying:
                self._running.forget(device_id)
        for section in change.start:
            self._running.start(section)
        logging.getLogger().setLevel(after.agent.log_level)
        self.node.timing = after.timing()
        self._wanted, self._settings = wanted, after
        self.tell()
        if change.reconnect:
            self.node.mqtt = after.mqtt_settings()
            if self.node.session is not None:
                self.node.session.leave()
        log.info("configuration %d is in force with %d devices", wanted.version, len(after.devices))

    def _try(self, trial: Trial, file: TrialFile, contact: Contact) -> None:
        self._trying = True
        watching = watch(trial, file, contact, self._decide, self._stop)
        self._keep(asyncio.create_task(watching, name="trial"))

    async def _decide(self, trial: Trial, said: Verdict) -> None:
        self._trying = False
        if trial.what == "update":
            self._decide_update(trial, said)
            return
        self._trial.drop()
        if said == "keep":
            self._finished(trial.request, "done", "", version=self._wanted.version)
            return
        log.error("configuration %s is taken back: the hub was not reached with it", trial.version)
        await self._apply(self._file.go_back())
        reason = "rolled_back: the hub was not reached with it"
        self._finished(trial.request, "failed", reason, version=self._wanted.version)

    # ------------------------------------------------ updates

    async def update(self, request: Mapping[str, Any]) -> Said:
        """Check an update's signature and begin to fetch it."""
        try:
            package = updating.check(request, self._own, self._version)
            if package.version == self._version:
                return _done(version=self._version)
            if self._updating or self._trying:
                return _failed("busy: another change is under way")
            self._updater.begin(package)
        except RefusedError as error:
            return _said(State.REFUSED, str(error))
        except OSError as error:
            return _failed(f"the disk: {error}")
        self._start_update(package)
        return _said(State.TAKEN, "")

    def _start_update(self, package: Package) -> None:
        self._updating = True
        self._keep(asyncio.create_task(self._update(package), name="update"))

    async def _update(self, package: Package) -> None:
        try:
            await self._updater.run(package)
        except RefusedError as error:
            self._finished(package.request, "refused", str(error))
        except FailedError as error:
            self._finished(package.request, "failed", str(error))
        finally:
            self._updating = False

    def _decide_update(self, trial: Trial, said: Verdict) -> None:
        if said == "keep":
            self.versions.trial.drop()
            self.versions.clean({self._version, trial.previous})
            self._finished(trial.request, "done", "", version=self._version)
            return
        log.error("version %s is taken back: the hub was not reached with it", trial.version)
        try:
            self.versions.point_to(trial.previous)
            self.versions.trial.write(replace(trial, over=True))
        except OSError as error:
            log.error("it cannot be taken back: %s", error)
        self._restart()

    def _restart(self) -> None:
        self.restarting = True
        self._ask_to_stop()

    # ------------------------------------------------ diagnosis

    async def diagnose(self, request: Mapping[str, Any]) -> Said:
        """Answer what was asked about the log, a driver, or the network."""
        what = request.get("what")
        if what == "log":
            lines = request.get("lines", 200)
            if not isinstance(lines, int) or not 1 <= lines <= 1000:
                return _said(State.REFUSED, "lines must be between 1 and 1000")
            return _done(log=self._ring.tail(lines, diagnosing.secrets_of(self._settings)))
        if what == "driver":
            sections = {device.id: device for device in self._settings.devices}
            section = sections.get(str(request.get("device")))
            if section is None:
                return _said(State.REFUSED, f"there is no device {request.get('device')!r} here")
            async with self._running.paused(section.id):
                found = await diagnosing.try_driver(partial(self._make_driver, section), section)
            return _done(**found)
        if what == "network":
            host = request.get("host")
            state_ms = self.node.host.ts_ms
            return _done(**await diagnosing.test_network(self._settings, host, state_ms, utc_ms()))
        return _said(State.REFUSED, f"{what!r} is unknown; there is log, driver and network")

    # ------------------------------------------------

    def _finished(self, request: str, state: str, detail: str, **fields: Any) -> None:
        self._requests.finish(request, State(state), detail, fields)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)


def _said(state: State, detail: str = "", **fields: Any) -> Said:
    return {"state": state.value, "detail": detail, **fields}


def _done(**fields: Any) -> Said:
    return _said(State.DONE, "", **fields)


def _failed(detail: str) -> Said:
    return _said(State.FAILED, detail)
