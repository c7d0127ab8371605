"""What the plan asks of import, export and exchange: dry run, all or nothing, round trips, freshness."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from hub.assets.tables import Asset, AssetEvent
from hub.database import Database
from hub.imports import oneroster
from hub.imports.rules import DOMAINS, FRESH_MS, coverage
from hub.imports.sync import Sync, is_public
from hub.imports.tables import SchoolClass, SyncSource, SyncState
from hub.organisation.tables import Headcount, Room
from hub.sheets import FileTrouble
from tests.hub.imports.conftest import AN_CO, NOW_MS, TODAY, Bring, csv_bytes, everything, exported, problems

ASSETS = csv_bytes(
    ("Ghi chú", "Mã trường", "Mã tài sản", "Tên thiết bị", "Loại", "Mã phòng", "Ngày nhận", "Giá (đồng)"),
    ("=HYPERLINK(1)", "AC", "TS-1", "Máy chiếu", "Máy chiếu", "P101", "20/08/2024", "18.500.000"),
    ("'+84 276", "SD", "TS-2", "Loa", "sound", "P101", "2024-08-20", ""),
    ("", "AC", "", "Bàn giáo viên", "Bàn ghế, tủ kệ", "", "", ""),
    ("", "AC", "", "Bàn giáo viên", "Bàn ghế, tủ kệ", "", "", ""),
)  # fmt: skip


async def test_a_dry_run_changes_nothing_and_twice_is_once(province: Database, bring: Bring) -> None:
    dry = await bring("equipment", ASSETS)
    assert dry.summary == {"rows": 4, "new": 4, "changed": 0, "same": 0, "errors": 0, "warnings": 0}
    async with province.read() as session:
        assert await session.scalar(select(func.count()).select_from(Asset)) == 0
    await bring("equipment", ASSETS, apply=True)
    again = await bring("equipment", ASSETS, apply=True)
    assert (again.summary["same"], again.summary["new"]) == (4, 0)
    async with province.read() as session:
        assert await session.scalar(select(func.count()).select_from(AssetEvent)) == 4
    change = csv_bytes(("tag", "name", "school", "serial"), ("TS-1", "Máy chiếu", "AC", "SN9"))
    told = await bring("equipment", change, apply=True)
    assert told.plans[0].shown[0].changes == [{"column": "serial", "before": None, "after": "SN9"}]
    async with province.read() as session:
        kept = (await session.execute(select(Asset).where(Asset.tag == "TS-1"))).scalar_one()
        assert (kept.serial, kept.room_code, kept.note) == ("SN9", "P101", "=HYPERLINK(1)")


async def test_half_valid_rows_name_row_column_and_fix_and_nothing_is_written(
    province: Database, bring: Bring
) -> None:
    content = csv_bytes(
        ("Mã trường", "Mã phòng", "Loại phòng", "Số chỗ", "Tầng"),
        ("AC", "P201", "Phòng tin học", "45", "2"),
        ("AC", "P201", "", "", ""),
        ("SD", "P1", "", "", ""),
        ("AC", "P202", "sân bay", "nhiều", ""),
        ("", "P203", "", "", ""),
    )
    whole = await bring("rooms", content, scope=AN_CO)
    assert problems(whole) == [
        (3, "code", "duplicate"), (4, "school", "outside"), (5, "type", "unknown_choice"),
        (5, "seats", "not_a_number"), (6, "school", "required"),
    ]  # fmt: skip
    assert whole.summary["errors"] == 4
    with pytest.raises(AssertionError):
        await bring("rooms", content, scope=AN_CO, apply=True)
    async with province.read() as session:
        assert await session.scalar(select(func.count()).select_from(Room)) == 2


async def test_units_form_a_tree_and_its_history_is_not_rewritten(province: Database, bring: Bring) -> None:
    head = ("code", "name", "kind", "parent", "valid_from", "valid_to")
    wrong = csv_bytes(
        head,
        ("X1", "Cụm 1", "district", "X2", "", ""), ("X2", "Cụm 2", "district", "X1", "", ""),
        ("X3", "Trường", "school", "nowhere", "", ""), ("X4", "Sở hai", "department", "", "", ""),
        ("X5", "Cụm 5", "district", "S", "", "2025-01-01"), ("X6", "Trường", "school", "X5", "", ""),
        ("AC", "Trường An Cơ mới", "school", "D1", "", ""),
    )  # fmt: skip
    found = {(row, code) for row, _, code in problems(await bring("units", wrong))}
    assert {(4, "outside"), (5, "second_root"), (8, "dated_change")} <= found
    assert {2, 3, 7} <= {row for row, code in found if code == "does_not_fit"}
    right = csv_bytes(head, ("X6", "Trường", "school", "X5", "", ""), ("X5", "Cụm", "district", "S", "", ""))
    await bring("units", right, apply=True)
    assert (await bring("units", right)).summary["same"] == 2


async def test_users_never_get_more_than_the_importer_has(province: Database, bring: Bring) -> None:
    content = csv_bytes(
        ("username", "name", "role", "unit"),
        ("an", "Nguyễn Văn An", "Quản trị trường", "AC"), ("binh", "Bình", "technician", "S"),
    )  # fmt: skip
    assert [each[2] for each in problems(await bring("users", content, scope=AN_CO))] == ["outside"]
    await bring("users", content, apply=True)
    assert (await bring("users", content)).summary["same"] == 2


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_a_ii_4_and_m25_export_and_import_round_trip(
    province: Database, bring: Bring, tmp_path: Path, migrated_sqlite: Path, ending: str
) -> None:
    await bring("equipment", ASSETS, apply=True)
    await bring(
        "rooms", csv_bytes(("school", "code", "building", "seats"), ("AC", "T1", "B", 40)), apply=True
    )
    shutil.copy(migrated_sqlite, tmp_path / "other.db")
    other = Database(f"sqlite+aiosqlite:///{tmp_path}/other.db")
    try:
        for kind in ("units", "rooms", "equipment"):
            content = await exported(province, kind, ending)
            back = await bring(kind, content)
            assert back.summary["same"] == back.summary["rows"] > 0, problems(back)
            await bring(kind, content, apply=True, into=other)
            assert await exported(other, kind) == await exported(province, kind)
    finally:
        await other.close()
    assert b"'=HYPERLINK(1)" in await exported(province, "equipment")


def bundle(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return packed.getvalue()


BUNDLE = bundle(
    manifest="propertyName,value\noneroster.version,1.2\nfile.users,bulk\n",
    orgs="sourcedId,name,type,identifier\no1,An Cơ,school,AC\n",
    academicSessions="sourcedId,title,type,startDate,endDate,schoolYear\n"
    "s1,HK I,term,2025-09-05,2026-01-15,2026\n",
    courses="sourcedId,title\nc1,Toán 6\n",
    classes="sourcedId,title,grades,courseSourcedId,schoolSourcedId,termSourcedIds\nk1,6A1,6,c1,o1,s1\n",
    enrollments="sourcedId,classSourcedId,userSourcedId,role\n"
    "e1,k1,u1,student\ne2,k1,u2,student\ne3,k1,u3,teacher\n",
    users="sourcedId,role,orgSourcedIds,givenName,familyName,identifier,email\n"
    "u1,student,o1,Zuzanna,Quuxova,079,zq@example.vn\nu2,student,o1,Xanthippe,Quuxova,,\nu3,teacher,o1,Thaddeus,Quuxson,1,\n",
)


async def test_oneroster_keeps_counts_and_nobodys_name(
    province: Database, bring: Bring, tmp_path: Path
) -> None:
    whole = await bring("oneroster", BUNDLE, apply=True)
    assert whole.summary["new"] == 3, problems(whole)
    assert (await bring("oneroster", BUNDLE)).summary["same"] == 3
    async with province.read() as session:
        found = (await session.execute(select(SchoolClass))).scalar_one()
        count = (await session.execute(select(Headcount))).scalar_one()
        dump = ""
        for table in (
            "import_run",
            "import_row",
            "school_class",
            "academic_session",
            "headcount",
            "sync_state",
        ):
            dump += str((await session.execute(text(f"SELECT * FROM {table}"))).all())
        again = await oneroster.export(session, None, "now")
    assert (found.title, found.pupils, found.teachers, found.course) == ("6A1", 2, 1, "Toán 6")
    assert (count.pupils, count.pupils_with_id, count.teachers, count.teachers_with_record) == (2, 1, 1, 1)
    files = [each.read_bytes() for each in tmp_path.glob("*.db*")]
    for word in ("Zuzanna", "Xanthippe", "Quux", "zq@example"):
        assert word not in dump
        assert word not in repr(whole.plans)
        assert all(word.encode() not in each for each in files)
    assert (await bring("oneroster", again)).summary["changed"] == 0


def test_t08_and_t13_one_school_without_data_is_named_and_the_target_missed() -> None:
    schools = [f"T{n:03d}" for n in range(445)]
    latest = dict.fromkeys(schools, NOW_MS)
    assert coverage(schools, latest, NOW_MS).met
    latest["T017"] = NOW_MS - FRESH_MS - 1
    found = coverage(schools, latest, NOW_MS)
    assert (found.fresh, found.total, found.percent, found.met, found.stale) == (
        444,
        445,
        99.8,
        False,
        ("T017",),
    )


async def test_t13_a_source_brings_new_files_once_and_says_what_is_wrong(
    province: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "incoming" / "an-co"
    folder.mkdir(parents=True)
    (folder / "counts.csv").write_bytes(
        csv_bytes(("unit", "as_of", "pupils", "pupils_with_id", "teachers", "teachers_with_record"),
                  ("AC", "2025-09-30", 10, 9, 2, 2))
    )  # fmt: skip
    async with province.write() as session:
        session.add(SyncSource(name="SIS", kind="counts", unit_code="AC", location="an-co", every_s=60,
                               enabled=True,
                               next_ms=0, created_ms=0))  # fmt: skip
    now = [NOW_MS]
    sync = Sync(province, tmp_path, lambda: now[0], lambda: TODAY, everything)

    async def state() -> tuple[int | None, str, int]:
        async with province.read() as session:
            one = await session.get(SyncState, ("AC", "pupils"))
            source = (await session.execute(select(SyncSource))).scalar_one()
        assert one is not None
        return one.last_success_ms, one.error, source.next_ms

    assert await sync.step()
    assert (await state())[:2] == (NOW_MS, "")
    assert not await sync.step()
    now[0] += 70_000
    assert await sync.step()
    assert (await state())[0] == now[0]
    (folder / "counts.csv").write_bytes(csv_bytes(("unit", "as_of"), ("AC", "x")))
    now[0] += 70_000
    assert await sync.step()
    last_ms, error, next_ms = await state()
    assert last_ms == now[0] - 70_000
    assert "pupils" in error
    assert next_ms > now[0]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "0.0.0.0",
        "100.64.0.1",
    ],
)
def test_addresses_inside_are_not_fetched(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.216.34")


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/x.csv", "http://localhost/x.csv", "../../etc", "file:///etc/passwd"]
)
async def test_a_source_cannot_reach_what_is_not_its_own(
    province: Database, tmp_path: Path, location: str
) -> None:
    source = SyncSource(name="x", kind="counts", unit_code="AC", location=location, version="")
    with pytest.raises(FileTrouble):
        await Sync(province, tmp_path, lambda: NOW_MS, lambda: TODAY, everything)._fetch(source)


def test_m25_there_are_eight_domains() -> None:
    assert len(DOMAINS) == 8
