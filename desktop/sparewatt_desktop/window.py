"""The window: the rail, the pages, and above them what is amiss with the engine."""

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.navigation import Navigation
from sparewatt_desktop.page import Commands, Page, PageEntry, PageTools, ShowsSettings
from sparewatt_desktop.theme import DARK, LIGHT, SCALE_STEP_PERCENT, Theme
from sparewatt_desktop.widgets.layout import column, row

DEFAULT_SIZE = QSize(900, 640)
LEAST_SIZE = QSize(560, 400)
# Below this the rail shows its icons alone, so that a page keeps at least 500 pixels.
NARROW_BELOW = 760


class Window(QWidget):
    """Shows one page at a time; a page is made at its first visit, and told the state only while it is seen."""

    closing = Signal(QCloseEvent)
    seen_changed = Signal(bool)
    page_changed = Signal(str)
    quit_asked = Signal()

    def __init__(
        self,
        entries: Sequence[PageEntry],
        commands: Commands,
        look: Look,
        words: Translations,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("window")
        self.setWindowTitle("Sparewatt")
        self.setMinimumSize(LEAST_SIZE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.resize(DEFAULT_SIZE)
        self._tools = tools = PageTools(commands, look, words, self.open_page, self.open_setting)
        self._entries = {entry.page: entry for entry in entries}
        self._made: dict[str, QWidget] = {}
        self._snapshot: Snapshot | None = None
        self.navigation = Navigation(entries, tools.look, tools.words, self)
        self._stack = QStackedWidget(self)
        side_by_side = row(self, tools.look, spacing=0)
        side_by_side.addWidget(self.navigation)
        right = QWidget(self)
        self._above = column(right, tools.look, spacing=0)
        self._above.addWidget(self._stack, 1)
        side_by_side.addWidget(right, 1)
        self.navigation.chosen.connect(self.open_page)
        self.navigation.look_asked.connect(self._swap_palette)
        self._shortcuts()

    @property
    def page(self) -> str | None:
        """Id of the page that is shown."""
        shown = self._stack.currentWidget()
        return next((page for page, made in self._made.items() if made is shown), None)

    @property
    def pages(self) -> tuple[str, ...]:
        """Ids of all pages, in the order of the rail."""
        return tuple(self._entries)

    def put_above(self, widget: QWidget) -> None:
        """Show `widget` above every page."""
        self._above.insertWidget(0, widget)

    def open_page(self, page: str) -> None:
        """Show a page; one that does not exist is a bug of the caller."""
        made = self._made.get(page)
        if made is None:
            made = self._entries[page].make(self._tools)
            self._made[page] = made
            self._stack.addWidget(made)
        self._stack.setCurrentWidget(made)
        self.navigation.show_chosen(page)
        self._tell()
        self.page_changed.emit(page)

    def open_setting(self, key: str) -> None:
        """Show the settings, at the one with this address where it is not empty."""
        if "settings" not in self._entries:
            return
        self.open_page("settings")
        made = self._made["settings"]
        if key and isinstance(made, ShowsSettings):
            made.show_setting(key)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Keep the state, and show it where somebody sees it."""
        self._snapshot = snapshot
        self._tell()

    def show_stopping(self) -> None:
        """Take no more input: the desktop is about to end."""
        self.setEnabled(False)

    def raise_up(self) -> None:
        """Bring the window before the person, wherever it was."""
        self.showNormal() if self.isMinimized() else self.show()
        self.raise_()
        self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._made:
            self.open_page(next(iter(self._entries)))
            # Nothing is chosen until a key is pressed; then Tab begins at the rail.
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._tell()
        self.seen_changed.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.seen_changed.emit(False)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closing.emit(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.navigation.set_narrow(self.width() < self._tools.look.theme.px(NARROW_BELOW))

    def _tell(self) -> None:
        shown = self._stack.currentWidget()
        if self.isVisible() and shown is not None:
            cast(Page, shown).show_snapshot(self._snapshot)

    def _shortcuts(self) -> None:
        for keys, act in (
            ("Ctrl+D", self._swap_palette),
            ("Ctrl++", lambda: self._rescale(SCALE_STEP_PERCENT)),
            ("Ctrl+=", lambda: self._rescale(SCALE_STEP_PERCENT)),
            ("Ctrl+-", lambda: self._rescale(-SCALE_STEP_PERCENT)),
            ("Ctrl+0", lambda: self._rescale(0)),
            ("Ctrl+W", self.close),
            ("Ctrl+Q", self.quit_asked.emit),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(act)

    def _swap_palette(self) -> None:
        look = self._tools.look
        look.use(Theme(LIGHT if look.theme.palette.dark else DARK, look.theme.scale_percent))

    def _rescale(self, step_percent: int) -> None:
        look = self._tools.look
        percent = look.theme.scale_percent + step_percent if step_percent else 100
        look.use(Theme(look.theme.palette, percent))
        self.navigation.set_narrow(self.width() < look.theme.px(NARROW_BELOW))
