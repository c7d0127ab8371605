"""The technicians' pages in a real Chromium."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from tests.browser.api_stand_in import PASSWORD, Records
from tests.browser.conftest import Open
from tests.browser.province_server import SCHOOLS, Province
from tests.browser.tech_fleet import Fleet
from tests.browser.tech_server import build_tech
from tests.browser.test_wall import overflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSED = ("status of 401", "status of 503", "ERR_INCOMPLETE_CHUNKED_ENCODING")
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"  # somebody comes back to the tab
ROW = "#grid .space .device-row"


@dataclass
class Technicians:
    """A running stand-in hub: its address, its devices, its quarantine."""

    url: str
    fleet: Fleet
    records: Records


Start = Callable[..., Technicians]


@pytest.fixture
def hub(served: Callable[[FastAPI], str]) -> Start:
    """Gives a function that starts a stand-in hub with so many devices."""

    def start(devices: int = 260) -> Technicians:
        province = Province(SCHOOLS, 24)
        fleet = Fleet(province.picture["schools"], devices)
        records = Records(province.picture)
        return Technicians(served(build_tech(province, records, fleet)), fleet, records)

    return start


async def signed_in(
    open_page: Open, hub: Technicians, path: str, width: int = 1366, height: int = 768
) -> Page:
    """Open a page the way a person does: be sent to sign in, and arrive with the whole address."""
    watched = await open_page(
        f"{hub.url}{path}", ready="#sign-in", expected=REFUSED, width=width, height=height
    )
    page: Page = watched.page
    await page.fill("#username", "mai")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/login" not in url)
    return page


def room_air(hub: Technicians) -> dict[str, Any]:
    """Give a device whose chart has a curve."""
    return next(device for device in hub.fleet.devices if device["kind"] == "room_air")


async def open_device(open_page: Open, hub: Technicians, query: str = "", width: int = 1366) -> Page:
    """Open the page of a room's air."""
    device = room_air(hub)
    path = f"/tech/device/{device['group']}/{device['node']}/{device['device']}{query}"
    return await signed_in(open_page, hub, path, width=width)


async def test_ten_thousand_rows_are_few_in_the_page(hub: Start, open_page: Open) -> None:
    running = hub(10_000)
    page = await signed_in(open_page, running, "/tech")
    await expect(page.locator("#counted")).to_have_text("10.000 thiết bị")
    grid = page.locator("#grid")
    await expect(grid).to_have_attribute("aria-rowcount", "10001")
    assert 10 < await page.locator(ROW).count() < 60
    await grid.focus()
    await page.keyboard.press("End")
    last = page.locator(f'{ROW}[aria-rowindex="10001"]')
    await expect(last.locator("a")).to_have_text(running.fleet.devices[-1]["name"], timeout=10_000)
    assert await page.locator(ROW).count() < 60
    assert running.fleet.asked["devices"] < 25, "pages on demand, not one by one"
    # thrown through the whole list, the same few rows are filled again: nothing is made while one scrolls
    made = await page.evaluate("""async () => {
      const grid = document.getElementById("grid"), seen = new Set();
      for (let i = 0; i < 60; i += 1) {
        grid.scrollTop = (grid.scrollHeight * i) / 60;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        for (const row of grid.querySelectorAll(".space .device-row")) seen.add(row);
      }
      return seen.size;
    }""")
    assert made < 80


