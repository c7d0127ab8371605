"""Pages of accounts, tokens, the log, equipment, imports and exchange: a real demo in a real Chromium."""

import re
from typing import Any

import httpx
import pyotp
import pytest
from playwright.async_api import Page, expect

from hub.clock import today
from tests.browser.conftest import Open
from tests.browser.test_school import BEYOND, REFUSED, Demo, demo, ready, signed_in
from tests.browser.test_wall import overflow

__all__ = ["demo"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "bốn từ dễ nhớ lắm"
PAGES = {
    "/account": "profile",
    "/users": "users-list",
    "/tokens": "api-tokens",
    "/audit": "audit-list",
    "/equipment": "assets-list",
    "/equipment?view=completeness": "completeness",
    "/equipment?view=computers": "computers",
    "/import": "past",
    "/sync": "coverage",
}


def post(demo: Demo, path: str, **body: Any) -> Any:
    """Change something by the API as an administrator."""
    return demo.api.post(path, json=body).raise_for_status().json()


def person(demo: Demo, username: str, role: str = "inspector") -> None:
    """Make an account that has chosen a password of its own."""
    root = next(unit["code"] for unit in demo.get("/organisation/units", kind="department")["items"])
    made = post(
        demo, "/accounts", username=username, name="Lê Thị Thử", grants=[{"role": role, "unit": root}]
    )
    with httpx.Client(base_url=f"{demo.url}/api/v1", headers={"X-Requested-With": "test"}) as own:
        first = made["temporary_password"]
        own.post("/session", json={"username": username, "password": first}).raise_for_status()
        own.post("/account/password", json={"current": first, "new": PASSWORD}).raise_for_status()
    demo.logins[username] = (username, PASSWORD)


def equip(demo: Demo, school: str, **more: Any) -> Any:
    """Enter a piece of equipment."""
    return post(
        demo, "/assets", **({"name": "Máy chiếu Epson", "type": "projector", "school": school} | more)
    )


async def sign_in(page: Page, url: str, username: str, password: str, path: str = "/login") -> None:
    """Type name and password."""
    await page.goto(url + path)
    await page.fill("#username", username)
    await page.fill("#password", password)
    await page.keyboard.press("Enter")


async def test_a_second_factor_is_set_up_and_asked_for(demo: Demo, open_page: Open) -> None:
    person(demo, "hai-lop")
    page = await signed_in(open_page, demo, "hai-lop", "/account")
    await page.locator("#second-factor .main").click()
    await page.fill("dialog [name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog .qr")).to_be_visible()
    assert await page.locator("dialog .qr").evaluate("image => image.naturalWidth") > 50
    app = pyotp.TOTP((await page.inner_text("dialog .key")).replace(" ", ""))
    await page.fill("dialog [name=code]", "000000")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog .problem, dialog .wrong-here").filter(visible=True)).to_be_visible()
    await page.fill("dialog [name=code]", app.now())
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog .secret li")).to_have_count(10)
    recovery = (await page.inner_text("dialog .secret li:first-child")).strip()
    await page.get_by_role("button", name="Xong").click()
    await expect(page.locator("#second-factor")).to_contain_text("Đang bật")
    await page.click("#sign-out")
    await page.wait_for_url("**/login")
    # the next page is kept through both steps, another site is not a next page
    await sign_in(page, demo.url, "hai-lop", PASSWORD, "/login?next=/audit%3Fwho%3Dhai-lop")
    await expect(page.locator("#step-title")).to_have_text("Xác thực hai lớp")
    await page.fill("#code", "123456")
    await page.keyboard.press("Enter")
    await expect(page.locator("#problem")).to_have_text("Mã sai hoặc đã dùng rồi.")
    await page.fill("#code", recovery)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/audit?who=hai-lop")
    await expect(page.locator("#audit-list .entry").first).to_contain_text("hai-lop")


