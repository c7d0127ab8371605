"""The agent's search: asked for by `scan`, by itself every day, and always listening to the room's brokers.

    discovery = Discovery(node, lambda: managed.settings)
    requests.register("scan", discovery.scan, patience_s=PATIENCE_S)
    await discovery.run(stop)

What it finds beside the configured devices is the answer of `scan`, and the fact `Agent/Discovered`. One
search at a time; each is over after 60 s. The methods are loaded by the first search that uses them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from devices.cancelling import cancelled
from devices.kind import kinds
from devices.sections import DeviceSection
from devices.wire.datatypes import DataType
from edge_agents.commanding import BUSY, State
from edge_agents.discovery.rules import (
    METHODS,
    NetworkError,
    broker_of,
    configured,
    fitting,
    merged,
    unknown,
    where,
)
from edge_agents.discovery.section import DiscoverySection
from edge_agents.node import Node

if TYPE_CHECKING:
    from edge_agents.discovery.asked import Report
    from edge_agents.discovery.mqtt import Listening
    from edge_agents.discovery.rules import Found

log = logging.getLogger(__name__)

AGENT_DISCOVERED = "Agent/Discovered"
LONGEST_S = 60.0
PATIENCE_S = 3 * LONGEST_S
"""A request may wait for the agent's own search before it begins."""
FOUND_MOST_BYTES = 96 * 1024
FIRST_AFTER_S = (60.0, 900.0)
"""When the first search of its own begins after a start: not all schools at once."""
LOOK_EVERY_S = 5.0


class _Agent(Protocol):
    @property
    def simulated(self) -> bool: ...


class _Mqtt(Protocol):
    @property
    def url(self) -> str: ...


class Settings(Protocol):
    """What of an agent's settings a search goes by."""

    @property
    def agent(self) -> _Agent: ...

    @property
    def mqtt(self) -> _Mqtt: ...

    @property
    def devices(self) -> list[DeviceSection]: ...

    @property
    def discovery(self) -> DiscoverySection: ...


