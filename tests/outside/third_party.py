"""An edge node that others wrote, against the running product: `./run outside`.

The npm package sparkplug-client is fetched into a folder of its own that is removed afterwards; it is no
dependency of the product. Its node joins a group the hub does not know, sends every kind of value, loses a
sequence number, is claimed into a room, and is killed; the API and the operations console in a real Chromium
have to tell each of it truly. Ends with exit code 1 and what was expected when they do not.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, async_playwright

from hub.broker import unused_port

PACKAGE = "sparkplug-client@3.2.4"
GROUP, NODE, DEVICE = "Water Works", "pump-house-3", "pump panel"
NODE_URL = f"/api/v1/nodes/{GROUP}/{NODE}"
DEVICE_URL = f"/api/v1/devices/{GROUP}/{NODE}/{DEVICE}"
WITHIN_S = 60.0


class EdgeNode:
    """The third party's process, spoken to line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[str] = []

    @classmethod
    async def start(cls, folder: Path, mqtt_url: str) -> "EdgeNode":
        script = folder / "edge_node.js"  # beside node_modules, so that node finds the package
        shutil.copy(Path(__file__).with_name("edge_node.js"), script)
        process = await asyncio.create_subprocess_exec(
            "node", script, mqtt_url, GROUP, NODE, DEVICE,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return cls(process)

    async def until(self, event: str) -> dict[str, Any]:
        """Reads on to the next event of this name."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while line := await self.process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                self.heard.append(said["event"])
                if said["event"] == event:
                    return said
        raise AssertionError(f"the edge node ended without {event}; it said {self.heard}")

    def tell(self, wish: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{wish}\n".encode())

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


async def eventually(
    what: str, ask: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool], within_s: float = WITHIN_S
) -> Any:
    """Asks until the answer is as wanted; says how long that took."""
    began_s = time.monotonic()
    answer: Any = None
    while time.monotonic() - began_s < within_s:
        with contextlib.suppress(httpx.TransportError):
            answer = await ask()
            if wanted(answer):
                sys.stdout.write(f"✓ {what} ({time.monotonic() - began_s:.1f} s)\n")
                sys.stdout.flush()
                return answer
        await asyncio.sleep(0.25)
    raise AssertionError(f"{what}: not within {within_s:g} s; last: {json.dumps(answer, ensure_ascii=False)}")


def values_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {metric["name"]: metric["value"] for metric in answer.get("metrics", [])}


def expected_values(turn: int) -> dict[str, Any]:
    return {
        "Water Level": 1.25 + turn,
        "Pump Starts": -7 - turn,
        "Pumped Litres": 4_000_000_000 + turn,
        "Serial": 2**53 - 1,
        "Pump On": turn % 2 == 1,
        "Operator": f"Ca trực số {turn}",
        "Last Service": 1_772_323_200_000,
        "Nothing Yet": None,
        "Hours": '{"columns":["pump","hours"],"types":[12,3],"rows":[["north",12],["south",30]]}',
    }


def shows(turn: int) -> Callable[[dict[str, Any]], bool]:
    return lambda answer: expected_values(turn).items() <= values_of(answer).items()


async def shown_row(page: Page, address: str, everything: bool) -> str:
    """Reads the node's row of the operations console, values unfolded."""
    await page.goto("about:blank")  # only the part behind # differs: without this nothing is loaded anew
    await page.goto(f"{address}/ops#nodes")
    await page.click("#tab-nodes")
    if everything:
        await page.select_option("#node-claimed", "")
    row = page.locator("article.node", has_text=NODE)
    await row.get_by_role("button").first.click()
    folds = row.locator(".device summary")
    await folds.nth(1).wait_for()  # its device, and the node itself
    for place in range(await folds.count()):
        await folds.nth(place).click()
        await row.locator(".device").nth(place).locator(".values p").first.wait_for()
    return await row.inner_text()


async def check(folder: Path, address: str, mqtt_url: str, token: str, pictures: Path) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(
            httpx.AsyncClient(base_url=address, headers=bearer, timeout=10, trust_env=False)
        )
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        stack.push_async_callback(browser.close)
        page = await browser.new_page(
            viewport={"width": 1440, "height": 900}, locale="vi-VN", extra_http_headers=bearer
        )

        async def get(path: str) -> Any:
            answer = await api.get(path)
            return answer.json()

        edge = await EdgeNode.start(folder, mqtt_url)
        stack.push_async_callback(_gone, edge)
        await edge.until("birth")

        def unclaimed(answer: Any) -> bool:
            mine = [node for node in answer["items"] if node["node"] == NODE]
            return len(mine) == 1 and mine[0]["group"] == GROUP and mine[0]["presence"]["state"] == "born"

        await eventually("appears as unclaimed", lambda: get("/api/v1/nodes?claimed=false"), unclaimed)
        await eventually("shows the values of its birth", lambda: get(DEVICE_URL), shows(0))
        edge.tell("data")
        device = await eventually("shows the values of its data", lambda: get(DEVICE_URL), shows(1))
        assert device["room"] == "unclaimed", device
        assert device["claimed"] is False, device
        sys.stdout.write(json.dumps(values_of(device), ensure_ascii=False) + "\n")
        row = await shown_row(page, address, everything=False)
        await page.screenshot(path=pictures / "third-party-unclaimed.png")
        for part in (GROUP, "Chưa", "Water Level", "Ca trực số 1", "Properties/Firmware", "outside 1.1"):
            assert part in row, f"{part!r} is not in {row!r}"

        edge.tell("skip")
        await edge.until("rebirth command")
        await edge.until("birth")
        await eventually("is born again after the rebirth it was asked for", lambda: get(NODE_URL),
                         lambda answer: answer["presence"]["state"] == "born")  # fmt: skip
        await eventually("shows the values after it", lambda: get(DEVICE_URL), shows(2))

        school = (await get("/api/v1/organisation/schools?limit=1"))["items"][0]["code"]
        claimed = await api.post(f"{NODE_URL}/claim", json={"school": school, "room": "P900"})
        assert claimed.status_code == 200, claimed.text
        await eventually("appears in its room when claimed", lambda: get(DEVICE_URL),
                         lambda answer: (answer["school"], answer["room"], answer["claimed"])
                         == (school, "P900", True))  # fmt: skip
        await eventually("is unclaimed no more", lambda: get("/api/v1/nodes?claimed=false"),
                         lambda answer: not answer["items"])  # fmt: skip
        edge.tell("data")
        await eventually("still shows its values", lambda: get(DEVICE_URL), shows(3))

        edge.tell("device-death")
        await eventually("its device is dead when it says so", lambda: get(DEVICE_URL),
                         lambda answer: answer["presence"]["state"] == "dead")  # fmt: skip
        await edge.kill()
        node = await eventually("is dead when it crashed", lambda: get(NODE_URL),
                                lambda answer: answer["presence"]["state"] == "dead")  # fmt: skip
        assert node["devices_online"] == 0, node
        device = await get(DEVICE_URL)
        assert {metric["quality"] for metric in device["metrics"]} <= {"stale", "bad"}, device
        row = await shown_row(page, address, everything=True)
        await page.screenshot(path=pictures / "third-party-crashed.png")
        assert "Mất kết nối" in row or "Ngoại tuyến" in row, row

        edge = await EdgeNode.start(folder, mqtt_url)
        stack.push_async_callback(_gone, edge)
        await edge.until("birth")
        await eventually("comes back into its room", lambda: get(DEVICE_URL),
                         lambda answer: answer["presence"]["state"] == "born" and answer["room"] == "P900"
                         and shows(0)(answer))  # fmt: skip
        quarantine = await get("/api/v1/quarantine")
        assert quarantine["items"] == [], quarantine


async def _gone(edge: EdgeNode) -> None:
    if edge.process.returncode is None:
        await edge.kill()


@contextlib.contextmanager
def demo(folder: Path, http_port: int, mqtt_port: int, token: str) -> Iterator[None]:
    """Runs a small demo while the check lasts."""
    command = [sys.executable, "-m", "hub.cli", "demo", "--schools", "3", "--http-port", str(http_port)]
    command += ["--mqtt-port", str(mqtt_port), "--data-dir", str(folder / "data")]
    environment = {**os.environ, "HUB_DEMO_TOKEN": token, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        else:
            raise SystemExit("the demo did not start")
        yield
    finally:
        process.terminate()
        process.wait(60)


def main() -> int:
    """Fetches the package, runs the demo and looks."""
    parser = argparse.ArgumentParser(prog="./run outside", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="keep the console's screenshots here")
    options = parser.parse_args()
    missing = [name for name in ("node", "npm", "chromium") if shutil.which(name) is None]
    if missing:
        sys.stdout.write(f"this check needs {', '.join(missing)}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="hub-outside-") as name:
        folder = Path(name)
        install = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            PACKAGE,
        ]
        if subprocess.run(install, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.stdout.write(f"{PACKAGE} could not be fetched; is there a registry?\n")
            return 2
        pictures = options.pictures or folder
        pictures.mkdir(parents=True, exist_ok=True)
        http_port, mqtt_port, token = unused_port(), unused_port(), secrets.token_urlsafe(24)
        with demo(folder, http_port, mqtt_port, token):
            address, mqtt_url = f"http://127.0.0.1:{http_port}", f"mqtt://127.0.0.1:{mqtt_port}"
            try:
                asyncio.run(check(folder, address, mqtt_url, token, pictures))
            except AssertionError as wrong:
                sys.stdout.write(f"✗ {wrong}\n")
                return 1
    sys.stdout.write("an edge node that others wrote is at home here\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
