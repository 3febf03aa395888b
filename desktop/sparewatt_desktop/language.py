"""Which language is spoken, and what of Qt has to speak it too."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

SYSTEM: Final = "system"
# Each by its own name, so that who cannot read the others finds it.
NAMES: Final = MappingProxyType({"en": "English", "de": "Deutsch"})


def languages(preferred: str = SYSTEM) -> Sequence[str]:
    """What the person reads, best first, as names of catalogues: ``de_AT``, ``de``; one that was chosen comes before
    what the system says."""
    found: list[str] = [] if preferred == SYSTEM else [preferred]
    for name in QLocale.system().uiLanguages():
        whole = name.replace("-", "_")
        found += [whole, whole.partition("_")[0]]
    return list(dict.fromkeys(found))


def speak(application: QApplication, language: str) -> None:
    """Let Qt's own menus, buttons and number fields be in `language`, such as ``de``; English is their own."""
    if QLocale().name().partition("_")[0] != language:
        QLocale.setDefault(QLocale(language))
    translator = QTranslator(application)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if translator.load(f"qtbase_{language}", folder):
        application.installTranslator(translator)
