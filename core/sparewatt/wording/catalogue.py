"""The languages there are.

English is the source and needs no catalogue. Each other language is a text in gettext's form,
``sparewatt_resources/locale/<language>/LC_MESSAGES/sparewatt.po``, that is read as it stands
(`sparewatt.wording.portable_object`): nothing has to be compiled, so an installation from source is never without its
languages, and a wheel never has an old one. What a catalogue lacks is shown in English; a test keeps it from lacking
anything.
"""

import gettext
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Final

from sparewatt.wording.portable_object import Entry, read_entries

DOMAIN: Final = "sparewatt"
# What the code itself is written in. A person who reads English before German gets English.
SOURCE_LANGUAGE: Final = "en"
LANGUAGES: Final = ("de",)
Parameters = Mapping[str, str | int]
Translations = gettext.NullTranslations
ENGLISH: Final[Translations] = gettext.NullTranslations()


class Catalogue(gettext.NullTranslations):
    """The sentences of one language whose plural is used for every count but 1, as in English and German."""

    def __init__(self, language: str, entries: Iterable[Entry]) -> None:
        super().__init__()
        self._language = language
        self._texts = {(entry.text, entry.plural): entry.translated for entry in entries if all(entry.translated)}

    def info(self) -> dict[str, str]:
        return {"language": self._language}

    def gettext(self, message: str) -> str:
        return self._texts.get((message, ""), (message,))[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        one, many = self._texts.get((msgid1, msgid2), (msgid1, msgid2))
        return one if n == 1 else many


def catalogue(languages: Sequence[str]) -> Translations:
    """The best of `languages` (such as ``["de_AT", "de", "en"]``, the best first) that there is, else English."""
    for name in languages:
        language = name.replace("-", "_").partition("_")[0].lower()
        if language == SOURCE_LANGUAGE:
            return ENGLISH
        if language in LANGUAGES:
            return Catalogue(language, entries_of(language))
    return ENGLISH


def entries_of(language: str) -> tuple[Entry, ...]:
    """What is translated into `language`; nothing where there is no catalogue of it."""
    if language not in LANGUAGES:
        return ()
    text = files("sparewatt_resources") / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    return read_entries(text.read_text("utf-8"))


def language_of(translations: Translations) -> str:
    """``en``, ``de``: what decides how a number is written."""
    return str(translations.info().get("language", SOURCE_LANGUAGE))


def filled(template: str, parameters: Parameters) -> str:
    """`template` with its parameters. One that is missing, as another version of a peer may leave it, is shown as
    a question mark, which every language reads: a sentence with a hole says more than none."""
    return template.format_map(_Known(parameters))


class _Known(dict[str, str | int]):
    def __missing__(self, key: str) -> str:
        return "?"
