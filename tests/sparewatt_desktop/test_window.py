"""The window: pages at their first visit, told only while they are seen, reachable by keys."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QWidget,
)
from pytestqt.qtbot import QtBot

from sparewatt_desktop.testing.stage import Stage
from sparewatt_desktop.theme import DARK, LIGHT, Theme
from sparewatt_desktop.widgets.bar_chart import BarChart

Make = Callable[[str], Stage]
PAGES = ("status", "join", "training", "devices", "receipts", "energy", "settings")


def test_it_opens_at_the_status_and_makes_no_other_page(stage: Make) -> None:
    window = stage("contributing").desktop.window
    assert window.page == "status"
    assert len(window._made) == 1


@pytest.mark.parametrize(("place", "page"), list(enumerate(PAGES, start=1)))
def test_control_and_a_digit_open_a_page(stage: Make, qtbot: QtBot, place: int, page: str) -> None:
    window = stage("contributing").desktop.window
    with qtbot.waitExposed(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0.value + place), Qt.KeyboardModifier.ControlModifier)
    assert window.page == page


def test_arrows_walk_along_the_rail(stage: Make, qtbot: QtBot) -> None:
    window = stage("contributing").desktop.window
    buttons = list(window.navigation._buttons.values())
    with qtbot.waitExposed(window):
        window.activateWindow()
    buttons[0].setFocus()
    qtbot.keyClick(window.navigation, Qt.Key.Key_Down)
    assert window.focusWidget() is buttons[1]
    qtbot.keyClick(window.navigation, Qt.Key.Key_Up)
    qtbot.keyClick(window.navigation, Qt.Key.Key_Up)
    assert window.focusWidget() is buttons[-1]
    qtbot.keyClick(buttons[-1], Qt.Key.Key_Space)
    assert window.page == PAGES[-1]


def test_a_page_that_is_not_seen_is_not_told(stage: Make) -> None:
    made = stage("contributing")
    told: list[object] = []
    page = made.desktop.window._made["status"]
    page.show_snapshot = told.append  # type: ignore[attr-defined]
    made.desktop.window.hide()
    made.play("paused")
    assert told == []
    made.desktop.window.show()
    assert told == [made.bridge.snapshot]


def test_hidden_it_is_watched_rarely(stage: Make) -> None:
    made = stage("contributing")
    assert made.bridge.seen
    made.desktop.window.hide()
    assert not made.bridge.seen


def test_narrow_it_keeps_its_icons_and_their_names(stage: Make, qtbot: QtBot) -> None:
    window = stage("contributing").desktop.window
    window.resize(640, 480)
    button = window.navigation._buttons["settings"]
    assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
    assert button.accessibleName() == "Settings"
    assert "Settings" in button.toolTip()
    window.resize(900, 640)
    assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon


def test_light_and_dark_change_in_place(stage: Make, qtbot: QtBot) -> None:
    made = stage("contributing")
    with qtbot.waitExposed(made.desktop.window):
        made.desktop.window.activateWindow()
    before = made.desktop.window.grab().toImage()
    qtbot.keyClick(made.desktop.window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert made.look.theme.palette is DARK
    assert made.desktop.window.grab().toImage() != before


def test_it_grows_and_stops_growing(stage: Make, qtbot: QtBot) -> None:
    made = stage("contributing")
    with qtbot.waitExposed(made.desktop.window):
        made.desktop.window.activateWindow()
    for _ in range(20):
        qtbot.keyClick(made.desktop.window, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert made.look.theme.scale_percent == 250
    qtbot.keyClick(made.desktop.window, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert made.look.theme.scale_percent == 100


@pytest.mark.parametrize("percent", [100, 250])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_wider_than_the_smallest_window(stage: Make, page: str, percent: int) -> None:
    made = stage("two-devices")
    made.look.use(Theme(LIGHT, percent))
    window = made.desktop.window
    window.resize(640 * percent // 100, 480 * percent // 100)
    window.open_page(page)
    assert window.width() == 640 * percent // 100
    for area in window._made[page].findChildren(QScrollArea):
        content = area.widget()
        assert content is None or content.minimumSizeHint().width() <= area.viewport().width()


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_takes_keys_has_a_name(stage: Make, page: str) -> None:
    window = stage("two-devices").desktop.window
    window.open_page(page)
    for widget in window.findChildren(QWidget):
        if not widget.isVisibleTo(window):
            continue
        if isinstance(widget, QAbstractButton) and widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            assert widget.text() or widget.accessibleName(), widget
        if isinstance(widget, QLineEdit) and widget.objectName() != "qt_spinbox_lineedit":
            buddy = any(label.buddy() is widget for label in window.findChildren(QLabel))
            assert widget.accessibleName() or buddy, widget


@pytest.mark.parametrize("page", PAGES)
def test_no_label_guesses_at_markup(stage: Make, page: str) -> None:
    window = stage("hostile-title").desktop.window
    window.open_page(page)
    for label in window.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText or not label.text(), label.text()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_minds_that_there_is_no_engine(stage: Make, page: str, qtbot: QtBot) -> None:
    made = stage("engine-missing")
    made.desktop.window.open_page(page)
    made.play("contributing")
    made.play("engine-died")
    banner = made.desktop._banner
    assert banner.isVisible() == (page != "status")


def test_the_banner_s_button_does_what_it_says(stage: Make, qtbot: QtBot) -> None:
    made = stage("engine-missing")
    made.desktop.window.open_page("devices")
    made.desktop._banner._button.click()
    assert made.bridge.asked[-1] == "start"


@pytest.mark.parametrize("page", PAGES)
def test_every_control_is_reached_by_tab_and_its_focus_is_seen(stage: Make, page: str, qtbot: QtBot) -> None:
    window = stage("two-devices").desktop.window
    window.resize(900, 640)
    window.open_page(page)
    with qtbot.waitExposed(window):
        window.activateWindow()
    qtbot.wait(50)  # answers of the staged engine make rows and buttons
    wanted = {each for each in window.findChildren(QWidget) if takes_tab(each, window)}
    reached: set[QWidget] = set()
    for _ in range(3 * len(wanted) + 10):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        focused = window.focusWidget()
        if focused is not None:
            reached.add(focused)
        if wanted <= reached:
            break
    assert wanted - reached == set()
    button = next(each for each in wanted if isinstance(each, QAbstractButton))
    button.setFocus(Qt.FocusReason.TabFocusReason)
    focused_picture = button.grab().toImage()
    button.clearFocus()
    assert button.grab().toImage() != focused_picture


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_takes_keys_has_a_name_in_the_accessible_tree(stage: Make, page: str, qtbot: QtBot) -> None:
    window = stage("two-devices").desktop.window
    window.open_page(page)
    qtbot.wait(50)
    named = 0
    for widget in window.findChildren(QWidget):
        known = QAccessible.queryAccessibleInterface(widget) if widget.isVisibleTo(window) else None
        if known is not None and takes_tab(widget, window):
            assert known.text(QAccessible.Text.Name), widget
            named += 1
    assert named >= 3


def takes_tab(widget: QWidget, window: QWidget) -> bool:
    """Whether Tab has to lead to a widget: it is seen, enabled, and no part of another that takes keys for it.

    Of buttons of which one holds, Tab leads to that one, and arrows to the others.
    """
    if isinstance(widget, QAbstractButton) and widget.group() is not None and not widget.isChecked():
        members = widget.group().buttons()
        if any(each.isChecked() for each in members):
            return False
    return (
        bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        and widget.isVisibleTo(window)
        and widget.isEnabled()
        and widget.focusProxy() is None
        and not widget.objectName().startswith("qt_")
        and isinstance(widget, (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, BarChart))
    )
