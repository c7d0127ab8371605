"""The drawn map: true places, whole clusters, nothing lost, the committed file up to date."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import devices.province
from dashboards import assets
from dashboards.cartogram import CENTRES, LABEL_CELLS, PITCH, draw, neighbours, pieces, smooth

DRAWN: dict[str, Any] = json.loads((assets.ROOT / "map" / "province.json").read_text(encoding="utf-8"))


def schools() -> list[tuple[str, str]]:
    """Read the shipped list as (code, district)."""
    source = Path(devices.province.__file__).with_name("schools.csv")
    with source.open(encoding="utf-8", newline="") as file:
        return [(row["code"], row["district_code"]) for row in csv.DictReader(file)]


def middle(district: str) -> tuple[float, float]:
    """Give the middle of a district's cells."""
    cells = list(DRAWN["districts"][district]["cells"].values())
    return sum(x for x, _ in cells) / len(cells), sum(y for _, y in cells) / len(cells)


def test_the_committed_drawing_is_what_the_script_draws() -> None:
    assert draw(schools()) == DRAWN


def test_every_school_has_one_cell_in_its_own_district() -> None:
    placed = [(code, d) for d, drawn in DRAWN["districts"].items() for code in drawn["cells"]]
    assert sorted(placed) == sorted(schools())
    assert len(placed) == 445
    spots = Counter(tuple(at) for drawn in DRAWN["districts"].values() for at in drawn["cells"].values())
    assert max(spots.values()) == 1


def test_every_district_is_one_piece() -> None:
    for drawn in DRAWN["districts"].values():
        rows = [(round(y / (PITCH * 0.8660254)), x) for x, y in drawn["cells"].values()]
        shift = {row: x / PITCH % 1 for row, x in rows}
        even = min(shift.values())
        odd = next((row % 2 for row, at in shift.items() if at - even > 0.3), 1)
        cells = {
            (row + odd + 1, round((x / PITCH) - even - (0.5 if row % 2 == odd else 0))) for row, x in rows
        }
        assert len(cells) == len(rows)
        # the clearing for the label joins what it separates, so at most the ring around it is open
        assert len(pieces(cells)) <= 2


@pytest.mark.parametrize("district", sorted(CENTRES))
def test_no_label_lies_on_a_school(district: str) -> None:
    x, y = DRAWN["districts"][district]["label"]
    for drawn in DRAWN["districts"].values():
        for school_x, school_y in drawn["cells"].values():
            away = abs(school_x - x) >= PITCH * (min(LABEL_CELLS) / 2) or abs(school_y - y) > PITCH * 0.8
            assert away, f"a school lies under the name of {district}"


def test_districts_keep_their_true_directions() -> None:
    for one, (lon_a, lat_a) in CENTRES.items():
        for two, (lon_b, lat_b) in CENTRES.items():
            (xa, ya), (xb, yb) = middle(one), middle(two)
            if lon_a - lon_b > 0.12:
                assert xa > xb, f"{one} lies east of {two}"
            if lat_a - lat_b > 0.12:
                assert ya < yb, f"{one} lies north of {two}"


def test_neighbours_are_mutual() -> None:
    for cell in [(3, 4), (4, 4)]:
        assert len(set(neighbours(cell))) == 6
        assert all(cell in neighbours(near) for near in neighbours(cell))


def test_a_shared_border_is_the_same_line_from_both_sides() -> None:
    arc = [(0.0, 0.0), (3.0, 1.0), (4.0, 5.0), (9.0, 2.0)]
    assert smooth(arc, 2) == smooth(arc[::-1], 2)[::-1]
