"""Draw the province as a cartogram: one hexagonal cell a school, in its district's place.

Run once whenever the list of schools changes, and commit what it writes::

    python -m dashboards.cartogram schools.csv dashboards/static/map/province.json

No boundary data goes in. The silhouette is our own rough sketch, the only facts are the nine district
centres and how many schools each district has. Cells are dealt to districts by a capacity-constrained
Voronoi diagram (Balzer and Heck, 2008), which keeps every district one connected piece in its true
relative place; the borders are then smoothed as shared arcs, so that neighbours never overlap.
Nothing here is random: the same list of schools gives the same bytes.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Point = tuple[float, float]
Cell = tuple[int, int]
"""A hexagon as (row, column); odd rows are shifted right by half a cell."""

PITCH = 24.0
"""Distance between the centres of neighbouring cells, in drawing units (1 unit = 1 px of a 1080p wall)."""

LABEL_CELLS = (5, 4)
"""Cells left free in two rows of each district, so that its name never covers a school."""

CENTRES: Mapping[str, Point] = {  # district code: (longitude, latitude)
    "703": (106.131, 11.372), "709": (106.148, 11.262), "712": (106.345, 11.070),
    "710": (106.255, 11.165), "711": (106.120, 11.118), "707": (106.262, 11.335),
    "706": (106.300, 11.590), "705": (105.985, 11.580), "708": (105.985, 11.315),
}  # fmt: skip

SILHOUETTE: Sequence[Point] = (
    (105.805, 11.615), (105.862, 11.640), (105.885, 11.663), (105.962, 11.668), (105.990, 11.715),
    (106.050, 11.772), (106.100, 11.762), (106.112, 11.738), (106.168, 11.752), (106.240, 11.742),
    (106.275, 11.706), (106.352, 11.714), (106.405, 11.690), (106.468, 11.684), (106.455, 11.640),
    (106.494, 11.596), (106.470, 11.520), (106.410, 11.480), (106.400, 11.420), (106.362, 11.392),
    (106.368, 11.330), (106.352, 11.268), (106.330, 11.222), (106.392, 11.186), (106.418, 11.118),
    (106.446, 11.090), (106.428, 11.010), (106.400, 10.968), (106.300, 10.962), (106.172, 10.950),
    (106.205, 11.002), (106.140, 11.050), (106.052, 11.076), (106.014, 11.164), (105.952, 11.176),
    (105.892, 11.212), (105.876, 11.262), (105.884, 11.330), (105.872, 11.384), (105.902, 11.432),
    (105.846, 11.486), (105.816, 11.520), (105.838, 11.560),
)  # fmt: skip
"""The province as a rough hand sketch (longitude, latitude), for its character, not for measuring."""

NORTH_FROM = 11.44
NORTH_SCALE = 0.62
"""The wide north has few schools for its area: north of this latitude the sketch is flattened."""

STRETCH = 1.22
"""The sketch is made a little taller, because the panel it hangs in is."""


def project(point: Point) -> Point:
    """Turn (longitude, latitude) into drawing coordinates of arbitrary scale, y downwards."""
    lon, lat = point
    north = max(lat - NORTH_FROM, 0.0)
    return lon * math.cos(math.radians(11.3)), -(min(lat, NORTH_FROM) + north * NORTH_SCALE) * STRETCH


def inside(point: Point, ring: Sequence[Point]) -> bool:
    """Say whether a point lies inside a closed ring (even-odd rule)."""
    x, y = point
    odd = False
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


def centre(cell: Cell) -> Point:
    """Give the centre of a cell in drawing units."""
    row, column = cell
    return (column + (row % 2) / 2) * PITCH, row * PITCH * math.sqrt(3) / 2


def neighbours(cell: Cell) -> list[Cell]:
    """List the six cells around a cell, clockwise from the right."""
    row, column = cell
    shift = row % 2
    return [
        (row, column + 1), (row + 1, column + shift), (row + 1, column - 1 + shift),
        (row, column - 1), (row - 1, column - 1 + shift), (row - 1, column + shift),
    ]  # fmt: skip


def pieces(cells: Iterable[Cell]) -> list[set[Cell]]:
    """Split cells into connected pieces, the largest first."""
    left, found = set(cells), []
    while left:
        start = min(left)
        left.discard(start)
        piece, queue = {start}, deque([start])
        while queue:
            for near in neighbours(queue.popleft()):
                if near in left:
                    left.discard(near)
                    piece.add(near)
                    queue.append(near)
        found.append(piece)
    return sorted(found, key=lambda piece: (-len(piece), min(piece)))


def fill(ring: Sequence[Point], wanted: int) -> tuple[list[Cell], float, Point]:
    """Cover a ring with exactly `wanted` cells; also give scale and origin of the sketch in drawing units.

    The scale is searched so that slightly too many cells fit, then the outermost, least supported ones go.
    """
    left, top = min(x for x, _ in ring), min(y for _, y in ring)
    wide, tall = max(x for x, _ in ring) - left, max(y for _, y in ring) - top

    def cover(scale: float) -> list[Cell]:
        rows, columns = int(tall * scale / PITCH * 1.2) + 2, int(wide * scale / PITCH) + 2
        grid = [(row, column) for row in range(rows) for column in range(columns)]
        found = [c for c in grid if inside((centre(c)[0] / scale + left, centre(c)[1] / scale + top), ring)]
        return sorted(pieces(found)[0]) if found else []

    low, high = 1.0, 10_000.0
    for _ in range(40):
        scale = (low + high) / 2
        low, high = (scale, high) if len(cover(scale)) < wanted else (low, scale)
    cells = set(cover(high))
    while len(cells) > wanted:
        middle = (
            sum(centre(c)[0] for c in cells) / len(cells),
            sum(centre(c)[1] for c in cells) / len(cells),
        )
        edge = [c for c in cells if len(pieces(cells - {c})) == 1]
        cells.discard(
            min(
                edge, key=lambda c: (sum(n in cells for n in neighbours(c)), -math.dist(centre(c), middle), c)
            )
        )
    return sorted(cells), high, (left, top)


def divide(cells: Sequence[Cell], sites: Mapping[str, Point], sizes: Mapping[str, int]) -> dict[Cell, str]:
    """Deal cells to districts, each exactly its size, as near to its site as swapping can bring it."""
    at = {cell: centre(cell) for cell in cells}
    where = dict(sites)
    owner: dict[Cell, str] = {}
    order = sorted(cells, key=lambda c: (min(math.dist(at[c], site) for site in where.values()), c))
    room = dict(sizes)
    for cell in order:
        district = min((d for d in sorted(room) if room[d]), key=lambda d: math.dist(at[cell], where[d]))
        owner[cell] = district
        room[district] -= 1
    for _ in range(60):
        swapped = _swap_until_settled(owner, at, where)
        for district, site in sites.items():  # a site follows its cells, on a lead tied to its true place
            own = [at[c] for c in cells if owner[c] == district]
            mean = (sum(x for x, _ in own) / len(own), sum(y for _, y in own) / len(own))
            where[district] = (mean[0] * 0.85 + site[0] * 0.15, mean[1] * 0.85 + site[1] * 0.15)
        if not swapped:
            break
    return owner


def _swap_until_settled(owner: dict[Cell, str], at: Mapping[Cell, Point], where: Mapping[str, Point]) -> bool:
    def gain(cell: Cell, here: str, there: str) -> float:
        x, y = at[cell]
        (ax, ay), (bx, by) = where[here], where[there]
        return (x - ax) ** 2 + (y - ay) ** 2 - (x - bx) ** 2 - (y - by) ** 2

    names, any_swap, again = sorted(where), False, True
    while again:
        again = False
        for i, one in enumerate(names):
            for two in names[i + 1 :]:
                ones = sorted((c for c in owner if owner[c] == one), key=lambda c: (-gain(c, one, two), c))
                twos = sorted((c for c in owner if owner[c] == two), key=lambda c: (-gain(c, two, one), c))
                for a, b in zip(ones, twos, strict=False):
                    if gain(a, one, two) + gain(b, two, one) <= 1e-6:
                        break
                    owner[a], owner[b] = two, one
                    again = any_swap = True
    return any_swap


def clearing(cells: set[Cell]) -> tuple[set[Cell], Point]:
    """Choose where a district's label goes: the cells to leave free and the middle of them.

    Raises ValueError when the district is too narrow for a label.
    """
    mean = (sum(centre(c)[0] for c in cells) / len(cells), sum(centre(c)[1] for c in cells) / len(cells))
    best: tuple[float, Cell, set[Cell], Point] | None = None
    long, short = LABEL_CELLS
    for row, column in sorted(cells):
        shift = row % 2
        upper = {(row, column + i) for i in range(long)}
        for lower_row in (row + 1, row - 1):
            free = upper | {(lower_row, column + shift + i) for i in range(short)}
            if not free <= cells:
                continue
            middle = (
                sum(centre((row, column + i))[0] for i in range(long)) / long,
                (centre((row, column))[1] + centre((lower_row, column))[1]) / 2,
            )
            rim = sum(n not in cells for c in free for n in neighbours(c))
            score = math.dist(middle, mean) + rim * 5.0
            if best is None or (score, min(free)) < best[:2]:
                best = (score, min(free), free, middle)
    if best is None:
        raise ValueError("no room for a label: district is too narrow")
    return best[2], best[3]


def corner(cell: Cell, index: int) -> Point:
    """Give corner `index` (0..5, clockwise from upper right) of a cell, rounded so that neighbours agree."""
    x, y = centre(cell)
    angle = math.radians(60 * index - 30)
    radius = PITCH / math.sqrt(3)
    return round(x + radius * math.cos(angle), 3), round(y + radius * math.sin(angle), 3)


def borders(owner: Mapping[Cell, str]) -> dict[str, list[Point]]:
    """Trace each district's outline as a ring of smoothed points; neighbours share their arcs exactly."""
    rings: dict[str, dict[Point, Point]] = defaultdict(dict)
    around: dict[Point, set[str]] = defaultdict(set)
    for cell, district in owner.items():
        for index, near in enumerate(neighbours(cell)):
            start, end = corner(cell, index), corner(cell, (index + 1) % 6)
            around[start].add(district)
            if near not in owner:
                around[start].add("")
                around[end].add("")
            if owner.get(near) != district:
                rings[district][start] = end
    junctions = {point for point, names in around.items() if len(names) > 2}
    shapes = {}
    for district in sorted(rings):
        step = rings[district]
        first = min(step.keys() & junctions or step.keys())
        ring = [first]
        while (point := step[ring[-1]]) != first:
            ring.append(point)
        cuts = [i for i, point in enumerate(ring) if point in junctions] or [0]
        shape: list[Point] = []
        for begin, stop in zip(cuts, [*cuts[1:], len(ring)], strict=True):
            arc = [*ring[begin : stop + 1]] if stop < len(ring) else [*ring[begin:], ring[0]]
            outer = any("" in around[point] for point in arc[1:-1])
            shape += smooth(arc, rounds=1 if outer else 2)[:-1]
        shapes[district] = shape
    return shapes


