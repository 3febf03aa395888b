"""The desktop without a display."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from sparewatt_desktop.platform.place import Place, place_of
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.stage import Stage
from sparewatt_desktop.theme import LIGHT, Theme

# Read by Qt when the application is made, which is later than this.
os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An engine's place, with a socket path that is short enough."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    return place_of(tmp_path / "data", str(runtime), str(tmp_path))


@pytest.fixture
def stage(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    """The whole desktop, standing as the scene with the given name."""
    stages: list[Stage] = []

    def make(scene: str) -> Stage:
        made = Stage(qapp, Theme(LIGHT), tmp_path, SCENES[scene])
        stages.append(made)
        made.begin()
        return made

    yield make
    for each in stages:
        each.desktop.window.hide()
        each.desktop.window.deleteLater()
    # Without a running loop nothing deletes what is to be deleted later, and every style would be set on all of them.
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
