"""Statuses, types and conditions are read in the words that people write, and asked for in Vietnamese."""

from datetime import timedelta

import pytest

from hub.assets.sheet import EquipmentSheet
from hub.database import Database
from hub.imports.cells import CellError, key, reader_of
from hub.sheets import Column
from tests.hub.imports.conftest import TODAY, Bring, csv_bytes, problems

COLUMNS = {column.name: column for column in EquipmentSheet.columns}


@pytest.mark.parametrize(
    ("column", "value", "written"),
    [
        ("status", "in_use", "Đang dùng, dang dung, ĐANG SỬ DỤNG, in use, In_Use, Sử dụng, in_use"),
        ("status", "repair", "Đang sửa, dang sua chua, Under repair"),
        ("status", "disposed", "Thanh lý, thanh lí, đã thanh lý, Disposed of"),
        ("type", "projector", "máy chiếu, May Chieu, Projector"),
        ("type", "computer", "Máy vi tính, PC, may tinh"),
        ("type", "interactive_display", "Bảng tương tác, man hinh tuong tac"),
        ("condition", "broken", "Hỏng, hư hỏng, BROKEN"),
    ],
)
def test_words_are_read_as_people_write_them(column: str, value: str, written: str) -> None:
    read = reader_of(COLUMNS[column])
    assert {word: read(word) for word in written.split(", ")} == dict.fromkeys(written.split(", "), value)


@pytest.mark.parametrize("column", ["type", "status", "condition"])
def test_no_word_means_two_things(column: str) -> None:
    seen: dict[str, str] = {}
    for value, words in COLUMNS[column].choices.items():
        for word in (value, *words):
            assert seen.setdefault(key(word), value) == value, word


def test_an_unknown_word_is_answered_with_the_vietnamese_ones_first() -> None:
    with pytest.raises(CellError) as wrong:
        reader_of(COLUMNS["status"])("đang ngủ")
    assert wrong.value.fix.startswith("write one of Đang dùng (in_use), Dự phòng (spare)")


def test_a_number_below_nothing_says_so() -> None:
    with pytest.raises(CellError) as wrong:
        reader_of(Column("pupils", "", "", "integer"))("-5")
    assert wrong.value.code == "negative"


async def test_slips_of_a_list_are_warnings(province: Database, bring: Bring) -> None:
    head = ("tag", "name", "school", "serial", "acquired")
    await bring("equipment", csv_bytes(head, ("T0", "Máy", "AC", "SN0", "")), apply=True)
    rows = (
        ("T1", "Máy", "AC", "SN1", str(TODAY + timedelta(1))), ("T2", "Máy", "AC", "SN1", ""),
        ("T3", "Máy", "SD", "SN1", str(TODAY)), ("T4", "Máy", "AC", "SN0", ""),
        ("T0", "Máy B", "AC", "SN0", ""),
    )  # fmt: skip
    whole = await bring("equipment", csv_bytes(head, *rows), apply=True)
    assert problems(whole) == [
        (2, "acquired", "in_the_future"), (3, "serial", "double_serial"), (5, "serial", "double_serial"),
    ]  # fmt: skip
    assert (whole.summary["new"], whole.summary["changed"], whole.summary["errors"]) == (4, 1, 0)
