"""The words of the grid of hours. Pure."""

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt_desktop.presentation.week_cells import CellState


def day_short(day: int, translations: Translations = ENGLISH) -> str:
    """Two or three letters of a day; 0 is Monday."""
    gettext = translations.gettext
    return (
        gettext("Mon"), gettext("Tue"), gettext("Wed"), gettext("Thu"), gettext("Fri"), gettext("Sat"), gettext("Sun"),
    )[day]  # fmt: skip


def day_name(day: int, translations: Translations = ENGLISH) -> str:
    """A day in full; 0 is Monday."""
    gettext = translations.gettext
    return (
        gettext("Monday"), gettext("Tuesday"), gettext("Wednesday"), gettext("Thursday"), gettext("Friday"),
        gettext("Saturday"), gettext("Sunday"),
    )[day]  # fmt: skip


def cell_words(day: int, hour: int, state: CellState, translations: Translations = ENGLISH) -> str:
    """``Monday 22:00 to 23:00, may run``."""
    gettext = translations.gettext
    match state:
        case "open":
            what = gettext("may run")
        case "part":
            what = gettext("may run for a part of it")
        case "closed":
            what = gettext("must not run")
    words = gettext("{day} {first}:00 to {last}:00, {what}")
    return filled(words, {"day": day_name(day, translations), "first": hour, "last": hour + 1, "what": what})
