"""From a device's event to the changed cell of a real browser, while the whole province reports.

One machine runs everything: Mosquitto, the hub's roles, the simulated schools with a steady rate of changes,
and a headless Chromium that shows the wall. One school of the list is left to a probe, whose room reports a
leak and its end in turn; both ends of the way are read from the same machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from devices.province import School, schools
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, bd_seq_metric, encode_payload
from hub.benchmarks.ingest import mosquitto
from hub.benchmarks.processes import cpu_s, part, percentile, show, trial_hub, until
from hub.demo_records import prepare
from hub.probes import mqtt_client

if TYPE_CHECKING:
    import aiomqtt
    from playwright.async_api import Page

TARGET_MS = 300
CHANGE_WITHIN_S = 10.0
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BROWSER_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")

# Resolves with the state and the page's UTC time in ms when the cell is next another one.
_WATCH = """school => {
  const cell = document.querySelector(`[data-school="${school}"].cell`);
  window.nextChange = new Promise(resolve => {
    const observer = new MutationObserver(() => {
      observer.disconnect();
      resolve([cell.getAttribute("class"), performance.timeOrigin + performance.now()]);
    });
    observer.observe(cell, { attributes: true, attributeFilter: ["class"] });
  });
}"""
_NOW = "() => performance.timeOrigin + performance.now()"


class Probe:
    """The edge node of the school that is left out of the simulation: rooms with an air sensor each.

    Every room leaks once and dries: one that did so again and again would be a flapping alarm, which stays.
    """

    def __init__(self, client: aiomqtt.Client, school: School, rooms: int) -> None:
        self.school = school.code
        self._client = client
        self._node = f"{school.code}-a1"
        self._seq = 0
        self._epoch = time.time_ns()
        self._position = 0
        self._rooms = rooms
        self._turn = 0

    async def _publish(self, message_type: str, metrics: list[MetricValue], device: str = "") -> None:
        payload = encode_payload(Payload(ts_ms=round(time.time() * 1000), seq=self._seq, metrics=metrics))
        self._seq = (self._seq + 1) & 0xFF
        topic = f"spBv1.0/{self.school}/{message_type}/{self._node}"
        await self._client.publish(f"{topic}/{device}" if device else topic, payload)

    def _outbox(self, *, first: bool = False) -> list[MetricValue]:
        numbers = {"Outbox/Epoch": self._epoch, "Outbox/Position": self._position}
        if first:
            numbers["Outbox/First"] = self._position + 1
        return [MetricValue(name, datatype=DataType.UInt64, value=value) for name, value in numbers.items()]

    async def birth(self) -> None:
        """Say what there is."""
        now_ms = round(time.time() * 1000)
        rebirth = MetricValue("Node Control/Rebirth", datatype=DataType.Boolean, value=False, ts_ms=now_ms)
        await self._publish("NBIRTH", [bd_seq_metric(0, now_ms), rebirth, *self._outbox(first=True)])
        for room in range(self._rooms):
            texts = {"Properties/Kind": "room_air", "Properties/Room": f"P{room:03d}"}
            metrics = [
                MetricValue(name, datatype=DataType.String, value=text, ts_ms=now_ms)
                for name, text in texts.items()
            ]
            metrics = [*self._outbox(first=True), *metrics, self._leak(False, now_ms)]
            await self._publish("DBIRTH", metrics, f"p{room:03d}-air")

    async def leak(self, wet: bool) -> float:
        """Report a leak or its end; gives the UTC time just before publishing, in ms."""
        now_ms = time.time() * 1000
        self._position += 1
        room, self._turn = self._turn // 2, self._turn + 1
        await self._publish("DDATA", [*self._outbox(), self._leak(wet, round(now_ms))], f"p{room:03d}-air")
        return now_ms

    @staticmethod
    def _leak(wet: bool, now_ms: int) -> MetricValue:
        return MetricValue("Water Leak", datatype=DataType.Boolean, value=wet, ts_ms=now_ms)


def _browser_path() -> str:
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise SystemExit("this benchmark needs Chromium: apt-get install chromium")


@contextlib.asynccontextmanager
async def _opened_wall(address: str) -> AsyncIterator[Page]:
    """The wall in a browser, drawn and live."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise SystemExit("this benchmark needs the packages of requirements-dev.lock: ./run bench") from None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_browser_path(), args=list(_BROWSER_ARGUMENTS)
        )
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        await page.goto(f"{address}/wall/main")
        await page.wait_for_selector('body[data-state="live"] .cell[data-school]', state="attached")
        yield page
        await browser.close()


async def _clock_error_ms(page: Page) -> float:
    """By how much the page's clock is ahead of ours, from the quickest of some questions."""
    answers = []
    for _ in range(20):
        before_ms = time.time() * 1000
        page_ms = await page.evaluate(_NOW)
        after_ms = time.time() * 1000
        answers.append((after_ms - before_ms, page_ms - (before_ms + after_ms) / 2))
    return float(min(answers)[1])


