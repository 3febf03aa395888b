"""The tray's menu and icon, without a tray."""

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sparewatt.testing.control_engine import ControlEngine
from sparewatt.wording.catalogue import ENGLISH
from sparewatt_desktop.drawings import ICON_SIZES, icon_of_sizes
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.staged import StagedBridge
from sparewatt_desktop.tray import COLOURS, TIP_CHARACTERS_MOST, Tray
from sparewatt_desktop.watching import StateWatch


class Case:
    def __init__(self, scene: str) -> None:
        found = SCENES[scene]
        self.engine = ControlEngine(snapshot=found.snapshot)
        self.bridge = StagedBridge(self.engine, found.link)
        self.watch = StateWatch(self.bridge, ENGLISH)
        self.tray = Tray(self.watch, self.bridge, ENGLISH, lambda: "Quit and stop contributing")

    def entries(self) -> list[str]:
        return [entry.text() for entry in self.tray.menu.actions() if entry.isVisible() and not entry.isSeparator()]

    def choose(self, text: str) -> None:
        next(entry for entry in self.tray.menu.actions() if entry.text() == text).trigger()


@pytest.fixture
def contributing(qapp: QApplication) -> Case:
    return Case("contributing")


def test_what_the_menu_offers_while_it_contributes(contributing: Case) -> None:
    assert contributing.entries() == [
        "Training on NVIDIA GeForce RTX 3060.",
        "Pause",
        "Open Sparewatt",
        "Settings",
        "Quit and stop contributing",
    ]


def test_a_pause_is_sent_and_resumed(contributing: Case, qtbot: QtBot) -> None:
    contributing.tray._pauses.actions()[-1].trigger()
    qtbot.waitUntil(lambda: contributing.engine.commands == [("pause", 0)])
    found = SCENES["paused"]
    contributing.bridge.stand(found.link, found.snapshot)
    assert contributing.entries()[1:3] == ["Resume", "Contribute now for an hour"]
    contributing.choose("Resume")
    qtbot.waitUntil(lambda: contributing.engine.commands[-1] == ("resume",))


def test_contributing_now_is_offered_where_it_waits(qapp: QApplication, qtbot: QtBot) -> None:
    case = Case("in-use")
    case.choose("Contribute now for an hour")
    qtbot.waitUntil(lambda: len(case.engine.commands) == 1)
    assert case.engine.commands[0][0] == "contribute_now"


def test_the_rest_is_asked_of_the_desktop(contributing: Case, qtbot: QtBot) -> None:
    for text, signal in (
        ("Open Sparewatt", contributing.tray.open_asked),
        ("Settings", contributing.tray.settings_asked),
        ("Quit and stop contributing", contributing.tray.quit_asked),
    ):
        with qtbot.waitSignal(signal):
            contributing.choose(text)


@pytest.mark.parametrize("scene", SCENES)
def test_every_state_has_a_tip_that_fits(qapp: QApplication, scene: str) -> None:
    case = Case(scene)
    tip = case.tray.icon.toolTip()
    assert tip.startswith("Sparewatt: ")
    assert len(tip) <= TIP_CHARACTERS_MOST
    assert not case.tray.icon.icon().isNull()


def shape(mark: str, size: int) -> bytes:
    """What is inked, whatever its colour."""
    picture = icon_of_sizes(f"mark-{mark}", "#000000", "#ffffff").pixmap(size, size).toImage()
    picture = picture.convertToFormat(QImage.Format.Format_ARGB32)
    return bytes(
        int(picture.pixelColor(x, y).alpha() > 127 and picture.pixelColor(x, y).lightness() < 128)
        for y in range(size)
        for x in range(size)
    )


@pytest.mark.parametrize("size", [16, 22, 32])
def test_marks_are_told_apart_by_shape_alone(qapp: QApplication, size: int) -> None:
    shapes = {mark: shape(mark, size) for mark in COLOURS}
    for one, of_one in shapes.items():
        for other, of_other in shapes.items():
            if one < other:
                different = sum(a != b for a, b in zip(of_one, of_other, strict=True))
                assert different > size * size / 10, (one, other, different)


@pytest.mark.parametrize("mark", COLOURS)
def test_an_icon_is_drawn_for_every_usual_size(qapp: QApplication, mark: str) -> None:
    sizes = {each.width() for each in icon_of_sizes(f"mark-{mark}", *COLOURS[mark]).availableSizes()}  # type: ignore[index]
    assert sizes == set(ICON_SIZES)
