"""What the desktop remembers of itself: window, colours, size and language. Settings are the engine's."""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Qt

from sparewatt_desktop.language import NAMES, SYSTEM
from sparewatt_desktop.theme import DARK, LIGHT, SCALE_PERCENT_LEAST, SCALE_PERCENT_MOST, Theme


@dataclass(frozen=True)
class Remembered:
    """Attributes:
    palette: ``light``, ``dark``, or ``system`` while the person has not chosen.
        language: one of `language.NAMES`, or ``system``.
    """

    palette: str
    scale_percent: int
    language: str
    geometry: QByteArray


class Preferences:
    """A small file; one that is damaged, or of a later version, gives the defaults."""

    def __init__(self, path: Path) -> None:
        self._file = QSettings(str(path), QSettings.Format.IniFormat)

    def read(self) -> Remembered:
        palette = str(self._file.value("palette", "system"))
        scale = str(self._file.value("scale_percent", SCALE_PERCENT_LEAST))
        percent = int(scale) if scale.isascii() and scale.isdigit() and len(scale) < 6 else SCALE_PERCENT_LEAST
        language = str(self._file.value("language", SYSTEM))
        geometry = self._file.value("geometry")
        return Remembered(
            palette=palette if palette in ("light", "dark") else "system",
            scale_percent=min(max(percent, SCALE_PERCENT_LEAST), SCALE_PERCENT_MOST),
            language=language if language in NAMES else SYSTEM,
            geometry=geometry if isinstance(geometry, QByteArray) else QByteArray(),
        )

    def remember_theme(self, theme: Theme) -> None:
        self._file.setValue("palette", "dark" if theme.palette.dark else "light")
        self._file.setValue("scale_percent", theme.scale_percent)

    def remember_language(self, language: str) -> None:
        self._file.setValue("language", language)

    def remember_place(self, geometry: QByteArray) -> None:
        self._file.setValue("geometry", geometry)


def theme_of(remembered: Remembered, system: Qt.ColorScheme) -> Theme:
    """The theme to begin with; a system that does not say is light."""
    wants_dark = system == Qt.ColorScheme.Dark if remembered.palette == "system" else remembered.palette == "dark"
    return Theme(DARK if wants_dark else LIGHT, remembered.scale_percent)
