"""Packed rows give back what went in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from hub.telemetry.port import Series
from hub.telemetry.rows import code, pack, unpack

_VALUES: dict[DataType, st.SearchStrategy[Any]] = {
    DataType.Int8: st.integers(-128, 127),
    DataType.Int32: st.integers(-(2**31), 2**31 - 1),
    DataType.Int64: st.integers(-(2**63), 2**63 - 1),
    DataType.UInt16: st.integers(0, 2**16 - 1),
    DataType.UInt64: st.integers(0, 2**64 - 1),
    DataType.Float: st.floats(width=32, allow_nan=False, allow_infinity=False),
    DataType.Double: st.floats(allow_nan=False, allow_infinity=False),
    DataType.Boolean: st.booleans(),
    DataType.String: st.text(max_size=50),
}


@st.composite
def _rows(draw: st.DrawFn) -> tuple[Series, list[int], list[Any]]:
    kinds = draw(st.lists(st.sampled_from(sorted(_VALUES)), min_size=1, max_size=40))
    series = Series(
        ("g", "n", "d"), 1, [(f"m{i}", kind) for i, kind in enumerate(kinds)], "".join(map(code, kinds))
    )
    places = draw(st.lists(st.integers(0, len(kinds) - 1), unique=True, min_size=1))
    return series, places, [draw(st.none() | _VALUES[kinds[place]]) for place in places]


@given(_rows())
def test_a_row_comes_back(row: tuple[Series, list[int], list[Any]]) -> None:
    series, places, values = row
    for indices in (bytes(places), tuple(places)):
        assert list(unpack(series.codes, pack(series, indices, values))) == list(
            zip(places, values, strict=True)
        )


def test_numbers_are_small() -> None:
    series = Series(("g", "n", "d"), 1, [(f"m{i}", DataType.Float) for i in range(8)], "f" * 8)
    assert len(pack(series, bytes(range(8)), [1.5] * 8)) == 2 + 8 + 32


def test_a_number_outside_its_datatype_is_kept_as_it_came() -> None:
    series = Series(("g", "n", "d"), 1, [("m", DataType.Int8)], "b")
    assert list(unpack("b", pack(series, b"\x00", [70_000]))) == [(0, 70_000)]