def smooth(arc: Sequence[Point], rounds: int) -> list[Point]:
    """Calm an arc's zigzag while its ends stay; the same arc walked backwards gives the same line."""
    points = list(arc)
    for _ in range(rounds):
        inner = [
            ((a[0] + 2 * b[0] + c[0]) / 4, (a[1] + 2 * b[1] + c[1]) / 4)
            for a, b, c in zip(points, points[1:], points[2:], strict=False)
        ]
        points = [points[0], *inner, points[-1]]
    return points


def path(ring: Sequence[Point]) -> str:
    """Write a ring as SVG path data: quadratic curves through the middles of its edges."""
    edges = zip(ring, [*ring[1:], ring[0]], strict=True)
    middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in edges]
    bends = zip([*ring[1:], ring[0]], [*middles[1:], middles[0]], strict=True)
    curves = "".join(f"Q{p[0]:.1f} {p[1]:.1f} {m[0]:.1f} {m[1]:.1f}" for p, m in bends)
    return f"M{middles[0][0]:.1f} {middles[0][1]:.1f}{curves}Z"


def draw(schools: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Compute the whole drawing from (school code, district code) pairs."""
    counts = Counter(district for _, district in schools)
    sizes = {district: counts[district] + sum(LABEL_CELLS) for district in CENTRES}
    ring = [project(point) for point in SILHOUETTE]
    cells, scale, (left, top) = fill(ring, sum(sizes.values()))
    sites = {}
    for district, place in CENTRES.items():
        x, y = project(place)
        sites[district] = ((x - left) * scale, (y - top) * scale)
    owner = divide(cells, sites, sizes)
    x0, y0 = min(centre(c)[0] for c in cells) - PITCH, min(centre(c)[1] for c in cells) - PITCH
    x1, y1 = max(centre(c)[0] for c in cells) + PITCH, max(centre(c)[1] for c in cells) + PITCH
    shapes = borders(owner)
    districts = {}
    for district in CENTRES:
        own = {c for c in cells if owner[c] == district}
        free, (label_x, label_y) = clearing(own)
        codes = sorted(code for code, where in schools if where == district)
        districts[district] = {
            "label": [round(label_x - x0, 1), round(label_y - y0, 1)],
            "outline": path([(x - x0, y - y0) for x, y in shapes[district]]),
            "cells": {
                code: [round(centre(c)[0] - x0, 1), round(centre(c)[1] - y0, 1)]
                for code, c in zip(codes, sorted(own - free), strict=True)
            },
        }
    return {"width": round(x1 - x0, 1), "height": round(y1 - y0, 1), "pitch": PITCH, "districts": districts}


def main(arguments: Sequence[str]) -> int:
    """Read a list of schools (CSV with `code`, `district_code`) and write the drawing as JSON."""
    source, target = Path(arguments[0]), Path(arguments[1])
    with source.open(encoding="utf-8", newline="") as file:
        schools = [(row["code"], row["district_code"]) for row in csv.DictReader(file)]
    text = json.dumps(draw(schools), ensure_ascii=False, separators=(",", ":"))
    target.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
