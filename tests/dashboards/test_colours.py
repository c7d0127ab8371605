"""WCAG AA of the tokens that stand on each other, and no colour that means something by itself alone."""

import re
from typing import TypeAlias

import pytest

from dashboards.assets import ROOT

Colour: TypeAlias = tuple[float, float, float]
TOKENS = dict(
    re.findall(r"--([a-z-]+): (#[0-9A-Fa-f]{6})", (ROOT / "css/tokens.css").read_text(encoding="utf-8"))
)
CRITICAL_ROW = "#3A1722"  # a critical alarm's row at its reddest: 20 % of --critical on a panel


def rgb(name: str) -> Colour:
    """Read a token or a hex colour as 0..1."""
    digits = TOKENS.get(name, name).lstrip("#")
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Give the relative luminance of WCAG 2."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(front: str, back: str) -> float:
    """Give the contrast ratio of WCAG 2."""
    dark, light = sorted((luminance(rgb(front)), luminance(rgb(back))))
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("ground", "panel-top", "panel-bottom")


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    "text", ["ink", "soft", "mute", "faint", "ok", "minor-text", "major-text", "critical-text", "accent"]
)
def test_text_is_readable_on_every_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("mark", ["minor", "major", "critical", "offline", "ok"])
def test_marks_stand_out_on_every_ground(mark: str, ground: str) -> None:
    assert contrast(mark, ground) >= 3


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("alert-ink", "alert-ground"), ("alert-soft", "alert-ground"), ("alert-ink", "#C5162B"),
        ("alert-soft", "#C5162B"), ("lost-ink", "lost-ground"), ("#FFFFFF", "#D5263B"),
        ("#FFFFFF", "#17719E"),
        ("#DDB4BA", CRITICAL_ROW), ("ink", CRITICAL_ROW), ("soft", CRITICAL_ROW), ("mute", CRITICAL_ROW),
        ("#DCE8F4", "#0F3A4A"), ("#DCE8F4", "#40290F"), ("#FFB27A", "#40290F"), ("#FF9AA3", "#481521"),
        ("ink", "#1D5F86"), ("ink", "#1C6A66"), ("ink", "#5A4C86"), ("ink", "#6A5138"), ("ink", "#4E5F2F"),
        ("ink", "#6B5412"), ("ink", "#7A3E10"), ("ink", "#8E1226"), ("mute", "#1A2C40"), ("ink", "#12304A"),
    ],
)  # fmt: skip
def test_text_on_coloured_grounds_is_readable(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("cell", ["#0F3A4A", "#0D2C40", "#40290F", "#481521"])
@pytest.mark.parametrize("mark", ["minor", "major", "critical", "offline"])
def test_marks_stand_out_in_every_district(mark: str, cell: str) -> None:
    assert contrast(mark, cell) >= 3


def test_every_state_has_a_shape_of_its_own() -> None:
    script = (ROOT / "js/severity.js").read_text(encoding="utf-8")
    shapes = re.search(r"SHAPES = \{(.*?)\};", script, re.DOTALL)
    assert shapes is not None
    drawn = dict(re.findall(r"(\w+): (.*),", shapes[1]))
    assert {"ok", "minor", "major", "critical", "offline", "unknown", "absent"} == set(drawn)
    assert len(set(drawn.values())) == len(drawn)
