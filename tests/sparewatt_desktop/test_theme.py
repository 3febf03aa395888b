"""The design as values."""

import itertools

import pytest
from PySide6.QtGui import QColor

from sparewatt_desktop.theme import DARK, LIGHT, Palette, Theme, qt_palette, style_sheet

PALETTES = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", PALETTES)
def test_text_is_readable_on_every_ground(palette: Palette) -> None:
    texts = (palette.text, palette.text_quiet, palette.accent, palette.caution, palette.attention)
    grounds = (palette.background, palette.surface, palette.raised)
    for text, ground in itertools.product(texts, grounds):
        assert contrast(text, ground) >= 4.5, (text, ground)
    for ground in (palette.accent_soft, palette.caution_soft, palette.attention_soft):
        assert contrast(palette.text, ground) >= 4.5, ground
    assert contrast(palette.on_accent, palette.accent) >= 4.5


@pytest.mark.parametrize("palette", PALETTES)
def test_outlines_of_fields_can_be_seen(palette: Palette) -> None:
    assert contrast(palette.edge, palette.surface) >= 3.0
    assert contrast(palette.accent, palette.surface) >= 3.0, "the ring of the focus"


@pytest.mark.parametrize("percent", [100, 125, 175, 250])
def test_everything_grows_with_the_scale(percent: int) -> None:
    theme = Theme(LIGHT, percent)
    assert theme.px(16) == round(16 * percent / 100)
    assert f"font-size: {theme.px(14)}px" in style_sheet(theme)
    assert theme.px(0.1) == 1


def test_what_the_style_sheet_does_not_reach_has_the_same_colours() -> None:
    palette = qt_palette(Theme(DARK))
    assert palette.window().color() == QColor(DARK.background)
    assert palette.text().color() == QColor(DARK.text)
