"""Why a setting, or one of its choices, cannot be offered on this computer or device."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations

UNAVAILABLE: Final = MappingProxyType({
    "no_power_sensor": "The power of this device cannot be read, so no cap in watts can be kept. Its speed limit can.",
    "no_temperature_sensor": "The temperature of this device cannot be read, so no limit in degrees can be kept. Its "
    "speed limit can.",
    "idle_unknown": "It cannot be known here whether you are using the computer.",
    "no_seat": "This computer has no screen and keyboard of its own: nobody ever uses it, so hours and always say all.",
})  # fmt: skip
_UNKNOWN: Final = "This cannot be offered here."


def unavailable_words(cause: str, translations: Translations = ENGLISH) -> str:
    """The sentence of `control.messages.SettingValue.unavailable` and `withheld`."""
    return translations.gettext(UNAVAILABLE.get(cause, _UNKNOWN))