async def test_filters_stand_in_the_address_and_the_way_back_works(hub: Start, open_page: Open) -> None:
    running = hub()
    page = await signed_in(open_page, running, "/tech?presence=dead")
    dead = [d for d in running.fleet.devices if d["presence"]["state"] == "dead"]
    await expect(page.locator("#counted")).to_have_text(f"{len(dead)} thiết bị")
    await page.locator('[data-facet="presence"][data-value="dead"]').click()
    await page.locator('[data-facet="kind"][data-value="projector"]').click()
    await page.wait_for_url("**/tech?kind=projector")
    await page.fill("#search", "may chieu tieu hoc")
    await page.wait_for_url("**/tech?q=may+chieu+tieu+hoc&kind=projector")
    names = page.locator(f"{ROW} .place > span:first-child")
    await expect(names.first).to_contain_text("Tiểu học")
    await page.locator(".head [data-sort=severity]").click()
    await page.wait_for_url("**&sort=severity")
    await page.go_back()
    await page.go_back()
    await expect(page.locator("#chips button")).to_have_text(["Máy chiếu"])
    await expect(page.locator("#search")).to_have_value("")
    await page.go_back()
    await page.go_back()
    await expect(page.locator('[data-facet="presence"][data-value="dead"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    await page.locator("a.language").click()
    await page.wait_for_url("**presence=dead**")
    await expect(page.locator("#counted")).to_have_text(f"{len(dead)} devices")


async def test_a_device_is_opened_by_keyboard_and_one_comes_back_to_it(hub: Start, open_page: Open) -> None:
    running = hub()
    page = await signed_in(open_page, running, "/tech")
    await expect(page.locator(ROW).first).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.press("ArrowDown")
    for _ in range(40):
        await page.keyboard.press("ArrowDown")
    chosen = page.locator(f'{ROW}[aria-selected="true"]')
    await expect(chosen).to_have_attribute("aria-rowindex", "42")
    assert await page.get_attribute("#grid", "aria-activedescendant") == await chosen.get_attribute("id")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tech/device/**")
    await expect(page.locator("#title h1")).to_have_text(running.fleet.devices[40]["name"])
    await page.go_back()
    await expect(chosen).to_have_attribute("aria-rowindex", "42")
    await expect(chosen).to_be_in_viewport()


async def test_a_view_is_saved_chosen_and_deleted(hub: Start, open_page: Open) -> None:
    running = hub()
    page = await signed_in(open_page, running, "/tech?kind=projector&presence=dead")
    await page.click("#view-save")
    await page.fill("#view-name", "Máy chiếu hỏng")
    await page.keyboard.press("Enter")
    view = page.get_by_role("button", name="Máy chiếu hỏng", exact=True)
    await expect(view).to_have_attribute("aria-pressed", "true")
    kept = running.fleet.views["Máy chiếu hỏng"]
    assert kept == {"name": "Máy chiếu hỏng", "page": "devices", "query": "kind=projector&presence=dead"}
    await page.locator("#chips .clear").click()
    await page.wait_for_url("**/tech")
    await expect(view).to_have_attribute("aria-pressed", "false")
    await view.click()
    await page.wait_for_url("**/tech?kind=projector&presence=dead")
    await page.locator(".views .away").click()
    await page.locator("#delete-view [type=submit]").click()
    await expect(view).to_have_count(0)
    assert running.fleet.views == {}


async def test_a_list_that_cannot_be_renewed_says_so_and_keeps_its_place(hub: Start, open_page: Open) -> None:
    running = hub(1000)
    page = await signed_in(open_page, running, "/tech")
    await expect(page.locator(ROW).first).to_be_visible()
    await page.evaluate("document.getElementById('grid').scrollTop = 3000")
    running.fleet.away = True
    await page.evaluate(LOOK)
    await expect(page.locator("#devices-list")).to_have_attribute("data-state", "stale", timeout=9000)
    await expect(page.locator("#devices-list > .notice")).to_contain_text("Số liệu lúc")
    running.fleet.away = False
    await page.evaluate(LOOK)
    await expect(page.locator("#devices-list")).to_have_attribute("data-state", "ready", timeout=9000)
    assert await page.evaluate("document.getElementById('grid').scrollTop") == 3000


async def test_a_chart_breaks_at_a_gap_and_zooms(hub: Start, open_page: Open) -> None:
    page = await open_device(open_page, hub(), "?metric=CO2,Water%2520Leak&range=24h")
    mean = page.locator("#chart .mean")
    await expect(mean).to_have_count(1)
    line = await mean.get_attribute("d") or ""
    assert line.count("M") in (2, 3), "nothing was measured for two hours of the day"
    assert (await page.locator("#chart .band").get_attribute("d") or "").count("Z") == line.count("M")
    assert await page.locator("#chart .limit").count() >= 1
    assert await page.locator("#chart .stretch").count() > 1
    box = await page.locator("#chart svg.chart").bounding_box()
    assert box
    await page.mouse.move(box["x"] + 300, box["y"] + 100)
    await expect(page.locator(".chart-tip")).to_contain_text("CO₂")
    await page.mouse.down()
    await page.mouse.move(box["x"] + 500, box["y"] + 110, steps=3)
    await page.mouse.up()
    await page.wait_for_url("**from=*&to=*")
    query = dict(part.split("=") for part in page.url.split("?")[1].split("&"))
    assert 2 * 3_600_000 < int(query["to"]) - int(query["from"]) < 10 * 3_600_000
    export = page.locator(".foot a").first
    await expect(export).to_have_attribute(
        "href", re.compile(f"start={query['from']}&end={query['to']}&tier=5m&format=csv")
    )
    await page.locator("#chart svg.chart").focus()
    await page.keyboard.press("Escape")
    await page.wait_for_url("**range=24h")


async def test_raw_traffic_is_bounded_and_can_be_paused(hub: Start, open_page: Open) -> None:
    page = await open_device(open_page, hub())
    await expect(page.locator("#values .metric")).to_have_count(6)
    await page.locator("#traffic summary").click()
    lines = page.locator(".traffic li")
    await expect(lines.first).to_contain_text("CO2")
    await page.locator("#traffic [data-part=pause]").click()
    await page.wait_for_timeout(100)
    before = await lines.first.text_content()
    await expect(page.locator("#traffic [data-part=notice]")).to_contain_text("bản tin đã qua")
    assert await lines.first.text_content() == before
    assert await lines.count() <= 200


async def test_a_schools_break_is_the_first_broken_station(hub: Start, open_page: Open) -> None:
    running = hub()
    down = next(s for s in running.fleet.schools.values() if s["state"] == "offline")
    page = await signed_in(open_page, running, "/tech/schools")
    await page.fill("#search", down["code"].lower())
    await expect(page.locator(".school-line")).to_have_count(1)
    await page.locator(".school-line").click()
    await page.wait_for_url(f"**/tech/school/{down['code']}")
    stations = page.locator(".station")
    await expect(stations).to_have_count(5)
    await expect(page.locator(".station.broken")).to_contain_text("Đường truyền trường")
    await expect(page.locator(".station.after")).to_have_count(2)
    rooms = {d["room"] for d in running.fleet.devices if d["school"] == down["code"]}
    await expect(page.locator(".room")).to_have_count(len(rooms))


async def test_quarantine_shows_bytes_and_reads_what_was_chosen_again(hub: Start, open_page: Open) -> None:
    running = hub()
    page = await signed_in(open_page, running, "/tech/quarantine")
    row = page.locator("#quarantine-list .row")
    await row.get_by_role("button", name="Chi tiết").click()
    await expect(row.locator("pre").first).to_contain_text('"alias": 9')
    await expect(row.locator("pre").last).to_contain_text("0010  0a 0c 10 20")
    await row.get_by_role("checkbox").check()
    await page.click("#replay-picked")
    await expect(page.locator("#replayed")).to_have_text("Đọc được 1 trên 1.")
    assert running.records.replayed == [4]


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_telephone_shows_everything_in_its_width(hub: Start, open_page: Open, language: str) -> None:
    running = hub()
    here = room_air(running)
    device = f"/tech/device/{here['group']}/{here['node']}/{here['device']}"
    page = await signed_in(open_page, running, f"/tech?lang={language}", width=390, height=844)
    for path in ("", "/tech/schools", f"/tech/school/{here['school']}", "/tech/quarantine", device):
        if path:
            await page.goto(running.url + path)
        await page.wait_for_selector("#chart .mean" if path == device else '[data-state="ready"]')
        assert await overflow(page) == [], path
        beyond = await page.evaluate("""() => [...document.querySelectorAll("main *")].filter((node) => {
          const at = node.getBoundingClientRect();
          if (!at.width || node.closest(".away, svg")) return false;
          return at.right > innerWidth + 1 || at.left < -1;
        }).map((node) => node.outerHTML.slice(0, 100))""")
        assert beyond == [], path


async def test_places_in_the_bar_are_those_one_may_see(hub: Start, open_page: Open) -> None:
    running = hub()
    running.records.permissions.remove("quarantine.read")
    page = await signed_in(open_page, running, "/tech")
    await expect(page.locator(".places a:visible")).to_have_text(
        ["Vận hành", "Tổ chức", "Trường", "Thiết bị"]
    )
    await expect(page.locator('.places [aria-current="page"]')).to_have_text("Thiết bị")


async def test_a_telephone_has_one_menu_and_one_line_above_the_page(hub: Start, open_page: Open) -> None:
    running = hub()
    page = await signed_in(open_page, running, "/tech", width=390, height=844)
    await expect(page.locator(".places a:visible")).to_have_count(0)
    bar = await page.locator(".bar").bounding_box()
    assert bar is not None
    assert bar["height"] < 64
    await page.click(".more-places summary")
    menu = page.locator(".more-places nav")
    await expect(menu.get_by_role("link", name="Vận hành")).to_be_visible()
    await expect(menu.locator('[aria-current="page"]')).to_have_text("Thiết bị")
    await menu.get_by_role("button", name="Đăng xuất").scroll_into_view_if_needed()
    assert await overflow(page) == []
    await page.set_viewport_size({"width": 1280, "height": 800})
    await expect(page.locator(".places").get_by_role("link", name="Vận hành")).to_be_visible()
    await expect(page.locator(".bar > #sign-out")).to_be_visible()
