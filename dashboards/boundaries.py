"""Draw the province from a configured GeoJSON file instead of our own cartogram.

The file is a FeatureCollection (RFC 7946, longitude and latitude). A Polygon or MultiPolygon is a district
and names its code in `id` or in the property `code`; nothing else is read. Schools get evenly spread cells
inside their district. The drawing has the form of `static/map/province.json`, so that the page cannot tell.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboards.cartogram import PITCH, Point, inside

_WIDTH = 600.0
_ROW = PITCH * math.sqrt(3) / 2
_MARGIN = PITCH * 0.42
_LABEL = (PITCH * 2.4, PITCH * 1.1)
"""Half the width and height that stay free around a district's name."""

Ring = Sequence[Point]


class BoundaryError(ValueError):
    """The GeoJSON file cannot be used; the message says what is wrong with which part."""


def read(path: Path) -> dict[str, list[Ring]]:
    """Read district code → outer rings. Raises BoundaryError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        features = document["features"]
    except OSError as error:
        raise BoundaryError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BoundaryError(f"{path} is not a GeoJSON FeatureCollection") from error
    districts: dict[str, list[Ring]] = {}
    for number, feature in enumerate(features):
        try:
            geometry, properties = feature["geometry"], feature.get("properties") or {}
            code = str(feature.get("id") or properties.get("code") or "")
            shapes = geometry["coordinates"]
            if geometry["type"] == "Polygon":
                shapes = [shapes]
            elif geometry["type"] != "MultiPolygon":
                continue
            rings = [[_projected(position) for position in shape[0]] for shape in shapes]
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise BoundaryError(f"{path}: feature {number} is not a polygon with coordinates") from error
        if not code:
            raise BoundaryError(f"{path}: feature {number} has no district code in `id` or `properties.code`")
        districts.setdefault(code, []).extend(rings)
    if not districts:
        raise BoundaryError(f"{path} holds no polygon")
    return districts


def _projected(position: Sequence[Any]) -> Point:
    lon, lat = float(position[0]), float(position[1])
    if not (-180 <= lon <= 180 and -85 <= lat <= 85):
        raise ValueError(position)
    return math.radians(lon), -math.asinh(math.tan(math.radians(lat)))  # Mercator, y downwards


def draw(boundaries: Mapping[str, Sequence[Ring]], schools: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Place (school, district) pairs inside the boundaries; the map grows until all fit.

    Raises BoundaryError for a district that has schools and no boundary.
    """
    members: dict[str, list[str]] = {code: [] for code in boundaries}
    for school, district in schools:
        if district not in members:
            raise BoundaryError(f"there is no boundary for district {district}, where {school} is")
        members[district].append(school)
    points = [point for rings in boundaries.values() for ring in rings for point in ring]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    width, height = max(x for x, _ in points) - left, max(y for _, y in points) - top
    if not width or not height:
        raise BoundaryError("the boundaries have no area")
    scale = _WIDTH / width
    for _ in range(80):
        scaled = {
            code: [[((x - left) * scale, (y - top) * scale) for x, y in ring] for ring in rings]
            for code, rings in boundaries.items()
        }
        drawn = {code: _district(rings, members[code]) for code, rings in scaled.items()}
        if all(drawn.values()):
            return {
                "width": round(width * scale, 1),
                "height": round(height * scale, 1),
                "pitch": PITCH,
                "districts": drawn,
            }
        scale *= 1.06
    crowded = ", ".join(sorted(code for code, district in drawn.items() if not district))
    raise BoundaryError(f"the schools of district {crowded} do not fit into its boundary")


def _district(rings: Sequence[Ring], schools: Sequence[str]) -> dict[str, Any] | None:
    """One district with a cell for every school, or None while it is too small for them."""
    ring = max(rings, key=_area)
    label = _middle(ring)
    free = [
        point
        for each in rings
        for point in _grid(each)
        if abs(point[0] - label[0]) > _LABEL[0] or abs(point[1] - label[1]) > _LABEL[1]
    ]
    if len(free) < len(schools):
        return None
    step = len(free) / len(schools) if schools else 1
    cells = {school: [round(v, 1) for v in free[int(index * step)]] for index, school in enumerate(schools)}
    outline = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in each) + "Z" for each in rings)
    return {"label": [round(label[0], 1), round(label[1], 1)], "outline": outline, "cells": cells}


def _grid(ring: Ring) -> list[Point]:
    """Centres of hexagons that lie inside a ring with some distance to it, row by row."""
    top, bottom = min(y for _, y in ring), max(y for _, y in ring)
    left, right = min(x for x, _ in ring), max(x for x, _ in ring)
    found: list[Point] = []
    for row in range(int(top // _ROW), int(bottom // _ROW) + 1):
        shift = PITCH / 2 if row % 2 else 0.0
        for column in range(int(left // PITCH), int(right // PITCH) + 1):
            x, y = column * PITCH + shift, row * _ROW
            around = ((x, y), (x - _MARGIN, y), (x + _MARGIN, y), (x, y - _MARGIN), (x, y + _MARGIN))
            if all(inside(point, ring) for point in around):
                found.append((x, y))
    return found


def _area(ring: Ring) -> float:
    return abs(_twice_area(ring)) / 2


def _twice_area(ring: Ring) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)


def _middle(ring: Ring) -> Point:
    """The centroid of a ring, or of its corners where it has no area."""
    double = _twice_area(ring)
    if abs(double) < 1e-9:
        return sum(x for x, _ in ring) / len(ring), sum(y for _, y in ring) / len(ring)
    x = y = 0.0
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x1 * y2 - x2 * y1
        x += (x1 + x2) * cross
        y += (y1 + y2) * cross
    return x / (3 * double), y / (3 * double)
