"""What a camera's masks mean: only one that is enabled and lies over the picture is a closed shutter."""

import pytest
from lxml import etree

from devices.protocols.onvif.masks import MEDIA2, covered

WHOLE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
HALF = [(-1, -1), (0, -1), (0, 1), (-1, 1)]


def answer(*masks: tuple[list[tuple[object, object]], str]) -> etree._Element:
    inside = "".join(
        "<m:Masks><m:Polygon>"
        + "".join(f'<t:Point x="{x}" y="{y}"/>' for x, y in points)
        + f"</m:Polygon><m:Enabled>{enabled}</m:Enabled></m:Masks>"
        for points, enabled in masks
    )
    return etree.fromstring(
        f'<a xmlns:m="{MEDIA2}" xmlns:t="http://www.onvif.org/ver10/schema">'
        f"<m:GetMasksResponse>{inside}</m:GetMasksResponse></a>"
    )


@pytest.mark.parametrize(
    ("masks", "closed"),
    [
        ([(WHOLE, "true")], True),
        ([(list(reversed(WHOLE)), "1")], True),
        ([(WHOLE, "false")], False),
        ([(HALF, "true"), (HALF, "true")], False),
        ([(HALF, "true"), (WHOLE, "true")], True),
        ([([("left", 1), (1, "nan")], "true")], False),
        ([([], "true")], False),
        ([], False),
    ],
)
def test_a_mask_over_the_whole_picture_is_a_closed_shutter(masks: list, closed: bool) -> None:  # type: ignore[type-arg]
    assert covered(answer(*masks)) is closed


def test_an_answer_of_something_else_tells_nothing() -> None:
    assert covered(etree.fromstring("<a><Masks/></a>")) is None
