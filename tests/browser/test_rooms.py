"""Commands, scenes, agents, roll-outs, enrolment and proposals in a real Chromium, with one stand-in."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Page, expect

from tests.browser.api_stand_in import Records
from tests.browser.conftest import Open
from tests.browser.province_server import SCHOOLS, Province, now_ms
from tests.browser.rooms_stand_in import PERMISSIONS, Rooms, router
from tests.browser.tech_fleet import Fleet
from tests.browser.tech_server import build_tech
from tests.browser.test_school import BEYOND
from tests.browser.test_wall import overflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSED = (
    "status of 401",
    "status of 422",
    "status of 503",
    "status of 404",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
)


@dataclass
class Hub:
    """The running stand-in: its address, what it holds, and who may do what."""

    url: str
    rooms: Rooms
    records: Records
    everything: list[str]

    def device(self, kind: str) -> dict[str, Any]:
        """Give a device of a kind."""
        return next(device for device in self.rooms.fleet.devices if device["kind"] == kind)

    @property
    def school(self) -> str:
        """Give the school of the first agent."""
        return str(next(iter(self.rooms.fleet.schools)))


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    """Serve one stand-in for the whole file."""
    province = Province(SCHOOLS, 24)
    fleet = Fleet(province.picture["schools"], 260)
    rooms, records = Rooms(fleet), Records(province.picture)
    app = build_tech(province, records, fleet)
    ahead = FastAPI(openapi_url=None)
    ahead.include_router(router(rooms))
    app.router.routes[:0] = ahead.router.routes
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    everything = [*records.permissions, *PERMISSIONS]
    yield Hub(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", rooms, records, everything)
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def hub(running: Hub) -> Hub:
    """Give the stand-in as it was at the beginning, for a technician."""
    running.records.permissions = list(running.everything)
    running.rooms.held = running.rooms.fleet.away = False
    running.rooms.wanted.clear()
    running.rooms.commands.clear()
    return running


async def signed_in(open_page: Open, hub: Hub, path: str, width: int = 1366, height: int = 768) -> Page:
    """Open a page as somebody who has signed in before."""
    watched = await open_page(
        f"{hub.url}{path}",
        ready="#sign-out:not([hidden])",
        expected=REFUSED,
        width=width,
        height=height,
        storage_state={
            "cookies": [
                {
                    "name": "hub_session",
                    "value": "secret",
                    "domain": "127.0.0.1",
                    "path": "/",
                    "expires": -1,
                    "httpOnly": True,
                    "secure": False,
                    "sameSite": "Lax",
                }
            ]
        },
    )
    page: Page = watched.page
    return page


def path_of(device: dict[str, Any]) -> str:
    """Give the address of a device's page."""
    return f"/tech/device/{device['group']}/{device['node']}/{device['device']}"


async def test_a_command_is_sent_followed_and_cancelled(hub: Hub, open_page: Open) -> None:
    device, rooms = hub.device("projector"), hub.rooms
    page = await signed_in(open_page, hub, path_of(device))
    power = page.get_by_role("group", name="Bật/tắt máy chiếu")
    await power.get_by_role("button", name="Bật", exact=True).click()
    line = page.locator(".command-line").first
    await expect(line.locator(".life li")).to_have_text(
        [re.compile(words) for words in ("Đang chờ", "Đã gửi", "Thiết bị đã nhận", "Xong")]
    )
    assert rooms.commands[0]["value"] == "on"
    rooms.held = True
    await page.get_by_role("group", name="Chọn ngõ vào").get_by_role("button", name="VGA").click()
    await page.locator(".command-line.queued").get_by_role("button", name="Hủy").click()
    await expect(page.locator(".command-line.cancelled")).to_contain_text("Đã hủy")
    rooms.commands[0] |= {"state": "refused", "detail": "interlock_open"}
    await expect(page.locator(".command-line").first).to_contain_text(
        "Bị từ chối – khóa an toàn đang mở", timeout=10_000
    )


