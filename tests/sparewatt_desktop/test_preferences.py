"""What the desktop remembers of itself."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from sparewatt_desktop.preferences import Preferences, theme_of
from sparewatt_desktop.theme import DARK, LIGHT, Theme


def test_without_a_file_the_system_decides(tmp_path: Path) -> None:
    remembered = Preferences(tmp_path / "desktop.ini").read()
    assert theme_of(remembered, Qt.ColorScheme.Dark).palette is DARK
    assert theme_of(remembered, Qt.ColorScheme.Unknown).palette is LIGHT


def test_what_the_person_chose_is_above_the_system(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "desktop.ini")
    preferences.remember_theme(Theme(DARK, 150))
    assert theme_of(preferences.read(), Qt.ColorScheme.Light) == Theme(DARK, 150)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\xff",
        "[General]\nlanguage=xx\npalette=purple\nscale_percent=-1\ngeometry=5\n",
        "[General]\nscale_percent=99999999\n",
    ],
)
def test_a_file_that_is_broken_or_of_later_gives_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "desktop.ini"
    path.write_text(text, encoding="latin-1")
    remembered = Preferences(path).read()
    assert (remembered.palette, remembered.scale_percent, remembered.language) == ("system", 100, "system")
    assert remembered.geometry.isEmpty()


def test_the_language_that_was_chosen_is_kept(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "desktop.ini")
    preferences.remember_language("de")
    assert preferences.read().language == "de"
    preferences.remember_language("system")
    assert preferences.read().language == "system"