async def test_an_account_is_made_and_its_temporary_password_must_be_changed(
    demo: Demo, open_page: Open
) -> None:
    page = await signed_in(open_page, demo, "administrator", "/users")
    await page.click("#create")
    await page.fill("dialog [name=name]", "Trần Văn Mới")
    await page.fill("dialog [name=username]", "tran-van-moi")
    school = demo.get(f"/organisation/units/{demo.school}")["name"]
    field = page.locator("dialog .grant-rows [role=combobox]")
    await field.fill(demo.school)
    await page.keyboard.press("Enter")
    await expect(field).to_have_value(f"{school} · {demo.school}")
    await page.locator("dialog [type=submit]").click()
    temporary = (await page.locator("dialog .secret li").inner_text()).strip()
    await page.get_by_role("button", name="Xong").click()
    await page.fill("#filters [name=q]", "tran van moi")
    await page.wait_for_url("**q=tran+van+moi")
    await expect(page.locator("#users-list .person")).to_have_count(1)
    await expect(page.locator("#users-list .grants")).to_contain_text(school)

    fresh = (await open_page(f"{demo.url}/login", ready="#sign-in", expected=REFUSED)).page
    await sign_in(
        fresh, demo.url, "tran-van-moi", temporary, "/login?next=https%3A%2F%2Felsewhere.invalid%2F"
    )
    await expect(fresh.locator("#step-title")).to_have_text("Mật khẩu riêng của bạn")
    await fresh.fill("#new-password", "12345")
    await fresh.fill("#repeated", "12345")
    await fresh.keyboard.press("Enter")
    await expect(fresh.locator("#problem")).to_be_visible()
    await fresh.fill("#new-password", PASSWORD)
    await fresh.fill("#repeated", PASSWORD)
    await fresh.keyboard.press("Enter")
    await fresh.wait_for_url("**/school/**")

    await page.locator("#users-list .acts button", has_text="Khóa").click()
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("#users-list .person.over")).to_have_count(1)
    await fresh.goto(f"{demo.url}/account")
    await fresh.wait_for_url("**/login?next=%2Faccount")


async def test_a_school_admin_sees_people_of_the_own_school_and_changes_none(
    demo: Demo, open_page: Open
) -> None:
    page = await signed_in(open_page, demo, "school_admin", "/users")
    await expect(page.locator("#users-list .person").first).to_be_visible()
    assert "administrator" not in await page.inner_text("#users-list")
    await expect(page.locator("#create")).to_be_hidden()
    await expect(page.locator("#users-list .acts button")).to_have_count(0)


async def test_a_wall_token_opens_the_wall_until_it_is_revoked(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "administrator", "/tokens")
    await page.click("#make-wall")
    await page.fill("dialog [name=name]", "Phòng họp tầng 2")
    await page.locator("dialog [type=submit]").click()
    address = (await page.locator("dialog .secret li").inner_text()).strip()
    assert address.startswith(f"{demo.url}/wall/main?")
    opened = httpx.get(address)
    cookies = "; ".join(f"{name}={value}" for name, value in opened.cookies.items())
    asked = {"Cookie": cookies}
    assert httpx.get(f"{demo.url}/api/v1/status", headers=asked).status_code == 200
    await page.get_by_role("button", name="Xong").click()
    line = page.locator("#wall-tokens .token-line", has_text="Phòng họp tầng 2")
    await line.get_by_role("button").click()
    await page.locator("dialog [type=submit]").click()
    await expect(line).to_have_count(0)
    assert httpx.get(f"{demo.url}/api/v1/status", headers=asked).status_code in (401, 403)


async def test_the_log_shows_before_and_after_and_is_exported_as_filtered(
    demo: Demo, open_page: Open
) -> None:
    asset = equip(demo, demo.school, note="cũ")
    demo.api.patch(f"/assets/{asset['id']}", json={"maker": "Epson"}).raise_for_status()
    page = await signed_in(open_page, demo, "administrator", f"/audit?object=asset:{asset['id']}")
    newest = page.locator("#audit-list .entry").first
    row = newest.locator(".difference tr", has=page.locator("th", has_text="Hãng"))
    await expect(row.locator(".was")).to_have_text("–")
    await expect(row.locator(".is")).to_have_text("Epson")
    await expect(page.locator("#filters [name=object]")).to_have_value(f"asset:{asset['id']}")
    count = await page.locator("#audit-list .entry").count()
    await expect(page.locator("#head")).to_contain_text(demo.get("/audit/head")["hash"])
    async with page.expect_download() as loading:
        await page.click("[data-export=jsonl]")
    exported = (await (await loading.value).path()).read_text(encoding="utf-8").splitlines()
    assert len([line for line in exported if f"asset:{asset['id']}" in line]) == count
    await page.fill("#filters [name=who]", "nobody-of-this-name")
    await page.wait_for_url("**who=nobody-of-this-name**")
    await expect(page.locator("#audit-list .notice")).to_contain_text("Không có mục nào phù hợp")


