"""A configured GeoJSON file takes the place of our own drawing."""

import json
import math
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.boundaries import BoundaryError, draw, read
from dashboards.cartogram import PITCH
from dashboards.pages import mount
from devices import province

WEST: list[list[float]] = [[106, 11], [106.5, 11], [106.5, 11.5], [106, 11.5], [106, 11]]
EAST = [[106.5, 11], [107, 11], [107, 11.5], [106.5, 11]]
SQUARES = {
    "type": "FeatureCollection",
    "features": [
        {"id": "703", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [WEST]}},
        {"properties": {"code": 706}, "geometry": {"type": "MultiPolygon", "coordinates": [[EAST]]}},
        {"properties": {}, "geometry": {"type": "Point", "coordinates": [106, 11]}},
    ],
}
SCHOOLS = [(f"S{n}", "703" if n % 3 else "706") for n in range(90)]


def _written(folder: Path, document: Any) -> Path:
    path = folder / "map.geojson"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_every_school_has_a_cell_of_its_own_in_its_district(tmp_path: Path) -> None:
    drawing = draw(read(_written(tmp_path, SQUARES)), SCHOOLS)
    cells = {
        school: cell
        for district in drawing["districts"].values()
        for school, cell in district["cells"].items()
    }
    assert set(cells) == {school for school, _ in SCHOOLS}
    assert min(math.dist(a, b) for a, b in combinations(cells.values(), 2)) >= PITCH * 0.99
    assert all(0 <= x <= drawing["width"] and 0 <= y <= drawing["height"] for x, y in cells.values())
    border = drawing["width"] / 2
    assert all(cells[school][0] < border for school, district in SCHOOLS if district == "703")
    assert all(cells[school][0] > border for school, district in SCHOOLS if district == "706")
    assert drawing["districts"]["703"]["outline"].startswith("M")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("not json", "not a GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection"}, "not a GeoJSON FeatureCollection"),
        ({"features": []}, "holds no polygon"),
        ({"features": [{"geometry": {"type": "Polygon", "coordinates": [[[106, 11]]]}}]}, "no district code"),
        (
            {"features": [{"id": "703", "geometry": {"type": "Polygon", "coordinates": [[[900, 11]]]}}]},
            "feature 0",
        ),
        ({"features": [{"id": "703", "geometry": None}]}, "feature 0"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, document: Any, says: str) -> None:
    with pytest.raises(BoundaryError, match=says):
        read(_written(tmp_path, document))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoundaryError, match=r"none\.geojson cannot be read"):
        read(tmp_path / "none.geojson")


def test_a_school_without_a_district_on_the_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoundaryError, match="no boundary for district 999, where S1 is"):
        draw(read(_written(tmp_path, SQUARES)), [("S1", "999")])


def test_the_wall_takes_the_configured_map(tmp_path: Path) -> None:
    features = []
    for index, district in enumerate(sorted({school.district_code for school in province.schools(None)})):
        ring = [[x + index * 0.5, y] for x, y in WEST]
        features.append({"id": district, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    app = FastAPI()
    app.state.settings = SimpleNamespace(map_geojson=_written(tmp_path, {"features": features}))
    mount(app, simulated=True)
    client = TestClient(app)
    assert 'data-map="/map.json"' in client.get("/wall/main").text
    drawing = client.get("/map.json").json()
    assert sum(len(district["cells"]) for district in drawing["districts"].values()) == 445
