"""The icon in the tray: the state by shape and colour, and the few things that are done most."""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from sparewatt.control.messages import ContributeNow, Request, Resume
from sparewatt.errors import SparewattError
from sparewatt.wording.catalogue import Translations
from sparewatt.wording.errors import sentence
from sparewatt_desktop.actions import HOUR_S
from sparewatt_desktop.drawings import icon_of_sizes
from sparewatt_desktop.page import Commands
from sparewatt_desktop.pauses import pauses
from sparewatt_desktop.state import Mark, State
from sparewatt_desktop.watching import StateWatch

# Readable on light and on dark panels alike, for nobody tells which it is.
COLOURS: dict[Mark, tuple[str, str]] = {
    "contributing": ("#1fa287", "#ffffff"),
    "limited": ("#d0932c", "#ffffff"),
    "waiting": ("#8c8f94", "#ffffff"),
    "paused": ("#8c8f94", "#ffffff"),
    "attention": ("#d9574a", "#ffffff"),
    "no-engine": ("#8c8f94", "#ffffff"),
}
TIP_CHARACTERS_MOST = 120  # Windows cuts at 127


class Tray(QObject):
    """Shows every state of the watch; asks for the window, the settings and the end by signals."""

    open_asked = Signal()
    settings_asked = Signal()
    quit_asked = Signal()

    def __init__(
        self,
        watch: StateWatch,
        commands: Commands,
        translations: Translations,
        quitting: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._watch, self._commands, self._translations = watch, commands, translations
        self._quitting = quitting
        self._icons: dict[Mark, QIcon] = {}
        self.menu = QMenu()
        self._state = self._entry("", None)
        self._state.setEnabled(False)
        self.menu.addSeparator()
        gettext = translations.gettext
        self._resume = self._entry(gettext("Resume"), lambda: self._command(lambda number: Resume(id=number)))
        self._pauses = self.menu.addMenu(gettext("Pause"))
        self._pauses.aboutToShow.connect(self._fill_pauses)
        self._fill_pauses()
        self._now = self._entry(gettext("Contribute now for an hour"), self._contribute)
        self.menu.addSeparator()
        self._open = self._entry(gettext("Open Sparewatt"), self.open_asked.emit)
        self._entry(gettext("Settings"), self.settings_asked.emit)
        self.menu.addSeparator()
        self._quit = self._entry("", self.quit_asked.emit)
        self.menu.setDefaultAction(self._open)
        self.menu.aboutToShow.connect(self._refresh)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self._show_state(watch.state)
        watch.changed.connect(self._show_state)

    def show(self) -> None:
        self.icon.show()

    def say(self, text: str) -> None:
        """A short message at the icon, where the system shows such."""
        self.icon.showMessage("Sparewatt", text, self.icon.icon())

    def _show_state(self, state: State) -> None:
        if state.mark not in self._icons:
            self._icons[state.mark] = icon_of_sizes(f"mark-{state.mark}", *COLOURS[state.mark])
        self.icon.setIcon(self._icons[state.mark])
        tip = f"Sparewatt: {state.sentence or state.title}"
        self.icon.setToolTip(tip if len(tip) <= TIP_CHARACTERS_MOST else tip[: TIP_CHARACTERS_MOST - 1] + "…")
        self._refresh()

    def _refresh(self) -> None:
        state = self._watch.state
        text = state.sentence or state.title
        # An ampersand marks a letter in a menu; two of them are one.
        self._state.setText((text if len(text) <= 80 else text[:79] + "…").replace("&", "&&"))
        paused = state.mark == "paused"
        self._resume.setVisible(paused)
        self._pauses.menuAction().setVisible(state.pausable)
        self._now.setVisible((state.pausable and state.mark == "waiting") or paused)
        self._quit.setText(self._quitting())

    def _fill_pauses(self) -> None:
        self._pauses.clear()
        for pause in pauses(int(time.time()), self._watch.game, self._translations):
            entry = self._pauses.addAction(pause.label)
            entry.triggered.connect(lambda _checked=False, make=pause.make: self._command(make))

    def _contribute(self) -> None:
        until = int(time.time()) + HOUR_S
        self._command(lambda number: ContributeNow(id=number, until_unix_s=until))

    def _command(self, make: Callable[[int], Request]) -> None:
        self._commands.command(make, self._refused)

    def _refused(self, error: SparewattError) -> None:
        self.say(sentence(error, self._translations))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.open_asked.emit()

    def _entry(self, text: str, act: Callable[[], None] | None) -> QAction:
        entry = self.menu.addAction(text)
        if act is not None:
            entry.triggered.connect(lambda _checked=False: act())
        return entry