async def test_only_what_is_disruptive_is_asked_about(hub: Hub, open_page: Open) -> None:
    device = hub.device("lab_pc")
    page = await signed_in(open_page, hub, path_of(device))
    power = page.locator('.control [data-value="false"]').first
    await power.click()
    await expect(page.locator("dialog")).to_contain_text("gián đoạn")
    await page.keyboard.press("Escape")
    assert hub.rooms.commands == []
    await power.click()
    await page.locator("dialog .grave").click()
    await expect(page.locator(".command-line")).to_have_count(1)
    await page.locator('.control [data-value="true"]').first.click()
    await expect(page.locator(".command-line")).to_have_count(2)


async def test_a_refusal_stands_at_its_control_and_drift_can_be_accepted(hub: Hub, open_page: Open) -> None:
    hub.rooms.wanted.append(
        {
            "metric": "Power",
            "wanted": False,
            "observed": True,
            "since_ms": now_ms() - 500_000,
            "until_ms": 0,
            "drift_since_ms": now_ms() - 300_000,
            "command_id": "x",
        }
    )
    page = await signed_in(open_page, hub, path_of(hub.device("air_conditioner")))
    setpoint = page.get_by_role("spinbutton", name="Đặt nhiệt độ")
    await setpoint.fill("18")
    await page.keyboard.press("Enter")
    await expect(page.locator(".control .wrong-here:visible")).to_contain_text("close it first")
    await setpoint.fill("24")
    await page.keyboard.press("Enter")
    await expect(page.locator(".command-line")).to_contain_text("24,0 °C")
    await expect(page.locator(".wanted-line.drifts")).to_contain_text("khác")
    await page.get_by_role("button", name="Chấp nhận hiện trạng").click()
    await expect(page.locator("#wanted")).to_have_attribute("data-state", "empty")


async def test_who_may_not_has_no_controls(hub: Hub, open_page: Open) -> None:
    hub.records.permissions = [
        one for one in hub.everything if one not in ("devices.command", "agents.write", "registry.claim")
    ]
    page = await signed_in(open_page, hub, path_of(hub.device("projector")))
    await expect(page.locator("#values")).to_have_attribute("data-state", "ready")
    await expect(page.locator(".control")).to_have_count(0)
    await page.goto(f"{hub.url}/agents/{hub.school}/{hub.school}-a1")
    await expect(page.locator("#facts")).to_have_attribute("data-state", "ready")
    await expect(page.locator("#versions .line")).to_have_count(3)
    for hidden in ("#diagnose", "#scan", "#certificates", "#configuration [data-part=edit]"):
        await expect(page.locator(hidden)).to_be_hidden()
    await expect(page.locator("#versions button")).to_have_count(0)


async def test_a_scene_is_one_touch_on_a_telephone(hub: Hub, open_page: Open) -> None:
    device = hub.device("projector")
    page = await signed_in(open_page, hub, f"/r/{device['school']}/{device['room']}", width=390, height=844)
    await page.get_by_role("button", name="Bắt đầu tiết").click()
    await expect(page.locator(".scene-run .state-line")).to_contain_text("xong")
    await expect(page.locator(".scene-run .command-line").first).to_contain_text("Bật/tắt máy chiếu")
    bar = page.get_by_role("progressbar")
    assert await bar.get_attribute("aria-valuenow") == await bar.get_attribute("aria-valuemax")
    assert await page.evaluate(BEYOND) == []


async def test_a_group_command_is_counted_before_it_is_sent(hub: Hub, open_page: Open) -> None:
    device = hub.device("projector")
    page = await signed_in(open_page, hub, f"/room/{device['school']}/{device['room']}")
    await page.click("#room-command")
    dialog = page.locator("dialog")
    await dialog.get_by_label("Loại", exact=True).select_option("projector")
    mine = [
        d for d in hub.rooms.fleet.devices if d["kind"] == "projector" and d["school"] == device["school"]
    ]
    await expect(dialog.locator(".counted-devices")).to_have_text(f"Lệnh gửi tới {len(mine)} thiết bị.")
    await dialog.get_by_label("Loại", exact=True).select_option("lab_pc")
    await dialog.get_by_label("Giá trị").select_option("false")
    await expect(dialog.locator(".warning")).to_be_visible()
    hub.rooms.held = True
    await dialog.get_by_role("button", name="Gửi tới").click()
    await page.wait_for_url("**/commands/b*")
    await expect(page.locator("#title h1")).to_contain_text("Máy tính")
    await page.click("#stop")
    await page.locator("dialog .grave").click()
    await expect(page.locator("#title")).to_contain_text("Đã hủy")


