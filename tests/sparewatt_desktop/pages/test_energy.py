"""What a person sees on the page of energy."""

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QTableView, QWidget
from pytestqt.qtbot import QtBot

from sparewatt.errors import StorageError
from sparewatt.snapshot import ErrorSnapshot
from sparewatt.testing.snapshots import home
from sparewatt.wording.errors import sentence
from sparewatt_desktop.testing.stage import Stage
from sparewatt_desktop.widgets.bar_chart import BarChart

Make = Callable[[str], Stage]


@pytest.fixture
def opened(stage: Make, qtbot: QtBot) -> Stage:
    made = stage("two-devices")
    made.desktop.window.open_page("energy")
    qtbot.waitUntil(lambda: "left" in texts(made))
    return made


def page(stage: Stage) -> QWidget:
    return stage.desktop.window._made["energy"]


def texts(stage: Stage) -> str:
    labels = (label for label in page(stage).findChildren(QLabel) if label.isVisibleTo(page(stage)))
    return "\n".join(label.text() for label in labels)


def test_sums_budgets_and_how_far_they_can_be_believed(opened: Stage) -> None:
    shown = texts(opened)
    assert "15.30 kWh" in shown
    assert "about 7.19 kg CO₂" in shown
    assert "partly estimated from single readings; without 2 h 30 min in which no power could be read" in shown
    assert "4.70 kWh left" in shown
    assert "5.10 EUR left" in shown


def test_the_past_is_listed_and_its_one_run_is_not_repeated(opened: Stage) -> None:
    table = page(opened).findChild(QTableView)
    assert table is not None
    assert table.model().rowCount() == 24
    assert table.isColumnHidden(1)


def test_another_period_asks_for_other_rows(opened: Stage, qtbot: QtBot) -> None:
    chart, choice = page(opened).findChild(BarChart), page(opened).findChild(QComboBox)
    assert chart is not None
    assert choice is not None
    assert len(chart._bars) == 31
    choice.setCurrentIndex(2)
    qtbot.waitUntil(lambda: len(chart._bars) == 12)


def test_keys_walk_along_the_bars_and_each_says_its_amount(opened: Stage, qtbot: QtBot) -> None:
    chart = page(opened).findChild(BarChart)
    assert chart is not None
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    last = chart._bars[-1]
    assert chart.chosen is last
    assert chart.accessibleDescription() == last.spoken
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.chosen is chart._bars[-2]


def test_an_account_that_cannot_be_read_says_why(opened: Stage) -> None:
    error = ErrorSnapshot("history.opening", {}, None)
    opened.bridge.stand(opened.bridge.link, home(energy=None, energy_error=error))
    assert "The account of energy is still being opened." in texts(opened)


def test_an_engine_that_goes_is_told(opened: Stage) -> None:
    opened.play("engine-died")
    assert "this was its account before" in texts(opened)


def test_a_refused_question_is_told(opened: Stage, qtbot: QtBot) -> None:
    async def refused(_: object) -> None:
        raise StorageError("storage.unusable", folder="data", code=5)

    opened.engine.energy_since = refused  # type: ignore[method-assign,assignment]
    later = msgspec.structs.replace(home(), taken_unix_s=home().taken_unix_s + 61)
    opened.bridge.stand(opened.bridge.link, later)
    told = sentence(StorageError("storage.unusable", folder="data", code=5))
    qtbot.waitUntil(lambda: told in texts(opened))
