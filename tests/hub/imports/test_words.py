"""Statuses, types and conditions are read in the words that people write, and asked for in Vietnamese."""

import pytest

from hub.assets.sheet import EquipmentSheet
from hub.imports.cells import CellError, key, reader_of

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
    assert wrong.value.fix.startswith("write one of Đang sử dụng (in_use), Dự phòng (spare)")
