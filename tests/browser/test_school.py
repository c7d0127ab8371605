"""Pages of schools, the organisation, tickets and stock-taking: a real demo in a real Chromium."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import Page, expect

from hub.broker import unused_port
from tests.browser.conftest import Open
from tests.browser.test_wall import overflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSED = ("status of 401", "status of 404", "status of 422", "ERR_INTERNET_DISCONNECTED")
TOKEN = "only-for-this-test-0123456789"
OPEN_WITHIN_S = 60
BEYOND = """() => [...document.querySelectorAll("main *")].filter((node) => {
  const at = node.getBoundingClientRect();
  if (!at.width || node.closest(".away, svg, .scroll")) return false;
  return at.right > innerWidth + 1 || at.left < -1;
}).map((node) => node.outerHTML.slice(0, 100))"""


class Demo:
    """A running demo: its address, its accounts, and its API."""

    def __init__(self, url: str, printed: str) -> None:
        self.url = url
        logins = re.findall(r"^(\w+) +([\w-]+) +(\w{4}-\w{4}-\w{4}) +(\S+)", printed, re.MULTILINE)
        self.logins = {role: (username, password) for role, username, password, _ in logins}
        self.school = next(unit for role, _, _, unit in logins if role == "school_admin")
        self.api = httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {TOKEN}"})

    def get(self, path: str, **query: Any) -> Any:
        """Ask the API as an administrator."""
        return self.api.get(path, params=query).raise_for_status().json()

    def equip(self) -> None:
        """Enter some equipment in two rooms of the admin's school, with incomplete records."""
        rooms = [room["code"] for room in self.get("/organisation/rooms", school=self.school)["items"]]
        for number in range(4):
            piece = {"name": f"Bàn giáo viên {number}", "school": self.school, "room": rooms[number % 2]}
            self.api.post("/assets", json=piece).raise_for_status()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of two schools, with its accounts."""
    folder = tmp_path_factory.mktemp("demo")
    port = unused_port()
    command = ["-m", "hub.cli", "demo", "--schools", "2", "--data-dir", str(folder / "data")]
    ports = ["--http-port", str(port), "--mqtt-port", str(unused_port())]
    said = folder / "printed"
    with said.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, *command, *ports],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "120", "PYTHONUNBUFFERED": "1", "HUB_DEMO_TOKEN": TOKEN},
            start_new_session=True,
        )
        try:
            deadline_s = time.monotonic() + OPEN_WITHIN_S
            while "Ctrl-C stops everything" not in said.read_text():
                assert running.poll() is None, said.read_text()
                assert time.monotonic() < deadline_s, said.read_text()
                time.sleep(0.1)
            opened = Demo(f"http://127.0.0.1:{port}", said.read_text())
            opened.equip()
            yield opened
            opened.api.close()
        finally:
            running.kill()  # its children end with it; how it ends by itself is tested elsewhere
            running.wait(30)


async def signed_in(
    open_page: Open, demo: Demo, role: str, path: str | None = None, width: int = 1366, height: int = 768
) -> Page:
    """Sign in as a role the way a person does, and arrive on a page, or where the role belongs."""
    # The page is asked for by `next`: to go on by hand would meet the redirect that follows signing in.
    watched = await open_page(
        f"{demo.url}/login" + (f"?{urlencode({'next': path})}" if path else ""),
        ready="#sign-in",
        expected=REFUSED,
        width=width,
        height=height,
    )
    page: Page = watched.page
    username, password = demo.logins[role]
    await page.fill("#username", username)
    await page.fill("#password", password)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/login" not in url)
    return page


async def ready(page: Page, *parts: str) -> None:
    """Wait until parts of the page show what they have, or that there is nothing."""
    for part in parts:
        await expect(page.locator(f"#{part}")).to_have_attribute("data-state", re.compile("ready|empty"))


async def test_a_school_admin_lands_on_the_own_school(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "school_admin")
    await page.wait_for_url(f"**/school/{demo.school}")
    name = demo.get(f"/organisation/units/{demo.school}")["name"]
    await expect(page.locator("#title h1")).to_have_text(name)
    await ready(page, "rooms", "devices", "people", "alarms", "tickets", "equipment", "counts", "sync")
    rooms = demo.get("/organisation/rooms", school=demo.school)["items"]
    await expect(page.locator("#rooms .room-row")).to_have_count(len(rooms))
    await expect(page.locator("#devices .room-line").first).to_be_visible()
    await expect(page.locator('#tiles a[href="#equipment"] b')).to_contain_text("%")
    await expect(page.locator("#people")).to_contain_text("school-admin")
    shown = await page.locator(".places a:visible, .more-places:visible").all_inner_texts()
    assert "Trường" in shown
    assert "Phiếu sửa chữa" in shown
    await expect(page.locator('.more-places a[href="/tokens"]')).to_have_attribute("hidden", "")
    # what lies above the own school is named on the way to it, and leads nowhere
    above = demo.get(f"/organisation/units/{demo.school}")["path"][0]["name"]
    await expect(page.locator("#trail")).to_contain_text(above)
    await expect(page.locator("#trail a")).to_have_count(1)
    # another school cannot be told from one that does not exist
    other = next(unit for unit in demo.get("/organisation/schools")["items"] if unit["code"] != demo.school)
    texts = []
    for code in (other["code"], "D999-TH-99"):
        await page.goto(f"{demo.url}/school/{code}")
        await expect(page.locator(".absent")).to_contain_text("Không có mục này")
        texts.append((await page.inner_text(".absent")).replace(code, ""))
    assert texts[0] == texts[1]
    assert other["name"] not in await page.inner_text("body")


async def test_every_role_lands_where_its_work_is(demo: Demo) -> None:
    homes = {}
    for role, (username, password) in demo.logins.items():
        answer = httpx.post(f"{demo.url}/api/v1/session", json={"username": username, "password": password})
        homes[role] = answer.raise_for_status().json()["home"]
        page = httpx.get(demo.url + homes[role], headers={"Accept": "text/html"})
        assert page.status_code == 200, (role, homes[role])
    assert homes["school_admin"] == "/school"
    assert homes["administrator"] == "/org"


async def test_the_tree_is_searched_without_diacritics_and_walked_by_keyboard(
    demo: Demo, open_page: Open
) -> None:
    page = await signed_in(open_page, demo, "inspector", "/org")
    await ready(page, "tree")
    root = page.locator('.unit-line[aria-level="1"]')
    await expect(root).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("/")
    await page.keyboard.type("tan chau")
    await page.wait_for_url("**/org?q=tan+chau")
    await expect(page.locator("#tree .unit-line a").first).to_contain_text("Tân Châu")
    await page.fill("#search", "")
    await expect(root).to_be_visible()
    await root.focus()
    await page.keyboard.press("ArrowDown")
    child = page.locator(".unit-line:focus")
    await expect(child).to_have_attribute("aria-level", "2")
    await page.keyboard.press("ArrowLeft")
    await expect(root).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator(".unit-line")).to_have_count(1)
    # before district offices ended, a primary school belonged to one
    schools = demo.get("/organisation/schools")["items"]
    code = next(each["code"] for each in schools if each["levels"] in (["MN"], ["TH"], ["THCS"]))
    await page.goto(f"{demo.url}/org/{code}?on=2024-05-01")
    await ready(page, "facts", "past")
    before = await page.inner_text("#trail")
    await page.goto(f"{demo.url}/org/{code}")
    await ready(page, "facts", "past")
    assert "Phòng Giáo dục" in before
    assert "Phòng Giáo dục" not in await page.inner_text("#trail")
    assert "Phòng Giáo dục" in await page.inner_text("#past")
    await expect(page.locator("#deeds")).to_be_hidden()


async def test_a_change_of_the_tree_is_shown_before_it_is_made(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "administrator", f"/org/{demo.school}")
    await ready(page, "facts")
    old = await page.inner_text("#title h1")
    await page.click('[data-change="rename"]')
    await page.fill('dialog [name="name"]', "Trường Tiểu học Nguyễn Du")
    await page.click("dialog [type=submit]")
    await expect(page.locator("dialog .plan .after").first).to_have_text("Trường Tiểu học Nguyễn Du")
    assert demo.get(f"/organisation/units/{demo.school}")["name"] == old, "shown, not made"
    await page.locator("dialog .buttons .quiet").click()
    await expect(page.locator('dialog [name="name"]')).to_have_value("Trường Tiểu học Nguyễn Du")
    await page.click("dialog [type=submit]")
    await page.locator("dialog .plan").wait_for()
    await page.click("dialog [type=submit]")
    await expect(page.locator("#title h1")).to_have_text("Trường Tiểu học Nguyễn Du")
    await expect(page.locator("#past")).to_contain_text(old)
    await expect(page.locator("#changes summary").first).to_contain_text("Đổi tên")


async def test_a_room_is_changed_and_a_ticket_goes_its_way(demo: Demo, open_page: Open) -> None:
    room = demo.get("/organisation/rooms", school=demo.school)["items"][0]["code"]
    page = await signed_in(open_page, demo, "school_admin", f"/r/{demo.school}/{room}")
    await page.wait_for_url(f"**/room/{demo.school}/{room}")
    await ready(page, "devices", "equipment", "facts", "alarms", "tickets")
    await page.click("#room-edit")
    await page.fill('dialog [name="seats"]', "41")
    await page.select_option('dialog [name="type"]', "computer_lab")
    await page.locator(".openings > button").click()
    await page.click("dialog [type=submit]")
    await expect(page.locator("#facts")).to_contain_text("41 chỗ")
    await expect(page.locator("#facts")).to_contain_text("T2–T6 07:00–17:00")
    await page.click("#room-raise")
    await page.fill('dialog [name="title"]', "Máy chiếu không lên hình")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog h2")).to_have_text("Đã tạo phiếu")
    await expect(page.locator("#tickets a", has_text="Máy chiếu không lên hình")).to_have_count(1)
    await page.get_by_role("link", name="Mở phiếu").click()
    await page.wait_for_url("**/tickets/*")
    await ready(page, "facts", "course")
    await expect(page.locator("#facts")).to_contain_text(room)
    await page.fill("#say-text", "Đã thử cáp khác")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#course")).to_contain_text("Đã thử cáp khác")
    await page.get_by_role("button", name="Bắt đầu xử lý").click()
    await page.click("dialog [type=submit]")
    await expect(page.locator("#title")).to_contain_text("Đang xử lý")
    await page.get_by_role("button", name="Đã xử lý xong").click()
    await page.fill('dialog [name="text"]', "Thay cáp HDMI")
    await page.click("dialog [type=submit]")
    await expect(page.locator("#title")).to_contain_text("Đã xử lý xong")
    await expect(page.locator("#course")).to_contain_text("Thay cáp HDMI")
    await page.goto(f"{demo.url}/tickets?q=may+chieu")
    await expect(page.locator("#tickets-list .row b").first).to_contain_text("Máy chiếu không lên hình")


async def test_a_scan_without_network_is_kept_and_told_later(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "school_admin", "/stock", width=390, height=844)
    await expect(page.locator("#school")).not_to_have_value("")
    await page.click("#start [type=submit]")
    await page.wait_for_url("**/stock/*")
    await ready(page, "items")
    take = int(page.url.split("/")[-1])
    assert await page.evaluate(BEYOND) == []
    expected = demo.get(f"/stocktakes/{take}")["expected"]
    await page.locator(".counting button").first.click()
    await expect(page.locator("#said")).to_contain_text("đã thấy")
    await page.context.set_offline(True)
    tag = expected[-1]["tag"]
    await page.fill("#scan-tag", f"http://hub.example/a/{tag.lower()}")  # what a label's code says
    await page.keyboard.press("Enter")
    await expect(page.locator("#unsent")).to_contain_text("1 lượt quét")
    assert len(demo.get(f"/stocktakes/{take}")["seen"]) == 1
    await page.context.set_offline(False)
    await expect(page.locator("#unsent")).to_be_hidden(timeout=15_000)
    seen = {line["tag"] for line in demo.get(f"/stocktakes/{take}")["seen"]}
    assert len(seen) == 2
    assert tag in seen
    await page.fill("#scan-tag", "KHONG-CO-1")
    await page.keyboard.press("Enter")
    await page.locator('[data-show="unexpected"]').click()
    await expect(page.locator("#items")).to_contain_text("KHONG-CO-1")
    await page.locator("#items .counting button").click()
    await expect(page.locator("#items .notice")).to_contain_text("Không có tài sản lạ")
    assert demo.get(f"/stocktakes/{take}")["unexpected"] == []
    await page.click("#finish")
    await expect(page.locator("dialog")).to_contain_text(str(len(expected) - 2))
    await page.click("dialog [type=submit]")
    await expect(page.locator("#title h1")).to_have_text("Đã kiểm kê")
    await expect(page.locator("#finish")).to_be_hidden()
    await expect(page.locator('[data-show="expected"]')).to_contain_text("Không thấy")
    found = f"đã thấy 2 trên {len(expected)}"
    await expect(page.locator("#progress")).to_contain_text(found)
    await page.goto(f"{demo.url}/stock")
    await expect(page.locator("#takes .line").first).to_contain_text(found)


async def test_a_page_for_others_says_whom_to_ask(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "budget_viewer", "/users")
    for path in ("/users", "/audit", "/tokens", "/import"):
        await page.goto(f"{demo.url}{path}")
        await expect(page.locator("main")).to_contain_text("không dành cho vai trò của bạn")
        assert await page.locator("main button, main input").count() == 0


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_telephone_shows_everything_in_its_width(demo: Demo, open_page: Open, language: str) -> None:
    room = demo.get("/organisation/rooms", school=demo.school)["items"][0]["code"]
    page = await signed_in(open_page, demo, "administrator", f"/org?lang={language}", width=390, height=844)
    for path in (
        "",
        "/org/SGDDT",
        f"/school/{demo.school}",
        f"/room/{demo.school}/{room}",
        "/tickets",
        "/stock",
    ):
        if path:
            await page.goto(demo.url + path)
        await page.wait_for_selector('[data-state="ready"], [data-state="empty"]')
        await expect(page.locator('[data-state="loading"]')).to_have_count(0)
        assert await page.locator('[data-state="failed"]').count() == 0, path
        assert await overflow(page) == [], path
        assert await page.evaluate(BEYOND) == [], path


async def test_what_is_not_there_says_so(demo: Demo, open_page: Open) -> None:
    html = {"Accept": "text/html,*/*"}
    page = httpx.get(f"{demo.url}/nowhere", headers=html)
    assert page.status_code == 404
    assert "Trang này không tồn tại" in page.text
    assert httpx.get(f"{demo.url}/nowhere").headers["content-type"] == "application/problem+json"
    api = httpx.get(f"{demo.url}/api/v1/nowhere", headers=html)
    assert api.headers["content-type"] == "application/problem+json"
    camera = httpx.get(f"{demo.url}/stock/1").headers["permissions-policy"]
    assert "camera=(self)" in camera
    assert "camera=()" in httpx.get(f"{demo.url}/school").headers["permissions-policy"]
    seen = await signed_in(open_page, demo, "administrator")
    for path in ("/tech/device/x/y/z", "/tech/school/X", "/org/X", "/school/X", f"/room/{demo.school}/X",
                 "/tickets/999999", "/stock/999999", "/a/KHONG-CO-1"):  # fmt: skip
        await seen.goto(demo.url + path)
        await expect(seen.locator(".absent h1")).to_be_visible()
        assert await seen.locator(".part").count() == 0, path
