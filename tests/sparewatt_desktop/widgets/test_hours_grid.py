"""A week is painted with the mouse and with the keyboard."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from sparewatt.settings.hours import ALWAYS, parse_hours
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.week_cells import cell_states
from sparewatt_desktop.widgets.hours_grid import HoursGrid

Cell = tuple[int, int]


@pytest.fixture
def grid(qtbot: QtBot, tools: PageTools) -> HoursGrid:
    made = HoursGrid("Hours", tools.look, tools.words)
    qtbot.addWidget(made)
    made.resize(made.sizeHint())
    made.show()
    return made


def opened(grid: HoursGrid) -> set[Cell]:
    states = cell_states(grid.spans)
    return {(day, hour) for day in range(7) for hour in range(24) if states[day][hour] == "open"}


def middle(grid: HoursGrid, day: int, hour: int) -> QPoint:
    return grid._rect(day, hour).center().toPoint()


def stroke(grid: HoursGrid, *cells: Cell) -> None:
    QTest.mousePress(grid, Qt.MouseButton.LeftButton, pos=middle(grid, *cells[0]))
    for cell in cells[1:]:
        QTest.mouseMove(grid, middle(grid, *cell))
    QTest.mouseRelease(grid, Qt.MouseButton.LeftButton, pos=middle(grid, *cells[-1]))


def test_a_stroke_opens_and_the_same_stroke_closes(grid: HoursGrid) -> None:
    cells = ((0, 5), (0, 6), (1, 6))
    stroke(grid, *cells)
    assert opened(grid) == set(cells)
    stroke(grid, *cells)
    assert opened(grid) == set()


def test_a_stroke_does_one_thing_to_all_it_crosses(grid: HoursGrid) -> None:
    grid.show_spans(parse_hours("mo 06:00-07:00").spans)
    stroke(grid, (0, 5), (0, 6), (0, 7))
    assert opened(grid) == {(0, 5), (0, 6), (0, 7)}


def test_a_day_s_name_and_an_hour_s_number_stand_for_the_whole_line(grid: HoursGrid) -> None:
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(4, middle(grid, 2, 0).y()))
    assert opened(grid) == {(2, hour) for hour in range(24)}
    grid.show_spans(())
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(middle(grid, 0, 9).x(), 4))
    assert opened(grid) == {(day, 9) for day in range(7)}


def test_keys_move_turn_over_and_paint_along(grid: HoursGrid) -> None:
    QTest.keyClick(grid, Qt.Key.Key_Space)
    for _ in range(3):
        QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert opened(grid) == {(0, 0), (0, 1), (0, 2), (0, 3)}
    QTest.keyClick(grid, Qt.Key.Key_End)
    QTest.keyClick(grid, Qt.Key.Key_Up)
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert (6, 23) in opened(grid)


def test_each_change_is_told_once_with_its_spans(grid: HoursGrid) -> None:
    told: list[object] = []
    grid.changed.connect(told.append)
    grid.show_spans(ALWAYS.spans)
    assert told == []
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert told == [((60, 7 * 1440),)]


def test_a_screen_reader_hears_the_hour_under_the_cursor(grid: HoursGrid) -> None:
    grid.show_spans(parse_hours("mo 00:30-01:00").spans)
    assert grid.accessibleName() == "Hours: Monday 0:00 to 1:00, may run for a part of it"
    QTest.keyClick(grid, Qt.Key.Key_Left)
    assert grid.accessibleName() == "Hours: Monday 23:00 to 24:00, must not run"


def test_outside_the_grid_nothing_happens(grid: HoursGrid) -> None:
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    QTest.mouseClick(grid, Qt.MouseButton.RightButton, pos=middle(grid, 0, 0))
    assert opened(grid) == set()
