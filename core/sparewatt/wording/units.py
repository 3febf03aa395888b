"""Numbers with their units, as people read them."""

from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled

_BYTES: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_LOSS_UNITS: Final = {"nats_per_token": "{loss} nats per token", "nats_per_byte": "{loss} nats per byte"}


def bytes_words(count: int) -> str:
    """``1.5 GB``: decimal units, as disks and networks are sold; three digits at most."""
    for size, unit in _BYTES:
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{count} B"


def count_words(count: int) -> str:
    """``1.2 M``: tokens and parameters."""
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 100 * size else f"{count / size:.0f} {unit}"
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
    value = f"{credit_micro / 1e6:.4f}" if abs(credit_micro) < 10**6 else f"{credit_micro / 1e6:,.2f}"
    return filled(translations.gettext("{value} credits"), {"value": value})


def loss_words(loss_micro: int | None, unit: str, translations: Translations = ENGLISH) -> str:
    """``3.2145 nats per token``; a loss always says its unit, and unknown is no number."""
    if loss_micro is None:
        return translations.gettext("not measured yet")
    template = _LOSS_UNITS.get(unit, "{loss} ({unit})")
    return filled(translations.gettext(template), {"loss": f"{loss_micro / 1e6:.4f}", "unit": unit})


def percent_words(percent: float) -> str:
    """``62 %``."""
    return f"{percent:.0f} %"