async def test_the_fleet_is_filtered_and_an_agent_answers(hub: Hub, open_page: Open) -> None:
    page = await signed_in(open_page, hub, "/agents")
    await expect(page.locator("#counted")).to_have_text("24 thiết bị biên")
    await expect(page.locator(".row.fleet").first).to_contain_text("Chứng thư")
    await page.select_option("#config", "rolled_back")
    await page.wait_for_url("**/agents?config=rolled_back")
    await expect(page.locator(".row.fleet")).to_have_count(1)
    await page.locator(".row.fleet").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/agents/*/*-a1")
    await page.click("#ask-log button")
    await expect(page.locator("#diagnose .log")).to_contain_text("p101-projector: timeout")
    await page.click("#ask-network button")
    await expect(page.locator("#diagnose .steps li")).to_have_count(2)
    await page.locator("#versions").get_by_role("button", name="Quay về bản này").first.click()
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await page.goto(f"{hub.url}/rollouts/1")
    await expect(page.locator(".stage[aria-current]")).to_contain_text("Đợt 2")
    await page.click("#abort")
    await page.locator("dialog .grave").click()
    await expect(page.locator("#title")).to_contain_text("đã dừng")
    await expect(page.locator("#abort")).to_be_hidden()


async def test_the_break_is_found_by_keyboard(hub: Hub, open_page: Open) -> None:
    page = await signed_in(open_page, hub, "/topology")
    first = page.locator("[role=treeitem]").first
    await first.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".station.broken")).to_have_count(1)
    await expect(page.locator(".level-3").first).to_contain_text("Sau chỗ đứt")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".level-2:focus")).to_contain_text("-a1")
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator(".level-3")).to_have_count(0)
    hub.rooms.fleet.away = True
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator("#tree")).to_have_attribute("data-state", "stale")


async def test_a_code_is_made_and_a_certificate_revoked(hub: Hub, open_page: Open) -> None:
    page = await signed_in(open_page, hub, f"/enrolment?school={hub.school}")
    await page.click("#make-code")
    await expect(page.locator("dialog [name=node]")).to_have_value(f"{hub.school}-a1")
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator(".big-code")).to_have_text("7K2QD-9XM4T-0ABCD-EFGHJ-KMNPQ")
    await expect(page.locator("dialog")).to_contain_text("hết hạn sau 47 giờ")
    assert await page.locator("dialog .qr").evaluate("image => image.naturalWidth > 0")
    await page.get_by_role("button", name="Xong").click()
    await expect(page.locator("#codes-list .row")).to_have_count(1)
    await page.locator("#certificates-list").get_by_role("button", name="Thu hồi").first.click()
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("dialog .wrong-here")).to_be_visible()
    await page.fill("dialog textarea", "mất máy")
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("#certificates-list .revoked")).to_contain_text("mất máy")


async def test_a_found_device_is_claimed_with_two_presses(hub: Hub, open_page: Open) -> None:
    page = await signed_in(open_page, hub, "/proposals")
    await page.locator(".row.proposal").first.get_by_role("button", name="Nhận quản lý").click()
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator(".row.proposal")).to_have_count(1)
    assert hub.rooms.proposals[0]["said"]["room"].startswith("P1")
    assert hub.rooms.proposals[0]["said"]["new_asset"] is True
    await page.get_by_role("button", name="Bỏ qua").click()
    await expect(page.locator("#proposals-list")).to_have_attribute("data-state", "empty")


async def test_these_pages_fit_a_telephone(hub: Hub, open_page: Open) -> None:
    page = await signed_in(open_page, hub, "/agents", width=390, height=844)
    agent = f"/agents/{hub.school}/{hub.school}-a1"
    paths = [
        "",
        agent,
        "/rollouts",
        "/rollouts/1",
        "/commands",
        "/topology",
        "/enrolment",
        "/proposals",
        "/devices/supported",
        path_of(hub.device("relay")),
        "/enrolment?lang=en",
    ]
    for path in paths:
        if path:
            await page.goto(hub.url + path)
        await expect(page.locator('[data-state="loading"]')).to_have_count(0)
        assert await page.locator('[data-state="failed"]').count() == 0, path
        assert await overflow(page) == [], path
        assert await page.evaluate(BEYOND) == [], path
