"""Energy, money and carbon dioxide, as people read them."""

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.numbers import decimal_words
from sparewatt.wording.units import count_words, duration_words


def energy_words(watt_hours: float, translations: Translations = ENGLISH) -> str:
    """``12.3 Wh``, ``1.23 kWh``."""
    if watt_hours < 1000:
        return f"{decimal_words(watt_hours, 1, translations)} Wh"
    return f"{decimal_words(watt_hours / 1000, 2 if watt_hours < 100_000 else 0, translations)} kWh"


def measured_words(watt_hours: float, unmeasured_s: float, translations: Translations = ENGLISH) -> str:
    """The same, of a time in which the power may not have been readable at all: that is unknown, not nothing."""
    if watt_hours == 0 and unmeasured_s > 0:
        return translations.gettext("energy not measured")
    return energy_words(watt_hours, translations)


def money_words(micro: int, currency: str, translations: Translations = ENGLISH) -> str:
    """``0.37 EUR``; what is less than a hundredth has more digits, for it is not nothing."""
    value = micro / 1_000_000
    digits = 4 if 0 < value < 0.01 else 2
    return f"{decimal_words(value, digits, translations, grouped=True)} {currency}"


def carbon_words(grams: float, translations: Translations = ENGLISH) -> str:
    """``about 582 g CO₂``: what a kilowatt-hour stands for is an average, so it is always an estimate."""
    amount = f"{grams:.0f} g" if grams < 1000 else f"{decimal_words(grams / 1000, 2, translations)} kg"
    return filled(translations.gettext("about {amount} CO₂"), {"amount": amount})


def yield_words(tokens: int, watt_hours: float, translations: Translations = ENGLISH) -> str:
    """``1.2 M tokens per kWh``; the caller knows that neither is nothing."""
    count = count_words(round(1000 * tokens / watt_hours), translations)
    return filled(translations.gettext("{count} tokens per kWh"), {"count": count})


def honesty_words(*, estimated: bool, unmeasured_s: float, translations: Translations = ENGLISH) -> str:
    """How far an amount of energy can be believed; empty where it was counted all along."""
    parts: list[str] = []
    if estimated:
        parts.append(translations.gettext("partly estimated from single readings"))
    if unmeasured_s >= 1:
        length = duration_words(unmeasured_s, translations)
        parts.append(
            filled(translations.gettext("without {length} in which no power could be read"), {"length": length})
        )
    return "; ".join(parts)
