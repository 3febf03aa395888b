"""Text of strangers on a screen."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from sparewatt_desktop.testing.scenes import HOSTILE_TITLE
from sparewatt_desktop.widgets.text import Line, Text, plain


@given(st.text(max_size=3_000), st.integers(2, 300))
def test_nothing_can_turn_or_end_a_line(text: str, most: int) -> None:
    shown = plain(text, most)
    assert len(shown) <= most
    assert shown == " ".join(shown.split())
    hidden = [mark for mark in shown if unicodedata.category(mark) in ("Cc", "Cf", "Zl", "Zp", "Cs")]
    assert set(hidden) <= {"\u200c", "\u200d"}


def test_the_direction_stays_and_markup_is_text() -> None:
    shown = plain(HOSTILE_TITLE)
    assert "\u202e" not in shown
    assert shown.startswith("<h1>Free money</h1><img src=x> very very")
    assert shown.endswith("…")


def test_ordinary_titles_are_left_alone() -> None:
    assert plain("Märchen für alle – 物語 👩‍🚀") == "Märchen für alle – 物語 👩‍🚀"


def test_labels_never_guess_at_markup(qtbot: QtBot) -> None:
    for label in (Text("<b>x</b>"), Line("<b>x</b>")):
        qtbot.addWidget(label)
        assert label.textFormat() == Qt.TextFormat.PlainText


def test_a_line_that_does_not_fit_ends_in_an_ellipsis_and_is_whole_elsewhere(qtbot: QtBot) -> None:
    line = Line("word " * 100)
    qtbot.addWidget(line)
    line.resize(120, 20)
    line.show()
    assert line.text().endswith("…")
    assert line.whole.startswith("word word")
    assert line.accessibleName() == line.whole
    assert line.toolTip()
    assert "<" not in line.toolTip()


def test_a_tool_tip_of_markup_is_no_markup(qtbot: QtBot) -> None:
    line = Line("<img src='x'>" * 30)
    qtbot.addWidget(line)
    line.resize(60, 20)
    line.show()
    assert line.toolTip()
    assert "<" not in line.toolTip()
