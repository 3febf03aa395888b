"""The languages there are.

English is the source and needs no catalogue. Other languages are gettext catalogues in
``sparewatt_resources/locale/<language>/LC_MESSAGES/sparewatt.mo``; what one lacks is shown in English.
"""

import gettext
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

DOMAIN: Final = "sparewatt"
Parameters = Mapping[str, str | int]
Translations = gettext.NullTranslations
ENGLISH: Final[Translations] = gettext.NullTranslations()


def catalogue(languages: Sequence[str]) -> Translations:
    """The first catalogue there is for `languages` (such as ``["de_AT", "de"]``), else English."""
    folder = files("sparewatt_resources") / "locale"
    return gettext.translation(DOMAIN, str(folder), languages=list(languages), fallback=True)


def filled(template: str, parameters: Parameters) -> str:
    """`template` with its parameters. One that is missing, as another version of a peer may leave it, is shown as
    "unknown": a sentence with a hole says more than none."""
    return template.format_map(_Known(parameters))


class _Known(dict[str, str | int]):
    def __missing__(self, key: str) -> str:
        return "unknown"
