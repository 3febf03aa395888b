"""What a setting's numbers mean. Pure."""

from typing import Any

from sparewatt.settings.option import Choice, Number, Option, Switch
from sparewatt.wording.catalogue import ENGLISH, Translations, filled


def zero_words(option: Option[Any], translations: Translations = ENGLISH) -> str:
    """What 0 stands for, where it is no quantity but a word; empty elsewhere."""
    gettext = translations.gettext
    match option.key:
        case "power_cap_watts":
            return gettext("No cap")
        case "upload_limit_kb_per_s" | "download_limit_kb_per_s":
            return gettext("No limit")
        case "cpu_threads":
            return gettext("All but one")
        case "data_budget_gb_per_month" | "energy_budget_kwh_per_month" | "money_budget_per_month":
            return gettext("No budget")
        case "power_price_ct_per_kwh":
            return gettext("Not said")
        case "carbon_grams_per_kwh":
            return gettext("Average of the country")
        case "cheap_price_ct_per_kwh":
            return gettext("One rate only")
        case _:
            return ""


def value_words(option: Option[Any], text: str, translations: Translations = ENGLISH) -> str:
    """A stored text as the form shows it: a choice's label, a number with its unit."""
    gettext = translations.gettext
    match option:
        case Number():
            zero = zero_words(option, translations)
            return zero if zero and text == "0" else f"{text} {_unit(option, translations)}".strip()
        case Choice() if text in option.choices:
            return gettext(option.choices[text])
        case Switch():
            return gettext("On") if text == "on" else gettext("Off")
        case _:
            return text


def range_words(option: Number, minimum: int, maximum: int, translations: Translations = ENGLISH) -> str:
    """``100 to 350 W``, with what 0 stands for where that is allowed besides."""
    zero = zero_words(option, translations)
    if zero and option.minimum == 0:
        words = translations.gettext("{zero}, or {least} to {most} {unit}")
        least = max(1, minimum)
    else:
        words, least = translations.gettext("{least} to {most} {unit}"), minimum
    return filled(words, {"zero": zero, "least": least, "most": maximum, "unit": _unit(option, translations)}).strip()


def _unit(option: Number, translations: Translations) -> str:
    return translations.gettext(option.unit) if option.unit else ""
