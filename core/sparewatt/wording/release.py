"""How fast a device was free again, as it is said to the person who wanted it."""

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.numbers import decimal_words


def released_words(milliseconds: int | None, translations: Translations = ENGLISH) -> str:
    """``freed in 0.4 s``; empty when no worker had to leave at once yet."""
    if milliseconds is None:
        return ""
    seconds = decimal_words(max(milliseconds, 100) / 1000, 1, translations)
    return filled(translations.gettext("freed in {seconds} s"), {"seconds": seconds})
