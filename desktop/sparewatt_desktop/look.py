"""The theme in use, and word of it when it changes."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from sparewatt_desktop.theme import SCALE_PERCENT_LEAST, SCALE_PERCENT_MOST, Theme, qt_palette, style_sheet


class Look(QObject):
    """What widgets that paint themselves ask for colours and sizes; they repaint on `changed`."""

    changed = Signal()

    def __init__(self, application: QApplication, theme: Theme) -> None:
        super().__init__()
        self._application = application
        self._theme = theme
        self._apply()

    @property
    def theme(self) -> Theme:
        return self._theme

    def use(self, theme: Theme) -> None:
        """Show everything in another theme."""
        bounded = min(max(theme.scale_percent, SCALE_PERCENT_LEAST), SCALE_PERCENT_MOST)
        theme = Theme(theme.palette, bounded)
        if theme == self._theme:
            return
        self._theme = theme
        self._apply()
        self.changed.emit()

    def _apply(self) -> None:
        self._application.setPalette(qt_palette(self._theme))
        self._application.setStyleSheet(style_sheet(self._theme))
