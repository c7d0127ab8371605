"""Sign-in, landing page and operations console in a real Chromium."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.api_stand_in import PASSWORD
from tests.browser.conftest import Open
from tests.browser.test_wall import overflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSED = (
    "status of 401",
    "status of 409",
    "status of 422",
    "status of 503",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
)


async def signed_in(open_page: Open, hub: Any, path: str) -> Page:
    """Open a page the way a person does: be sent to sign in, and arrive."""
    watched = await open_page(f"{hub.url}{path}", ready="#sign-in", expected=REFUSED, width=1440, height=900)
    page: Page = watched.page
    await page.fill("#username", "mai")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/login" not in url)
    await expect(page.locator("#who")).to_have_text("Trần Thị Mai")
    return page


async def test_a_wrong_password_is_said_and_the_right_one_leads_on(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = (await open_page(f"{hub.url}/ops", ready="#sign-in", expected=REFUSED)).page
    await page.fill("#username", "mai")
    await page.fill("#password", "wrong")
    await page.click("button[type=submit]")
    await expect(page.locator("#problem")).to_have_text("Tên đăng nhập hoặc mật khẩu không đúng.")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: url.split("#")[0].endswith("/ops"))


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "//evil.example/x", "javascript:alert(1)"])
async def test_signing_in_never_leads_to_another_site(stand_in: Any, open_page: Open, elsewhere: str) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, f"/login?next={elsewhere}")
    assert page.url.startswith(hub.url)


async def test_the_landing_page_opens_what_the_role_may(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    hub.records.permissions = ["account.self", "wall.read"]
    page = await signed_in(open_page, hub, "/")
    await expect(page.locator(".doors li:visible b")).to_have_text(["Màn hình ghép"])
    await page.click("#sign-out")
    await page.wait_for_url("**/login")


async def test_an_alarm_is_acknowledged_by_keyboard_with_a_comment(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    rows = page.locator("#alarms-list .row")
    waiting = rows.filter(has=page.get_by_role("button", name="Xác nhận")).first
    key = await waiting.get_attribute("data-key")
    await waiting.focus()
    await page.keyboard.press("a")
    await expect(page.locator("#acknowledge")).to_be_visible()
    await page.keyboard.type("Đã cử người")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#acknowledge")).to_be_hidden()
    focused = page.locator("#alarms-list .row:focus")
    await expect(focused.get_by_role("button", name="Xác nhận")).to_have_count(1)
    assert await focused.get_attribute("data-key") != key, "the next one, not the page's body"
    row = page.locator(f'#alarms-list .row[data-key="{key}"]')
    await expect(row).to_contain_text("Trần Thị Mai: Đã cử người")
    await expect(row.get_by_role("button")).to_have_count(0)


async def test_alarms_stand_worst_first_or_newest_first(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    shapes = page.locator("#alarms-list .row .shape")
    await expect(shapes.first).to_have_class("shape critical")
    rows = page.locator("#alarms-list .row")
    by_severity = await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)")
    await page.select_option("#alarm-sort", "newest")
    raised = {a["id"]: a["raised_ms"] for a in hub.province.picture["alarms"]}
    newest = [raised[key] for key in await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)")]
    assert newest == sorted(newest, reverse=True)
    assert [raised[key] for key in by_severity] != newest


async def test_tab_passes_one_row_of_a_list(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    await expect(page.locator("#alarms-list")).to_have_attribute("data-state", "ready")
    assert await page.locator("#alarms-list .row").count() > 1
    await expect(page.locator('#alarms-list .row[tabindex="0"]')).to_have_count(1)
    await expect(page.locator('#alarms-list .row button[tabindex="0"]')).to_have_count(1)
    await page.locator("#alarms-list .row").first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#alarms-list .row").nth(1)).to_be_focused()
    await expect(page.locator('#alarms-list .row[tabindex="0"]')).to_have_count(1)


async def test_an_alarm_opens_with_its_history_and_is_shelved_with_a_reason(
    stand_in: Any, open_page: Open
) -> None:
    hub = stand_in(24)
    shaky = next(a for a in hub.province.picture["alarms"] if a["state"] == "unacknowledged")
    shaky.update(flapping_since_ms=shaky["raised_ms"], raised_count=17)
    page = await signed_in(open_page, hub, f"/ops?alarm={shaky['id']}")
    drawer = page.locator("#alarm-detail")
    await expect(drawer.locator(".badge.flapping")).to_contain_text("17 lần")
    await expect(drawer.locator(".timeline li b")).to_have_text(["Phát sinh", "Chập chờn"])
    await page.fill("#alarm-comment", "Đã gọi thợ")
    await drawer.get_by_role("button", name="Thêm ghi chú").click()
    await expect(drawer.locator(".timeline li").last).to_contain_text("Trần Thị Mai")
    await expect(drawer.locator(".timeline li").last).to_contain_text("Đã gọi thợ")
    await drawer.get_by_role("button", name="Gác lại").click()
    await page.select_option("#shelve-hours", "24")
    await page.fill("#shelve-why", "Chờ vật tư")
    await page.keyboard.press("Control+Enter")
    await expect(drawer.locator(".acts")).to_contain_text("Bỏ gác")
    await page.keyboard.press("Escape")
    await page.wait_for_function("() => !location.search.includes('alarm=')")
    row = page.locator(f'#alarms-list .row[data-key="{shaky["id"]}"]')
    await expect(row).to_have_count(0)
    await page.locator("[data-view=shelved]").click()
    await expect(row).to_contain_text("Trần Thị Mai: Chờ vật tư")
    assert "view=shelved" in page.url


async def test_selected_alarms_are_acknowledged_together(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops?stage=unacknowledged")
    await expect(page.locator("#alarms-list")).to_have_attribute("data-state", "ready")
    for key in ("j", "x", "j", "x"):  # the first leads into the list from wherever one is
        await page.keyboard.press(key)
    await expect(page.locator("#alarm-bulk")).to_contain_text("đã chọn 2")
    chosen = page.locator("#alarms-list .row").filter(has=page.locator(".pick input:checked"))
    keys = await chosen.evaluate_all("rows => rows.map((row) => row.dataset.key)")
    await page.click("#alarm-bulk-acknowledge")
    await page.click("#acknowledge [type=submit]")
    await expect(page.locator("#alarm-said")).to_have_text("Đã xác nhận 2.")
    for key in keys:
        await expect(page.locator(f'#alarms-list .row[data-key="{key}"]')).to_have_count(0)


async def test_search_and_filters_stand_in_the_address(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    await expect(page.locator("#alarms-list")).to_have_attribute("data-state", "ready")
    await page.keyboard.press("/")
    await page.keyboard.type("không có tên này")
    await expect(page.locator("#alarms-list")).to_have_attribute("data-state", "empty")
    await page.select_option("#alarm-severity", "critical")
    await page.reload()
    await expect(page.locator("#alarm-q")).to_have_value("không có tên này")
    await expect(page.locator("#alarm-severity")).to_have_value("critical")
    await expect(page.locator("#alarms-list .notice")).to_have_text("Không có cảnh báo nào khớp.")


async def test_only_permitted_tabs_are_there(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    hub.records.permissions = ["account.self", "status.read"]
    page = await signed_in(open_page, hub, "/ops#alarms")
    await expect(page.get_by_role("tab")).to_have_count(1)
    await expect(page.locator("#status-list")).to_have_attribute("data-state", "ready")
    hub.records.permissions = ["account.self", "wall.read"]
    await page.reload()
    await expect(page.locator("#nothing h1")).to_be_visible()
    await expect(page.locator("#nothing a:visible")).to_have_count(2)
    await expect(page.locator(".tabs")).to_be_hidden()


async def test_a_refusal_is_shown_where_it_was_asked(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    row = page.locator("#alarms-list .row").filter(has=page.get_by_role("button", name="Xác nhận")).first
    key = await row.get_attribute("data-key")
    await row.get_by_role("button").click()
    next(a for a in hub.province.picture["alarms"] if a["id"] == key)["state"] = "acknowledged"
    await page.locator("#acknowledge [type=submit]").click()
    await expect(page.locator("#acknowledge .problem")).to_contain_text("acknowledged already")
    await page.keyboard.press("Escape")
    await expect(page.locator("#acknowledge")).to_be_hidden()


async def test_an_unclaimed_node_shows_its_values_and_is_claimed(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops#nodes")
    row = page.locator("#nodes-list .row")
    await expect(row).to_have_count(2)
    await page.select_option("#node-claimed", "false")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("Chưa quản lý")
    await row.get_by_role("button", name="1 thiết bị").click()
    await expect(row.locator(".tile-line").first).to_contain_text("2,50 bar")
    await row.locator("summary").first.click()
    await expect(row.locator(".values").first).to_contain_text("2,50 bar")
    await row.get_by_role("button", name="Nhận quản lý").click()
    await page.fill("#claim-school", "NONE")
    await page.keyboard.press("Enter")
    await expect(page.locator("#claim .problem")).to_contain_text("There is no such school")
    await page.fill("#claim-school", hub.province.picture["schools"][0]["code"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#nodes-list")).to_have_attribute("data-state", "empty")


async def test_quarantine_is_replayed_and_counters_are_named(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops#quarantine")
    row = page.locator("#quarantine-list .row")
    await expect(row).to_contain_text("Bí danh chưa được khai báo")
    await expect(row).to_contain_text("unknown_alias")
    await expect(row).to_contain_text("spBv1.0/Xưởng A/NDATA/plc-7")
    await row.get_by_role("button").click()
    await expect(page.locator("#replayed")).to_have_text("Đọc được 1 trên 1.")
    await expect(row.get_by_role("button")).to_be_disabled()
    assert hub.records.replayed == [4]
    await page.locator("#tab-quarantine").focus()
    await page.keyboard.press("ArrowRight")
    facts = page.locator("#status-list .fact")
    await expect(facts.filter(has_text="Bản tin mỗi giây")).to_contain_text("1.204,5")
    await expect(facts.filter(has_text="Lỗi nhật ký")).to_contain_text("không có")
    await expect(facts.filter(has_text="Lỗi cơ sở dữ liệu")).to_have_class("fact wrong")
    await expect(facts.filter(has_text="a_newer_counter")).to_contain_text("7")


async def test_a_list_that_cannot_be_renewed_says_how_old_it_is(stand_in: Any, open_page: Open) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops#nodes")
    await expect(page.locator("#nodes-list")).to_have_attribute("data-state", "ready")
    hub.records.away = True
    await expect(page.locator("#nodes-list")).to_have_attribute("data-state", "stale", timeout=8000)
    await expect(page.locator("#nodes-list .notice")).to_contain_text("Số liệu lúc")
    await expect(page.locator("#nodes-list .row")).to_have_count(2)
    hub.records.away = False
    await expect(page.locator("#nodes-list")).to_have_attribute("data-state", "ready", timeout=8000)


@pytest.mark.parametrize("width", [1440, 390])
async def test_console_does_not_overflow(stand_in: Any, open_page: Open, width: int) -> None:
    hub = stand_in(24)
    page = await signed_in(open_page, hub, "/ops")
    await page.set_viewport_size({"width": width, "height": 844})
    assert await overflow(page) == []
