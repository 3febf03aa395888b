"""The sentence of an error."""

from typing import Final

from sparewatt.errors import SparewattError
from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.error_table import ERRORS
from sparewatt.wording.settings import with_allowed
from sparewatt.wording.units import bytes_words
from sparewatt.wording.values import with_values

_UNKNOWN: Final = "Something failed that this version has no words for ({error_id}). Update Sparewatt."


def sentence(error: SparewattError, translations: Translations = ENGLISH) -> str:
    """What is wrong and what to do about it."""
    return error_words(error.error_id, error.parameters, translations)


def error_words(error_id: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The same, for an error that came as a value, such as `snapshot.ErrorSnapshot`."""
    template = ERRORS.get(error_id)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"error_id": error_id})
    readable = with_allowed(parameters, translations) if error_id == "settings.value" else parameters
    words = with_values(error_id, readable, translations)
    sizes = {
        name: bytes_words(value, translations)
        for name, value in readable.items()
        if name.endswith("_bytes") and isinstance(value, int)
    }
    return filled(translations.gettext(template), {**words, **sizes})
