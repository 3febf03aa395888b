"""``python -m sparewatt_desktop.testing.screenshots --to FOLDER``: a picture of every page and every state.

Needs no display and no engine. A picture is named after its scene or page, and its palette, scale or size.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QCursor, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from sparewatt.wording.catalogue import Translations, catalogue, language_of
from sparewatt_desktop.language import speak
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.stage import Stage
from sparewatt_desktop.theme import DARK, LIGHT, Theme
from sparewatt_desktop.widgets.plot import Plot

PAGES: Final = ("status", "join", "training", "devices", "receipts", "energy", "settings")
SMALL: Final = (640, 480)
USUAL: Final = (900, 640)
# A page is at rest when it has looked the same so often in a row, this far apart; a cursor that blinks never is.
ALIKE: Final = 3
LOOK_S: Final = 0.05
SETTLE_MOST_S: Final = 20.0
BLINKING_MOST: Final = 40


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m sparewatt_desktop.testing.screenshots", description=__doc__)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where pictures go")
    parser.add_argument("--only", default="", metavar="TEXT", help="only pictures whose name holds this")
    parser.add_argument("--language", default="en", help="what the pages speak, such as de")
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    options.to.mkdir(parents=True, exist_ok=True)
    application = QApplication(["screenshots"])
    application.setStyle("Fusion")
    application.setQuitOnLastWindowClosed(False)
    words = catalogue([options.language])
    speak(application, language_of(words))
    with tempfile.TemporaryDirectory() as folder:
        photographer = Photographer(application, Path(folder), options.to, options.only, words)
        for name in photographer.take():
            sys.stdout.write(f"{name}\n")
    return 0


class Photographer:
    """Plays every scene and opens every page, and takes a picture of each."""

    def __init__(self, application: QApplication, folder: Path, to: Path, only: str, words: Translations) -> None:
        self._application, self._to, self._only = application, to, only
        self._stage = Stage(application, Theme(LIGHT), folder, SCENES["contributing"], words)
        self._window = self._stage.desktop.window

    def take(self) -> Iterator[str]:
        """Take the pictures, and say the name of each."""
        QCursor.setPos(5_000, 5_000)  # over nothing, so that nothing looks hovered
        self._stage.begin()
        for palette, colours in (("light", LIGHT), ("dark", DARK)):
            self._stage.look.use(Theme(colours))
            self._window.resize(*USUAL)
            yield from self._states(palette)
            yield from self._pages(palette)
            yield from self._joining(palette)
        self._stage.play("two-devices")
        self._window.resize(*SMALL)
        self._stage.look.use(Theme(LIGHT))
        yield from self._pages("small")
        self._stage.look.use(Theme(LIGHT, 250))
        self._window.resize(1600, 1200)
        yield from self._pages("250-percent")
        self._window.hide()

    def _states(self, palette: str) -> Iterator[str]:
        self._window.open_page("status")
        for scene in SCENES:
            self._stage.play(scene)
            yield from self._picture(f"{scene}.{palette}")
        for scene, page in (
            ("run-changed", "join"),
            ("not-isolated", "join"),
            ("cooling-down", "devices"),
            ("account-opening", "energy"),
        ):
            self._stage.play(scene)
            self._window.open_page(page)
            yield from self._picture(f"{scene}-{page}.{palette}")
        self._stage.play("engine-died")
        self._window.open_page("devices")
        yield from self._picture(f"banner.{palette}")

    def _pages(self, manner: str) -> Iterator[str]:
        self._stage.play("two-devices")
        for page in PAGES:
            if self._only in f"page-{page}.{manner}":
                self._window.open_page(page)
                yield from self._picture(f"page-{page}.{manner}")

    def _joining(self, palette: str) -> Iterator[str]:
        self._window.open_page("join")
        for name, invite in (("consent", self._stage.invite), ("half-pasted", self._stage.invite[:70])):
            self._field(QLineEdit, "invite").setText(invite)
            self._field(QPushButton, "show-run").click()
            yield from self._picture(f"join-{name}.{palette}")
        self._field(QLineEdit, "invite").clear()

    def _field(self, kind: type, name: str):  # type: ignore[no-untyped-def]  # Qt looks by class and name
        found = self._window.findChild(kind, name)
        assert found is not None, f"the join page has its {name}"
        return found

    def _picture(self, name: str) -> Iterator[str]:
        if self._only in name:
            self._settled().save(str(self._to / f"{name}.png"))
            yield name

    def _settled(self) -> QImage:
        """The window when it has come to rest, however busy the computer is."""
        seen = self._window.grab().toImage()
        alike, end = 0, time.monotonic() + SETTLE_MOST_S
        for _ in range(BLINKING_MOST):
            turn = time.monotonic() + LOOK_S
            while time.monotonic() < turn or self._plots_wait():
                self._application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
                assert time.monotonic() < end, "the page comes to rest"
            now = self._window.grab().toImage()
            alike, seen = (alike + 1 if now == seen else 0), now
            if alike == ALIKE:
                break
        return seen

    def _plots_wait(self) -> bool:
        return any(plot.isVisible() and not plot.painted for plot in self._window.findChildren(Plot))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
