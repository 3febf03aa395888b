"""The whole desktop in another language: what it says, and that it says nothing in English."""

import gettext
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QLocale, QTranslator
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QSpinBox, QWidget

from sparewatt.wording.catalogue import LANGUAGES, SOURCE_LANGUAGE, Translations, catalogue
from sparewatt_desktop.language import NAMES, languages, speak
from sparewatt_desktop.preferences import Preferences
from sparewatt_desktop.presentation.receipt_words import moment_words
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.stage import Stage
from sparewatt_desktop.theme import LIGHT, Theme

PAGES = ("status", "join", "training", "devices", "receipts", "settings")
Make = Callable[[str, Translations], Stage]
# Names and texts that are not the desktop's own: of devices, programs, runs and their organisers, patterns, commands.
DATA = re.compile(
    r"NVIDIA GeForce RTX 3060|AMD Ryzen 5 5600|cuda:GPU-1b2c|Tales for everyone|Library of Ulm|CC-BY-4\.0|always|"
    r"mo-su 22:00-06:00|A small language model that tells stories to children, in the open from data to weights\.|"
    r"[<‹]h1.*|\bcpu\b|[0-9.]+ [GM]B|Sparewatt|English|Deutsch"
)


class Marked(gettext.NullTranslations):
    """A language in which every sentence is the English one between marks, so that what went past it is seen."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@pytest.fixture
def speaking(qapp: QApplication, tmp_path: Path) -> Iterator[Make]:
    stages: list[Stage] = []

    def make(scene: str, words: Translations) -> Stage:
        made = Stage(qapp, Theme(LIGHT), tmp_path, SCENES[scene], words)
        stages.append(made)
        made.begin()
        return made

    yield make
    for each in stages:
        each.desktop.window.hide()
        each.desktop.window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def said(widget: QWidget) -> Iterator[str]:
    """Everything that `widget` and what it holds say to eyes and screen readers."""
    for each in (widget, *widget.findChildren(QWidget)):
        yield from (each.toolTip(), each.accessibleName(), each.accessibleDescription())
        match each:
            case QLabel() | QAbstractButton():
                yield each.text()
            case QLineEdit():
                yield from (each.placeholderText(), each.text())
            case QComboBox():
                yield from (each.itemText(place) for place in range(each.count()))
            case QSpinBox():
                yield each.suffix()
            case _:
                pass


def unmarked(text: str) -> str:
    """The letters of `text` that are neither between marks nor data."""
    known = text
    while "⟦" in known:
        shorter = re.sub(r"⟦[^⟦⟧]*⟧", "", known)
        if shorter == known:
            break
        known = shorter
    return "".join(re.findall(r"[A-Za-z]{2,}", DATA.sub("", known)))


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_the_status_page_says_nothing_past_the_catalogue(scene: str, speaking: Make) -> None:
    window = speaking(scene, Marked()).desktop.window
    assert {text for text in said(window) if unmarked(text)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_says_anything_past_the_catalogue(page: str, speaking: Make, qapp: QApplication) -> None:
    stage = speaking("two-devices", Marked())
    stage.desktop.window.open_page(page)
    for _ in range(20):
        qapp.processEvents()
    assert {text for text in said(stage.desktop.window) if unmarked(text)} == set()


def test_every_language_that_can_be_chosen_is_there() -> None:
    assert set(NAMES) == {SOURCE_LANGUAGE, *LANGUAGES}


def test_what_was_chosen_comes_before_what_the_system_says() -> None:
    assert languages("de")[0] == "de"
    assert "system" not in languages()


def test_the_rail_offers_the_languages_and_remembers_the_choice(speaking: Make, tmp_path: Path) -> None:
    navigation = speaking("contributing", catalogue(["de"])).desktop.window.navigation
    choices = {action.data(): action for action in navigation._languages.actions() if action.isCheckable()}
    assert {language: action.text() for language, action in choices.items()} == {
        "system": "Wie das System",
        "en": "English",
        "de": "Deutsch",
    }
    assert [language for language, action in choices.items() if action.isChecked()] == ["system"]
    choices["de"].trigger()
    assert Preferences(tmp_path / "desktop.ini").read().language == "de"


def test_qt_itself_speaks_the_language(qapp: QApplication) -> None:
    before = QLocale()
    speak(qapp, "de")
    try:
        assert QLocale().decimalPoint() == ","
        assert qapp.translate("QPlatformTheme", "Cancel") == "Abbrechen"
    finally:
        QLocale.setDefault(before)
        for translator in qapp.findChildren(QTranslator):
            qapp.removeTranslator(translator)
            translator.deleteLater()


def test_a_date_is_written_as_germans_do() -> None:
    moment = moment_words(1_764_000_000, 1_765_000_000, catalogue(["de"]), UTC)
    assert moment == "24.11.2025 16:00"
    assert moment_words(1_764_000_000, 1_764_000_060, catalogue(["de"]), UTC) == "heute 16:00"
