"""Energy, money and carbon dioxide, as people read them."""

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.units import count_words, duration_words


def energy_words(watt_hours: float) -> str:
    """``12.3 Wh``, ``1.23 kWh``."""
    if watt_hours < 1000:
        return f"{watt_hours:.1f} Wh"
    return f"{watt_hours / 1000:.2f} kWh" if watt_hours < 100_000 else f"{watt_hours / 1000:.0f} kWh"


def money_words(micro: int, currency: str) -> str:
    """``0.37 EUR``; what is less than a hundredth has more digits, for it is not nothing."""
    value = micro / 1_000_000
    return f"{value:.4f} {currency}" if 0 < value < 0.01 else f"{value:,.2f} {currency}"


def carbon_words(grams: float, translations: Translations = ENGLISH) -> str:
    """``582 g CO₂``."""
    amount = f"{grams:.0f} g" if grams < 1000 else f"{grams / 1000:.2f} kg"
    return filled(translations.gettext("{amount} CO₂"), {"amount": amount})


def yield_words(tokens: int, watt_hours: float, translations: Translations = ENGLISH) -> str:
    """``1.2 M tokens per kWh``; the caller knows that neither is nothing."""
    count = count_words(round(1000 * tokens / watt_hours))
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