class Discovery:
    """The searches of one agent; `settings` are those in force."""

    def __init__(
        self,
        node: Node,
        settings: Callable[[], Settings],
        *,
        longest_s: float = LONGEST_S,
        first_after_s: tuple[float, float] = FIRST_AFTER_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.node = node
        self._settings = settings
        self._longest_s = longest_s
        self._first_after_s = first_after_s
        self._look_every_s = look_every_s
        self._searching = asyncio.Lock()
        self._asked_for = False
        self._own: dict[str, list[Found]] = {}
        self._listening: dict[str, Listening] = {}
        self._told = "[]"
        self._looked_at: tuple[list[DeviceSection], list[Found]] = ([], [])
        node.tell(AGENT_DISCOVERED, DataType.String, None)

    async def scan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer a request: `found`, `left_out`, and `searched` by method."""
        methods, networks = request.get("methods") or METHODS, request.get("networks") or ()
        if not _texts(methods) or (strange := [one for one in methods if one not in METHODS]):
            named = strange if _texts(methods) else methods
            return _refused(f"methods: {named!r:.200} are unknown; there is {', '.join(METHODS)}")
        if not _texts(networks):
            return _refused("networks: write a list such as 10.12.3.0/24")
        if self._asked_for:
            return _refused(BUSY)
        self._asked_for = True
        try:
            reports = await self.search(list(methods), list(networks))
        except NetworkError as error:
            return _refused(str(error))
        finally:
            self._asked_for = False
        found = await self._news([one for report in reports.values() for one in report.found])
        kept, left_out = fitting(found, FOUND_MOST_BYTES)
        searched = {method: report.counts() for method, report in reports.items()}
        return {"state": State.DONE.value, "found": kept, "left_out": left_out, "searched": searched}

    async def search(self, methods: Sequence[str], networks: Sequence[str] = ()) -> dict[str, Report]:
        """Search once, all methods beside each other. Raises NetworkError before anything was sent.

        Without `networks` those of the settings are searched, else the agent's own; what is found there
        is told as `Agent/Discovered` as well.
        """
        from edge_agents.discovery.asked import Ports, Report, Wish
        from edge_agents.discovery.networks import own_interfaces

        section = self._settings().discovery
        asked = list(networks or section.networks)
        # what is simulated has no business in the network of whoever tries it
        own = [] if self._settings().agent.simulated and not asked else own_interfaces()
        wish = Wish(
            where(own, asked),
            Ports(section.mdns_port, section.ssdp_port, section.snmp_port, section.pjlink_port),
            section.community.get_secret_value(),
        )
        reports: dict[str, Report] = {method: Report() for method in METHODS if method in methods}

        async def by(method: str, report: Report) -> None:
            try:
                async with asyncio.timeout(self._longest_s):
                    if method == "mqtt":
                        await self._ask_brokers(report)
                    else:
                        search: Callable[..., Awaitable[None]]
                        search = import_module(f"edge_agents.discovery.{method}").search
                        await search(wish, report)
            except TimeoutError:
                report.problem = "timeout"
            except OSError as error:
                report.problem = f"network: {error}"[:200]
            except Exception as error:
                log.exception("the search by %s failed", method)
                report.problem = f"error: {type(error).__name__}"

        async with self._searching:
            await asyncio.gather(*(by(method, report) for method, report in reports.items()))
        if not networks:
            self._own |= {
                method: report.found for method, report in reports.items() if report.problem is None
            }
            await self.tell()
        return reports

    async def run(self, stop: asyncio.Event) -> None:
        """Search every so often, and listen, until `stop`."""
        loop = asyncio.get_running_loop()
        next_s = loop.time() + random.uniform(*self._first_after_s)
        stopped = asyncio.create_task(stop.wait())
        search: asyncio.Task[Any] | None = None
        try:
            while not stop.is_set():
                try:
                    await self._follow_brokers()
                    await self.tell()
                except Exception:  # polling goes on, whatever a search dies of
                    log.exception("what was found cannot be told")
                section = self._settings().discovery
                if section.every_h and loop.time() >= next_s and (search is None or search.done()):
                    next_s = loop.time() + section.every_h * 3600 * random.uniform(0.9, 1.1)
                    search = asyncio.create_task(self._search_by_itself(), name="search")
                await asyncio.wait((stopped,), timeout=self._look_every_s)
        finally:
            stopped.cancel()
            ending = [one.close() for one in self._listening.values()]
            self._listening = {}
            if search is not None:
                ending.append(cancelled(search))
            await asyncio.gather(*ending, return_exceptions=True)

    async def _search_by_itself(self) -> None:
        try:
            await self.search(self._settings().discovery.methods)
        except NetworkError as error:
            log.error("discovery.%s", error)
        except Exception:
            log.exception("the search failed")

    async def tell(self) -> None:
        """Report `Agent/Discovered` if it has changed."""
        heard = [one for listening in self._listening.values() for one in listening.found()]
        own = [one for method, found in self._own.items() if method != "mqtt" for one in found]
        looked_at = (self._settings().devices, [*own, *heard])
        if looked_at == self._looked_at:
            return
        found, _ = fitting(await self._news(looked_at[1]), FOUND_MOST_BYTES)
        self._looked_at = looked_at
        if (text := json.dumps(found, ensure_ascii=False, sort_keys=True)) == self._told:
            return
        self._told = text
        said = json.dumps({"at_ms": self.node.now_ms(), "found": found}, ensure_ascii=False)
        self.node.tell(AGENT_DISCOVERED, DataType.String, said)

    async def _news(self, found: Sequence[Found]) -> list[Found]:
        from edge_agents.discovery.networks import neighbours, numbers_of

        devices = self._settings().devices
        hosts = {one.host for one in found if one.host}
        names = [name for one in devices if isinstance(name := one.options.get("host"), str)] if hosts else []
        numbers = await numbers_of(name for name in names if not name.replace(".", "").isdigit())
        known = configured(devices, _kinds(), numbers)
        return unknown(merged(found, neighbours() if hosts else {}), known)

    # ------------------------------------------------ brokers

    def _brokers(self) -> dict[str, Any]:
        """Options to connect with by broker: those of configured devices, and those that are named."""
        from devices.protocols.mqtt_json.options import RoomBrokerOptions

        settings = self._settings()
        found: dict[str, RoomBrokerOptions] = {}
        for device in settings.devices:
            if device.driver == "kind" and isinstance(url := device.options.get("url"), str):
                login = {name: device.options.get(name) for name in ("username", "password")}
                found.setdefault(broker_of(url), RoomBrokerOptions(url=url, **login))
        for url in settings.discovery.brokers:
            found.setdefault(broker_of(url), RoomBrokerOptions(url=url))
        found.pop(broker_of(settings.mqtt.url), None)  # that is the hub's
        return found

    async def _follow_brokers(self) -> None:
        wanted = self._brokers()
        for url, listening in list(self._listening.items()):
            if wanted.get(url) != listening.options:
                del self._listening[url]
                await listening.close()
        for url, options in wanted.items():
            if url not in self._listening:
                from edge_agents.discovery.mqtt import Listening

                self._listening[url] = Listening(url, options)

    async def _ask_brokers(self, report: Report) -> None:
        from edge_agents.discovery.mqtt import ask

        await self._follow_brokers()
        await ask(list(self._listening.values()), report)


_kinds = cache(kinds)


def _texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def _refused(detail: str) -> dict[str, Any]:
    return {"state": State.REFUSED.value, "detail": detail}