async def test_equipment_is_found_filled_in_moved_and_remembers(demo: Demo, open_page: Open) -> None:
    rooms = [room["code"] for room in demo.get("/organisation/rooms", school=demo.school)["items"]]
    asset = equip(demo, demo.school, name="Đèn chiếu vật thể lạ", room=rooms[0])
    page = await signed_in(open_page, demo, "school_admin", "/equipment")
    await page.fill("#search", "den chieu vat the la")
    await page.wait_for_url("**q=den+chieu**")
    await expect(page.locator("#counted")).to_have_text("1 tài sản")
    await page.locator('[data-facet="missing"][data-value="serial"]').click()
    await page.wait_for_url("**missing=serial**")
    await page.locator("#grid").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/equipment/{asset['id']}")
    await page.locator("#missing .chip-link", has_text="Số sê-ri").click()
    await page.fill("dialog [name=serial]", "SN-4711")
    await page.fill("dialog [name=acquired]", "2024-09-05")
    await page.fill("dialog [name=fund_source]", "Ngân sách tỉnh")
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("#missing")).to_be_hidden()
    await page.get_by_role("button", name="Chuyển chỗ").click()
    await expect(page.locator("dialog [name=room]")).to_have_value(rooms[0])
    await page.select_option("dialog [name=room]", rooms[1])
    await page.fill("dialog [name=on]", "2090-01-01")
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("dialog .wrong-here").filter(visible=True)).to_be_visible()
    await page.fill("dialog [name=on]", str(today()))
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("#history li").first).to_contain_text("Đã chuyển")
    await expect(page.locator("#trail")).to_contain_text(rooms[1])
    await page.get_by_role("button", name="Thanh lý").click()
    await page.fill("dialog [name=reason]", "nhầm")
    await page.locator("dialog [type=submit]").click()
    await page.get_by_role("button", name="Hủy việc thanh lý").click()
    await page.locator("dialog [type=submit]").click()
    last = page.locator("#history li").first
    await expect(last).to_contain_text("Đã hủy việc thanh lý")
    await expect(last.locator(".is")).to_have_text("Đang dùng")
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    await page.set_input_files("#document", {"name": "a.png", "mimeType": "image/png", "buffer": png})
    await expect(page.locator("#documents .document-line")).to_contain_text("a.png")
    other = next(u["code"] for u in demo.get("/organisation/schools")["items"] if u["code"] != demo.school)
    strange = equip(demo, other)
    await page.goto(f"{demo.url}/equipment/{strange['id']}")
    await expect(page.locator("#data .notice")).to_contain_text("Không có mục này")
    assert other not in await page.inner_text("body")


async def test_completeness_leads_to_the_schools_and_to_what_they_miss(demo: Demo, open_page: Open) -> None:
    equip(demo, demo.school)
    page = await signed_in(open_page, demo, "administrator", "/equipment?view=completeness")
    await ready(page, "completeness")
    for _ in range(4):  # from the department down to the school
        line = page.locator("#completeness .share-line").filter(has=page.locator(".chip-link")).first
        school = "Trường" in await line.locator("small").first.inner_text()
        await line.locator("a").first.click()
        if school:
            break
        await page.wait_for_url("**view=completeness**unit=**")
        await ready(page, "completeness")
    await page.wait_for_url("**complete=false**")
    await expect(page.locator("#grid .space .asset-row").first).to_have_attribute("data-complete", "false")


