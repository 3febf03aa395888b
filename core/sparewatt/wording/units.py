"""Numbers with their units, as people read them."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.numbers import decimal_words

_BYTES: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_COUNTS: Final = MappingProxyType({
    10**12: "{number} T",
    10**9: "{number} B",
    10**6: "{number} M",
    10**3: "{number} k",
})  # fmt: skip
_LOSS_UNITS: Final = MappingProxyType({
    "nats_per_token": "{loss} nats per token",
    "nats_per_byte": "{loss} nats per byte",
})  # fmt: skip


def bytes_words(count: int, translations: Translations = ENGLISH) -> str:
    """``1.5 GB``: decimal units, as disks and networks are sold; three digits at most."""
    for size, unit in _BYTES:
        if count >= size:
            value = count / size
            return f"{decimal_words(value, 1 if value < 10 else 0, translations)} {unit}"
    return f"{count} B"


def count_words(count: int, translations: Translations = ENGLISH) -> str:
    """``1.2 M``: tokens and parameters."""
    for size in _COUNTS:
        if count >= size:
            number = decimal_words(count / size, 1 if count < 100 * size else 0, translations)
            return filled(translations.gettext(_COUNTS[size]), {"number": number})
    return str(count)


def duration_words(seconds: float, translations: Translations = ENGLISH) -> str:
    """``5 min``: rounded up, for "how long until"."""
    whole = max(0, int(-(-seconds // 1)))
    if whole < 60:
        return filled(translations.ngettext("{count} s", "{count} s", whole), {"count": whole})
    minutes = -(-whole // 60)
    if minutes < 60:
        return filled(translations.ngettext("{count} min", "{count} min", minutes), {"count": minutes})
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return filled(translations.gettext("{hours} h {minutes} min"), {"hours": hours, "minutes": rest})
    days = round(hours / 24)
    return filled(translations.ngettext("{count} day", "{count} days", days), {"count": days})


def credit_words(credit_micro: int, translations: Translations = ENGLISH) -> str:
    """``0.0032 credits``; one credit is 10¹⁵ verified FLOP."""
    return filled(translations.gettext("{value} credits"), {"value": credit_number(credit_micro, translations)})


def credit_number(credit_micro: int, translations: Translations = ENGLISH) -> str:
    """The same without its unit, for where a label says it."""
    digits = 4 if abs(credit_micro) < 10**6 else 2
    return decimal_words(credit_micro / 1e6, digits, translations, grouped=True)


def loss_words(loss_micro: int | None, unit: str, translations: Translations = ENGLISH) -> str:
    """``3.2145 nats per token``; a loss always says its unit, and unknown is no number."""
    if loss_micro is None:
        return translations.gettext("not measured yet")
    template = _LOSS_UNITS.get(unit, "{loss} ({unit})")
    return filled(
        translations.gettext(template), {"loss": decimal_words(loss_micro / 1e6, 4, translations), "unit": unit}
    )


def percent_words(percent: float) -> str:
    """``62 %``."""
    return f"{percent:.0f} %"
