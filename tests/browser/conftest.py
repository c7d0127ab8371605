"""A real Chromium and a stand-in hub for it; what a page must never do fails every test."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.api_stand_in import Records
from tests.browser.province_server import SCHOOLS, Province, build

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class StandIn:
    """A running stand-in hub: its address and its levers."""

    url: str
    province: Province
    records: Records

    async def lever(self, **wanted: Any) -> dict[str, Any]:
        """Break or change something; gives how many streams are open."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.url}/lever", json=wanted)
            said: dict[str, Any] = answer.raise_for_status().json()
            return said


@pytest.fixture
def served() -> Iterator[Callable[[FastAPI], str]]:
    """Gives a function that serves an application until the test ends, and gives its address."""
    started: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(application: FastAPI) -> str:
        config = uvicorn.Config(application, port=0, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        started.append((server, thread))
        while not server.started:
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    yield serve
    for server, _ in started:
        server.should_exit = True
    for _, thread in started:
        thread.join(5)


@pytest.fixture
def stand_in(served: Callable[[FastAPI], str]) -> Callable[..., StandIn]:
    """Gives a function that starts a stand-in hub for a generated province."""

    def start(schools: int | None = None, *, troubled: bool = True) -> StandIn:
        province = Province(SCHOOLS, schools, troubled=troubled)
        records = Records(province.picture)
        return StandIn(served(build(province, records)), province, records)

    return start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(program: Callable[[str], Path]) -> AsyncIterator[Browser]:
    """One browser for all tests; each test has its own context."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        await browser.close()


@dataclass
class Watched:
    """A page that notes what no page of ours may do."""

    page: Page
    faults: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def note(self, fault: str) -> None:
        """Keep a fault unless the test expects it."""
        if not any(part in fault for part in self.expected):
            self.faults.append(fault)


Open = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser) -> AsyncIterator[Open]:
    """Gives a function that opens an address and waits until the page shows something.

    After the test it fails for console errors, policy violations, failed requests and foreign hosts.
    """
    opened: list[Watched] = []

    async def open_one(
        url: str,
        *,
        width: int = 1920,
        height: int = 1080,
        expected: tuple[str, ...] = (),
        ready: str = 'body[data-state="live"] .cell[data-school]',
        **options: Any,
    ) -> Watched:
        context = await chromium.new_context(
            viewport={"width": width, "height": height}, locale="vi-VN", **options
        )
        watched = Watched(await context.new_page(), expected=expected)
        opened.append(watched)
        page, host = watched.page, url.split("/")[2]
        page.on("console", lambda m: watched.note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: watched.note(f"uncaught: {error}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.split("/")[2] == host else watched.note(f"asked {request.url}")
            ),
        )
        await page.goto(url)
        await page.wait_for_selector(ready, timeout=10_000, state="attached")
        await page.evaluate("document.fonts.ready")
        return watched

    yield open_one
    await asyncio.gather(*(watched.page.context.close() for watched in opened))
    assert [fault for watched in opened for fault in watched.faults] == []
