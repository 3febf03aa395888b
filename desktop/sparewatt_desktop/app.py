"""Puts the desktop together: bridge, window, tray, and how it ends."""

from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QSystemTrayIcon

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.drawings import icon_of_sizes
from sparewatt_desktop.entries import page_entries
from sparewatt_desktop.look import Look
from sparewatt_desktop.performing import Performer
from sparewatt_desktop.preferences import Preferences
from sparewatt_desktop.state import State
from sparewatt_desktop.tray import COLOURS, Tray
from sparewatt_desktop.watching import EngineBridge, StateWatch
from sparewatt_desktop.widgets.banner import Banner
from sparewatt_desktop.window import Window


@dataclass(frozen=True)
class DesktopParts:
    """What a desktop is made of.

    Attributes:
        tray: whether the system has a place for an icon.
    """

    application: QApplication
    bridge: EngineBridge
    look: Look
    preferences: Preferences
    translations: Translations
    tray: bool


class Desktop(QObject):
    """The running desktop. Closing the window hides it where there is a tray; quitting ends what it started."""

    def __init__(self, parts: DesktopParts) -> None:
        super().__init__()
        self._parts = parts
        self._quitting = False
        self._session_ends = False
        self._told_of_tray = False
        bridge, words = parts.bridge, parts.translations
        self.watch = StateWatch(bridge, words, self)
        self.window = Window(page_entries(self.watch, bridge, words), bridge, parts.look, words)
        self.window.setWindowIcon(icon_of_sizes("mark-contributing", *COLOURS["contributing"]))
        self._banner = Banner(
            parts.look,
            Performer(bridge, bridge, self.window.open_page, self.window.open_setting, words, lambda _: None).perform,
        )
        self.window.put_above(self._banner)
        self.tray = Tray(self.watch, bridge, words, self._quit_words, self) if parts.tray else None
        self._connect()

    def begin(self, *, hidden: bool, start_engine: bool) -> None:
        """Show what is to be seen, then look for the engine."""
        self.window.restoreGeometry(self._parts.preferences.read().geometry)
        if self.tray is not None:
            self.tray.show()
        if self.tray is None or not hidden:
            self.window.show()
        self._parts.bridge.begin(start=start_engine)

    def quit(self) -> None:
        """Stop the engine where it is this desktop's own, then end."""
        if self._quitting:
            return
        self._quitting = True
        self._parts.preferences.remember_place(self.window.saveGeometry())
        bridge = self._parts.bridge
        if bridge.link.started_here:
            self.window.show_stopping()
            bridge.stop_engine()
        else:
            bridge.leave()

    def _connect(self) -> None:
        bridge, window = self._parts.bridge, self.window
        bridge.snapshot_changed.connect(window.show_snapshot)
        bridge.stopped.connect(self._parts.application.quit)
        window.seen_changed.connect(bridge.set_seen)
        window.closing.connect(self._closing)
        window.page_changed.connect(self._show_banner)
        bridge.link_changed.connect(self._show_banner)
        self.watch.changed.connect(self._show_title)
        self._parts.look.changed.connect(lambda: self._parts.preferences.remember_theme(self._parts.look.theme))
        window.navigation.show_language(self._parts.preferences.read().language)
        window.navigation.language_chosen.connect(self._parts.preferences.remember_language)
        window.quit_asked.connect(self.quit)
        self._parts.application.commitDataRequest.connect(self._end_with_session)
        if self.tray is not None:
            self.tray.open_asked.connect(window.raise_up)
            self.tray.settings_asked.connect(self._open_settings)
            self.tray.quit_asked.connect(self.quit)

    def _end_with_session(self, _: object) -> None:
        """The person logs off: neither hide in the tray nor ask, which would keep the computer from shutting down."""
        self._session_ends = True
        self._parts.preferences.remember_place(self.window.saveGeometry())

    def _open_settings(self) -> None:
        self.window.raise_up()
        self.window.open_setting("")

    def _show_title(self, state: State) -> None:
        self.window.setWindowTitle(f"{state.title} – Sparewatt")

    def _show_banner(self, _: object = None) -> None:
        # The status page says the same at length.
        self._banner.show_notice(None if self.window.page in (None, "status") else self.watch.notice)

    def _quit_words(self) -> str:
        gettext = self._parts.translations.gettext
        if self._parts.bridge.link.started_here:
            return gettext("Quit and stop contributing")
        return gettext("Quit (the engine goes on)")

    def _closing(self, event: QCloseEvent) -> None:
        if self._quitting or self._session_ends:
            return
        if self.tray is not None:
            event.ignore()
            self._parts.preferences.remember_place(self.window.saveGeometry())
            self.window.hide()
            if not self._told_of_tray:
                self._told_of_tray = True
                self.tray.say(
                    self._parts.translations.gettext("Sparewatt goes on here. Quit it from this icon's menu.")
                )
            return
        event.ignore()
        if self._asked_to_quit():
            self.quit()

    def _asked_to_quit(self) -> bool:
        gettext = self._parts.translations.gettext
        box = QMessageBox(self.window)
        box.setWindowTitle("Sparewatt")
        box.setText(gettext("Quit Sparewatt?"))
        if self._parts.bridge.link.started_here:
            box.setInformativeText(
                gettext("Contributing stops. What is finished is kept. There is no tray here to go on in.")
            )
        else:
            box.setInformativeText(
                gettext("The engine was not started here and goes on contributing without a window.")
            )
        quit_button = box.addButton(gettext("Quit"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(gettext("Stay"), QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is quit_button


def tray_available() -> bool:
    """Whether the system has a place for an icon now."""
    return QSystemTrayIcon.isSystemTrayAvailable()
