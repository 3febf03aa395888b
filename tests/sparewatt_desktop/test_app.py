"""How the desktop ends, and what it says of it."""

from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from sparewatt.testing.control_engine import ControlEngine
from sparewatt.wording.catalogue import ENGLISH
from sparewatt_desktop.app import Desktop, DesktopParts
from sparewatt_desktop.connection import Link
from sparewatt_desktop.look import Look
from sparewatt_desktop.preferences import Preferences
from sparewatt_desktop.testing.staged import StagedBridge
from sparewatt_desktop.theme import LIGHT, Theme


class Case:
    def __init__(self, application: QApplication, folder: Path, *, tray: bool, started_here: bool) -> None:
        self.bridge = StagedBridge(ControlEngine(), Link("talking", started_here=started_here))
        self.preferences = Preferences(folder / "desktop.ini")
        look = Look(application, Theme(LIGHT))
        # What the application would do at the end is only counted: the tests' own loop must go on.
        self.ended: list[bool] = []
        self.desktop = Desktop(DesktopParts(application, self.bridge, look, self.preferences, ENGLISH, tray))
        self.bridge.stopped.disconnect()
        self.bridge.stopped.connect(lambda: self.ended.append(True))
        self.desktop.begin(hidden=False, start_engine=True)


def answer(text: str) -> None:
    """Press a button of the question that will be asked."""

    def press() -> None:
        boxes = [each for each in QApplication.topLevelWidgets() if isinstance(each, QMessageBox) and each.isVisible()]
        if not boxes:
            QTimer.singleShot(20, press)
            return
        buttons: list[QAbstractButton] = boxes[0].buttons()
        next(each for each in buttons if each.text().replace("&", "") == text).click()

    QTimer.singleShot(0, press)


def test_with_a_tray_closing_hides_and_work_goes_on(qapp: QApplication, tmp_path: Path) -> None:
    case = Case(qapp, tmp_path, tray=True, started_here=True)
    case.desktop.window.close()
    assert not case.desktop.window.isVisible()
    assert case.bridge.asked == ["begin and start"]
    assert not case.ended


def test_a_second_start_or_the_tray_brings_it_back(qapp: QApplication, tmp_path: Path) -> None:
    case = Case(qapp, tmp_path, tray=True, started_here=True)
    case.desktop.window.close()
    assert case.desktop.tray is not None
    case.desktop.tray.open_asked.emit()
    assert case.desktop.window.isVisible()
    case.desktop.tray.settings_asked.emit()
    assert case.desktop.window.page == "settings"


def test_without_a_tray_closing_asks_and_may_stay(qapp: QApplication, tmp_path: Path) -> None:
    case = Case(qapp, tmp_path, tray=False, started_here=True)
    answer("Stay")
    case.desktop.window.close()
    assert case.desktop.window.isVisible()
    assert not case.ended


@pytest.mark.parametrize(("started_here", "asked"), [(True, "stop"), (False, "leave")])
def test_quitting_stops_only_an_engine_of_its_own(
    qapp: QApplication, tmp_path: Path, started_here: bool, asked: str
) -> None:
    case = Case(qapp, tmp_path, tray=False, started_here=started_here)
    answer("Quit")
    case.desktop.window.close()
    assert case.bridge.asked[-1] == asked
    assert case.ended == [True]


@pytest.mark.parametrize(
    ("started_here", "words"), [(True, "Quit and stop contributing"), (False, "Quit (the engine goes on)")]
)
def test_the_tray_says_what_quitting_means(qapp: QApplication, tmp_path: Path, started_here: bool, words: str) -> None:
    case = Case(qapp, tmp_path, tray=True, started_here=started_here)
    assert case.desktop.tray is not None
    assert case.desktop.tray.menu.actions()[-1].text() == words


def test_the_title_says_the_state(qapp: QApplication, tmp_path: Path, qtbot: QtBot) -> None:
    case = Case(qapp, tmp_path, tray=True, started_here=True)
    case.bridge.stand(Link("ended"))
    assert case.desktop.window.windowTitle() == "The engine ended unexpectedly – Sparewatt"


def test_colours_and_size_are_remembered(qapp: QApplication, tmp_path: Path) -> None:
    case = Case(qapp, tmp_path, tray=True, started_here=True)
    case.desktop.window.navigation.look_asked.emit()
    case.desktop.quit()
    read = Preferences(tmp_path / "desktop.ini").read()
    assert read.palette == "dark"
    assert not read.geometry.isEmpty()