async def _delays_ms(page: Page, probe: Probe, events: int, chance: random.Random) -> list[float]:
    """Make that many events, each at a moment of no phase with anything; gives each one's way in ms."""
    delays = []
    for number in range(events):
        await asyncio.sleep(chance.uniform(0.4, 0.8))
        wet = number % 2 == 0
        await page.evaluate(_WATCH, probe.school)
        sent_ms = await probe.leak(wet)
        state, seen_ms = await asyncio.wait_for(page.evaluate("() => window.nextChange"), CHANGE_WITHIN_S)
        if ("critical" in state) is not wet:
            raise SystemExit(f"the cell became {state!r} after a leak of {wet}")
        delays.append(seen_ms - sent_ms)
    return delays


def _browser_cpu_s() -> float:
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "chrom" in child.name():
                times = child.cpu_times()
                total += times.user + times.system
    return total


async def measure(options: argparse.Namespace, folder: Path, mqtt_url: str) -> dict[str, Any]:
    """Run everything; gives the figures by name."""
    everything = schools()
    simulated = {school.code for school in schools(options.schools - 1)}
    probed = next(school for school in everything if school.code not in simulated)
    hub = trial_hub(folder, mqtt_url)
    await prepare(hub.settings, len(everything), options.seed)
    simulate = ["simulate", "--schools", str(options.schools - 1), "--mqtt-url", mqtt_url]
    simulate += ["--data-dir", str(folder / "schools"), "--seed", str(options.seed), "--clock", "real"]
    simulate += ["--changes-per-s", str(options.changes_per_s), "--alarm-every", str(options.alarm_every)]
    async with contextlib.AsyncExitStack() as stack:
        parts = {
            name: stack.enter_context(part(folder, name, "serve", "--role", roles, **hub.environment))
            for name, roles in (("ingest", "ingest"), ("web", "control,web"))
        }
        client = await stack.enter_async_context(hub.client(timeout_s=10))
        await until(client, "the hub", "/readyz")
        parts["simulated schools"] = stack.enter_context(part(folder, "schools", *simulate))
        probe = Probe(
            await stack.enter_async_context(mqtt_client(mqtt_url, "wall-probe")),
            probed,
            options.events // 2 + 2,
        )
        await probe.birth()
        await until(client, "the province", "/api/v1/status", nodes_online=options.schools)
        page = await stack.enter_async_context(_opened_wall(hub.address))
        await asyncio.sleep(options.settle_s)
        await _delays_ms(page, probe, 2, random.Random(0))
        clock_ms = await _clock_error_ms(page)
        before = (await client.get("/api/v1/status")).json()
        load_before, began_s, spent, browser_s = (
            os.getloadavg()[0],
            time.monotonic(),
            cpu_s(parts),
            _browser_cpu_s(),
        )
        delays = await _delays_ms(page, probe, options.events, random.Random(options.seed))
        took_s = time.monotonic() - began_s
        after = (await client.get("/api/v1/status")).json()
        cores = {name: round((s - spent[name]) / took_s, 2) for name, s in cpu_s(parts).items()}
        cores["browser"] = round((_browser_cpu_s() - browser_s) / took_s, 2)
    ordered = sorted(delay - clock_ms for delay in delays)
    messages = sum(shard["messages"] for shard in after["ingest"].values())
    messages -= sum(shard["messages"] for shard in before["ingest"].values())
    return {
        "p50_ms": round(percentile(ordered, 0.5)),
        "p95_ms": round(percentile(ordered, 0.95)),
        "max_ms": round(ordered[-1]),
        "target_p95_ms": TARGET_MS,
        "events": len(ordered),
        "schools": options.schools,
        "devices": after["devices_online"],
        "payloads_per_s": round(messages / took_s),
        "alarms_open": after["alarms_open"],
        "page_clock_ahead_ms": round(clock_ms, 2),
        "cores_used": cores,
        "load_average": [round(load_before, 2), round(os.getloadavg()[0], 2)],
    }


def command(argv: list[str]) -> int:
    """`hub bench wall [--json]`: measure and print; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(prog="hub bench wall", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--events", type=int, default=120)
    parser.add_argument("--schools", type=int, default=445, help="connected, the probe's among them")
    parser.add_argument("--changes-per-s", type=float, default=1000, help="payloads a second meanwhile")
    parser.add_argument("--alarm-every", type=int, default=200, help="every Nth change is a leak or its end")
    parser.add_argument("--settle-s", type=float, default=10, help="seconds before the first event")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    _browser_path()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, mosquitto(Path(name)) as (url, _):
        figures = asyncio.run(measure(options, Path(name), url))
    show(figures, as_json=options.json)
    return 0 if figures["p95_ms"] < TARGET_MS else 1
