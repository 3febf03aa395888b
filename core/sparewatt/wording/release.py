"""How fast a device was free again, as it is said to the person who wanted it."""

from sparewatt.wording.catalogue import ENGLISH, Translations, filled


def released_words(milliseconds: int | None, translations: Translations = ENGLISH) -> str:
    """``freed in 0.4 s``; empty when no worker had to leave at once yet."""
    if milliseconds is None:
        return ""
    return filled(translations.gettext("freed in {seconds} s"), {"seconds": f"{max(milliseconds, 100) / 1000:.1f}"})