async def test_a_file_is_checked_mended_applied_and_changes_nothing_twice(
    demo: Demo, open_page: Open
) -> None:
    head = "Mã tài sản,Tên thiết bị,Mã trường,Loại thiết bị,Ngày nhận,Trạng thái"
    good = f"NHAP-1,Máy chiếu nhập,{demo.school},may chieu,05/09/2024,Đang dùng"
    page = await signed_in(open_page, demo, "school_admin", "/import")
    await expect(page.locator("#kinds [aria-checked=true]")).to_have_attribute("data-kind", "equipment")
    await expect(page.locator("#kinds [data-kind=units]")).to_be_disabled()
    await expect(page.locator("#columns")).to_contain_text("Số sê-ri")

    async def send(*rows: str) -> None:
        content = "\n".join([head, *rows]).encode("utf-16")
        await page.goto(f"{demo.url}/import?kind=equipment")
        await page.set_input_files(
            "#file", {"name": "thiết bị.csv", "mimeType": "text/csv", "buffer": content}
        )
        await expect(page.locator("#run-state")).to_contain_text("Đã kiểm tra", timeout=20_000)

    await send(good, f"NHAP-2,Loa,{demo.school},Máy chiếu,31/13/2024,đang ngủ")
    mistake = page.locator("#rows-list .import-row.error .mistakes")
    await expect(mistake).to_contain_text("Hãy ghi một trong: Đang dùng, Dự phòng")
    await expect(mistake).to_contain_text("Ngày nhận")
    await expect(mistake).to_contain_text("31/13/2024")
    await expect(page.get_by_role("button", name="Áp dụng")).to_be_disabled()
    await page.locator("#tallies button", has_text="mới").click()
    await expect(page.locator("#rows-list .import-row")).to_have_count(1)
    await send(good)
    await page.get_by_role("button", name="Áp dụng").click()
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("#run-state")).to_contain_text("Đã áp dụng", timeout=20_000)
    assert demo.get("/assets/by-tag/NHAP-1")["acquired"] == "2024-09-05"
    await send(good.replace("NHAP", "nhap"))
    await expect(page.locator("#tallies")).to_contain_text("1 giữ nguyên")
    await expect(page.get_by_role("button", name="Áp dụng")).to_be_disabled()
    await page.get_by_role("link", name="Tất cả lần nhập").click()
    await expect(page.locator("#past .import-line").first).to_contain_text("thiết bị.csv")


async def test_a_source_is_added_changed_and_deleted(demo: Demo, open_page: Open) -> None:
    page = await signed_in(open_page, demo, "administrator", "/sync")
    await expect(page.locator("#coverage .domain")).to_have_count(8)
    await page.click("#add-source")
    await page.fill("dialog [name=name]", "Gói đêm")
    await page.fill("dialog [role=combobox]", demo.school)
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog [role=combobox]")).to_have_value(re.compile(f"{demo.school}$"))
    await page.fill("dialog [name=location]", "../outside")
    await page.locator("dialog [type=submit]").click()
    await expect(page.locator("dialog .wrong-here").filter(visible=True)).to_be_visible()
    await page.fill("dialog [name=location]", "nightly/roster.zip")
    await page.locator("dialog [type=submit]").click()
    line = page.locator("#sources .source-line", has_text="Gói đêm")
    await line.get_by_role("button", name="Thay đổi").click()
    await page.fill("dialog [name=name]", "Gói sáng")
    await page.locator("dialog [type=submit]").click()
    line = page.locator("#sources .source-line", has_text="Gói sáng")
    await line.get_by_role("button", name="Xóa").click()
    await page.locator("dialog [type=submit]").click()
    await expect(line).to_have_count(0)


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_page_fits_a_telephone_in_both_languages(
    demo: Demo, open_page: Open, language: str
) -> None:
    asset = equip(demo, demo.school)
    page = await signed_in(open_page, demo, "administrator", f"/account?lang={language}", 390, 844)
    for path, part in (PAGES | {f"/equipment/{asset['id']}": "data"}).items():
        await page.goto(demo.url + path)
        await expect(page.locator(f"#{part}")).to_have_attribute("data-state", re.compile("ready|empty"))
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await overflow(page) == [], path
        assert [
            node for node in await page.evaluate(BEYOND) if "wide-table" not in node and "sync" not in node
        ] == [], path
