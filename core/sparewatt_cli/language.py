"""Which language a terminal speaks, as its environment says it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparewatt.wording.catalogue import Translations

_NONE = ("C", "POSIX")


def languages(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of catalogues, the best first, as POSIX and gettext have it: the first of LC_ALL, LC_MESSAGES and LANG that
    says anything decides, and LANGUAGE, a list with colons, comes before it unless it is the language of no people."""
    decided = next((text for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (text := environment.get(name, ""))), "")
    locale = decided.partition(".")[0].partition("@")[0]
    if not locale or locale in _NONE:
        return ()
    preferred = [each.strip() for each in environment.get("LANGUAGE", "").split(":") if each.strip()]
    return (*preferred, locale)


def words_of(environment: Mapping[str, str]) -> "Translations":
    """The sentences of that language where there are any, else of English."""
    from sparewatt.wording.catalogue import catalogue

    return catalogue(languages(environment))
