"""Files as people really send them: encodings, separators, dates, headings; and files made to hurt."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.imports.cells import CellError, day_of, find_columns, neutralised, reader_of, text_of
from hub.imports.encoding import decoded, find_separator
from hub.imports.reading import Rows
from hub.imports.reading_process import MAX_ROWS, bounded, opened
from hub.organisation.sheet import CountSheet, RoomSheet, opening_of, opening_text
from hub.sheets import Column, FileTrouble

NAME = "Trường Tiểu học Thạnh Đức, Gò Dầu – lớp học thông minh"
plain = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Co", "Cn"), blacklist_characters="\ufffd"), max_size=40
)


def read(path: Path, content: bytes) -> tuple[str, list[tuple[int, list[object]]]]:
    """What the reader's process would read, read here."""
    path.write_bytes(content)
    encoding, _, rows = opened(path)
    return encoding, [(number, list(cells)) for number, cells in bounded(rows)]


def cp1258(text: str) -> bytes:
    """Text as a Vietnamese Windows writes it: base letter with hat or horn, then the tone mark."""
    made = []
    for letter in unicodedata.normalize("NFC", text):
        try:
            made.append(letter.encode("cp1258"))
        except UnicodeEncodeError:
            base, *marks = list(unicodedata.normalize("NFD", letter))
            tone = [each for each in marks if each in "\u0300\u0301\u0303\u0309\u0323"]
            kept = unicodedata.normalize("NFC", base + "".join(each for each in marks if each not in tone))
            made.append(kept.encode("cp1258") + "".join(tone).encode("cp1258"))
    return b"".join(made)


