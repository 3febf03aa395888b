"""What a setting may be, and why it or one of its choices cannot be offered on this computer or device."""

from types import MappingProxyType
from typing import Any, Final

from sparewatt.settings.option import NAMES_MOST, Hours, Names, Number, Option
from sparewatt.settings.schema import BY_KEY
from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled

UNAVAILABLE: Final = MappingProxyType({
    "no_power_sensor": "The power of this device cannot be read, so no cap in watts can be kept. Its speed limit can.",
    "no_temperature_sensor": "The temperature of this device cannot be read, so no limit in degrees can be kept. Its "
    "speed limit can.",
    "idle_unknown": "It cannot be known here whether you are using the computer.",
})  # fmt: skip
_UNKNOWN: Final = "This cannot be offered here."


def unavailable_words(cause: str, translations: Translations = ENGLISH) -> str:
    """The sentence of `control.messages.SettingValue.unavailable` and `withheld`."""
    return translations.gettext(UNAVAILABLE.get(cause, _UNKNOWN))


def allowed_words(option: Option[Any], translations: Translations = ENGLISH) -> str:
    """`option.allowed` in the language of `translations`; words that are typed as they stand are the same in each."""
    gettext = translations.gettext
    match option:
        case Number():
            return filled(gettext("{least} to {most}"), {"least": option.minimum, "most": option.maximum})
        case Hours():
            return gettext("always, or a pattern such as mo-fr 22:00-07:00; sa-su 00:00-24:00")
        case Names():
            words = gettext("none, or up to {count} names of programs without folders, such as blender; obs64.exe")
            return filled(words, {"count": NAMES_MOST})
        case _:
            return option.allowed


def with_allowed(parameters: Parameters, translations: Translations = ENGLISH) -> Parameters:
    """The parameters of ``settings.value`` with what the schema allows in the language of `translations`."""
    option = BY_KEY.get(str(parameters.get("key")))
    if option is None or parameters.get("allowed") != option.allowed:
        return parameters
    return {**parameters, "allowed": allowed_words(option, translations)}
