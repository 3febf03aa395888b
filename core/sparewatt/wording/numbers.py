"""How numbers are written in a language. Pure: the language is that of the sentences around them."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, language_of

# Language → what stands for the point and the comma of an English number.
_MARKS: Final = MappingProxyType({"de": str.maketrans({".": ",", ",": "."})})


def decimal_words(value: float, digits: int, translations: Translations = ENGLISH, *, grouped: bool = False) -> str:
    """``1234.50``, or ``1,234.50`` where thousands are `grouped`, with `digits` after the point."""
    return written(f"{value:,.{digits}f}" if grouped else f"{value:.{digits}f}", translations)


def significant_words(value: float, digits: int, translations: Translations = ENGLISH) -> str:
    """``3.21``: at most `digits` digits that say something."""
    return written(f"{value:.{digits}g}", translations)


def written(number: str, translations: Translations = ENGLISH) -> str:
    """An English number as the language of `translations` writes it."""
    return number.translate(_MARKS.get(language_of(translations), {}))
