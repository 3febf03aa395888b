"""A gauge is read without seeing its colour, and without seeing it at all."""

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from sparewatt_desktop.page import PageTools
from sparewatt_desktop.widgets.gauge import Gauge
from sparewatt_desktop.widgets.gauge_readings import GaugeReading
from sparewatt_desktop.widgets.text import Text

CALM = GaugeReading("Power", "90 W", "of 180 W", 0.5, "calm")
NEAR = GaugeReading("Power", "176 W", "of 180 W", 0.98, "near", "At your cap.")
OVER = GaugeReading("Power", "190 W", "of 180 W", 1.06, "over", "Over your cap.")
UNKNOWN = GaugeReading("Power", "not known", "", None, "unknown", "No sensor.")


@pytest.fixture
def gauge(qtbot: QtBot, tools: PageTools) -> Gauge:
    made = Gauge(tools.look)
    qtbot.addWidget(made)
    made.resize(200, 120)
    made.show()
    return made


def greys(gauge: Gauge) -> bytes:
    picture = gauge._bar.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    return bytes(picture.constBits())


@pytest.mark.parametrize("reading", [CALM, NEAR, OVER, UNKNOWN], ids=lambda reading: reading.state)
def test_all_of_it_is_in_words(gauge: Gauge, reading: GaugeReading) -> None:
    gauge.show_reading(reading)
    shown = [text.text() for text in gauge.findChildren(Text) if text.isVisible()]
    assert shown == [part for part in (reading.label, reading.value, reading.limit, reading.note) if part]
    assert gauge.accessibleName() == "Power"
    assert gauge.accessibleDescription() == reading.spoken


def test_states_differ_in_shape_as_well_as_in_colour(gauge: Gauge) -> None:
    pictures = set()
    for state in ("calm", "near"):
        gauge.show_reading(GaugeReading("Power", "1 W", "", 0.9, state))
        picture = greys(gauge)
        # With every tone turned into the same one, only the pattern is left.
        levels = sorted(set(picture))
        pictures.add(bytes(levels.index(level) > len(levels) // 2 for level in picture))
    assert len(pictures) == 2


def test_a_share_beyond_the_limit_reaches_past_its_mark(gauge: Gauge) -> None:
    gauge.show_reading(OVER)
    over = greys(gauge)
    gauge.show_reading(GaugeReading("Power", "180 W", "", 1.0, "over"))
    assert greys(gauge) != over


def test_a_share_of_any_size_can_be_painted(gauge: Gauge) -> None:
    for share in (0.0, 1e-9, 1.0, 50.0):
        gauge.show_reading(GaugeReading("Power", "x", "", share, "calm"))
        assert not gauge.grab().isNull()