@pytest.mark.parametrize(
    ("encoding", "make"),
    [
        ("utf-8", lambda text: text.encode()),
        ("utf-8", lambda text: unicodedata.normalize("NFD", text).encode()),
        ("utf-8-sig", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("utf-16-le", lambda text: b"\xff\xfe" + text.encode("utf-16-le")),
        ("utf-16-be", lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
        ("utf-16-le", lambda text: text.encode("utf-16-le")),
        ("cp1258", cp1258),
    ],
)
def test_every_encoding_gives_the_same_composed_text(tmp_path: Path, encoding: str, make: object) -> None:
    text = f'Mã;Tên\r\n1;"{NAME}"\r\n2;Đặng Thị Ngữ – ỗ ợ ự ẳ ễ\r\n'
    found, rows = read(tmp_path / "a.csv", make(text))  # type: ignore[operator]
    assert found == encoding
    assert rows == [(1, ["Mã", "Tên"]), (2, ["1", NAME]), (3, ["2", "Đặng Thị Ngữ – ỗ ợ ự ẳ ễ"])]


@settings(deadline=None)
@given(st.text("aăâbcdđeêghiklmnoôơpqrstuưvxyàảãáạằẳẵắặầẩẫấậềểễếệồổỗốộờởỡớợừửữứự ", min_size=1))
def test_windows_1258_comes_out_composed(text: str) -> None:
    assert decoded(cp1258(text), "cp1258") == unicodedata.normalize("NFC", text)


def test_a_line_of_another_encoding_is_marked_and_not_guessed(tmp_path: Path) -> None:
    lines = [f"{n};Trường Tân Châu".encode() for n in range(5)] + [cp1258("6;Trường Gò Dầu")]
    _, rows = read(tmp_path / "a.csv", b"\n".join(lines))
    assert "\ufffd" in str(rows[5][1][1])
    with pytest.raises(CellError) as wrong:
        text_of(rows[5][1][1])  # type: ignore[arg-type]
    assert wrong.value.code == "mixed_encoding"


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_separator_is_found(sign: str) -> None:
    lines = [sign.join(("a", '"x, y; z"', "c")), sign.join(("1", "2,5", "3"))]
    assert find_separator(lines) == sign
    assert find_separator(["sep=|", "a;b|c"]) == "|"


@settings(deadline=None)
@given(st.dates(date(1900, 3, 1), date(2199, 12, 31)))
def test_a_day_is_read_in_every_way_people_write_it(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    for cell in (
        day.isoformat(),
        f"{day:%d/%m/%Y}",
        f"{day.day}-{day.month}-{day.year}",
        serial,
        float(serial),
    ):
        assert day_of(cell) == day
    assert day + timedelta(0) == day_of(f"{day.isoformat()}T00:00:00")


@pytest.mark.parametrize("cell", ["31/02/2025", "2025-13-01", "hôm qua", "12/2025", "01/01/25", 99_999_999])
def test_what_is_no_day_is_said(cell: str | int) -> None:
    with pytest.raises(CellError) as wrong:
        day_of(cell)
    assert wrong.value.code == "not_a_date"


@settings(deadline=None)
@given(plain, st.booleans())
def test_what_is_neutralised_comes_back(text: str, in_spreadsheet: bool) -> None:
    text = unicodedata.normalize("NFC", text).strip()
    try:
        wanted = text_of(text) if not text.startswith("'") else text
        back = text_of(neutralised(text, in_spreadsheet=in_spreadsheet))
    except CellError:
        return
    written = neutralised(text, in_spreadsheet=False)
    assert not written.startswith(("=", "+", "-", "@"))
    if " ".join(text.split()) == text:
        assert back == wanted


def test_numbers_and_headings_are_read_as_meant() -> None:
    number = reader_of(Column("n", "n", "n", "integer", most=10**12))
    assert [number(each) for each in ("18.500.000", "18,500,000", "18500000", "18500000.0", 18500000.0)] == [
        18_500_000
    ] * 5
    headings = ["Số chỗ", "ma phong", "SCHOOL *", "Tên phòng (bắt buộc)", "Màu"]
    assert find_columns(RoomSheet.columns, headings) == ["seats", "code", "school", "name", None]
    assert find_columns(CountSheet.columns, ["So hoc sinh", "as_of"]) == ["pupils", "as_of"]
    hours = "1,2,3,4,5 07:00-17:00; 6 07:00-11:30"
    assert opening_text(opening_of(hours) or []) == hours
    assert opening_of("thứ hai") is None


def bomb(size: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(size >> 20):
                sheet.write(bytes(1 << 20))
    return packed.getvalue()


def workbook(*rows: tuple[object, ...], far: tuple[int, int] | None = None) -> bytes:
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write(number, place, cell)
    if far:
        sheet.write(*far, "x")
    book.close()
    return packed.getvalue()


def lying(content: bytes) -> bytes:
    """The same zip file, whose directory claims that every entry unpacks to ten bytes."""
    changed = bytearray(content)
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + 24 : at + 28] = (10).to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 ...", "unknown_format"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "old_format"),
        (b"PK\x03\x04 torn", "not_a_zip"),
        (b"a,b\n" + b'"' + b"x" * 20_000, "too_long"),
        (b",".join([b"x"] * 65), "too_many_columns"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(FileTrouble) as wrong:
        read(tmp_path / "a", content)
    assert wrong.value.code == code
    assert wrong.value.fix


def test_a_file_has_at_most_so_many_rows() -> None:
    assert sum(1 for _ in bounded((n, ["x"]) for n in range(MAX_ROWS + 1))) == MAX_ROWS + 1
    with pytest.raises(FileTrouble) as wrong:
        list(bounded((n, ["x"]) for n in range(MAX_ROWS + 2)))
    assert wrong.value.code == "too_many_rows"


def test_the_process_hands_over_rows_and_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("mã,tên\n1,An Cơ\n".encode() * 1_200)
    with Rows(path) as rows:
        assert (rows.encoding, rows.total) == ("utf-8", 2_400)
        assert list(list(rows)[-1]) == [2_400, ["1", "An Cơ"]]
    path.write_bytes(b"a,b\n" * 1_500 + b",".join([b"x"] * 65))
    with pytest.raises(FileTrouble) as late, Rows(path) as rows:
        list(rows)
    assert (late.value.code, late.value.row) == ("too_many_columns", 1_501)
    with pytest.raises(FileTrouble) as missing, Rows(tmp_path / "none.csv"):
        pass
    assert missing.value.code == "unreadable"


def test_bombs_are_refused_before_anything_unpacks_them(tmp_path: Path) -> None:
    for content in (bomb(64 << 20), lying(bomb(64 << 20))):
        with pytest.raises(FileTrouble) as wrong:
            read(tmp_path / "a.xlsx", content)
        assert wrong.value.code == "zip_bomb"
    for far, code in (((0, 16_383), "too_many_columns"), ((1_048_575, 0), "too_many_rows")):
        with pytest.raises(FileTrouble) as wrong:
            read(tmp_path / "a.xlsx", workbook(("a", "b"), far=far))
        assert wrong.value.code == code


def test_a_workbook_gives_the_cells_that_people_see(tmp_path: Path) -> None:
    _, rows = read(
        tmp_path / "a.xlsx", workbook(("Mã", "Giá", "Tên"), (24052101, 1.5, "=1+1 là chữ"), (None, None, "x"))
    )
    assert rows[0] == (1, ["Mã", "Giá", "Tên"])
    assert rows[1][1][:2] == [24052101, 1.5]
    assert rows[2][0] == 3
