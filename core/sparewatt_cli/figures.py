"""Numbers as people read them in a terminal, besides those of `sparewatt.wording.units`."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, SOURCE_LANGUAGE, Translations, filled, language_of
from sparewatt.wording.numbers import decimal_words, written

UNKNOWN: Final = "unknown"
_PARTS: Final = {"year": "%Y", "month": "%m", "day": "%d", "clock": "%H:%M"}
_BARS: Final = "▁▂▃▄▅▆▇█"


def count_text(count: float, words: Translations = ENGLISH) -> str:
    """A large count: ``812``, ``12,345``, ``1.23 million``."""
    if count < 1_000_000:
        return written(f"{round(count):,}", words)
    if count < 1e9:
        return filled(words.gettext("{number} million"), {"number": decimal_words(count / 1e6, 2, words)})
    return filled(words.gettext("{number} billion"), {"number": decimal_words(count / 1e9, 2, words)})


def watts_text(watts: float | None, words: Translations = ENGLISH) -> str:
    return words.gettext("no power sensor") if watts is None else f"{watts:.0f} W"


def seconds_text(seconds: float) -> str:
    """``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"


def moment_text(unix_s: int, words: Translations = ENGLISH) -> str:
    """Local date and time to the minute."""
    moment = datetime.fromtimestamp(unix_s).astimezone()
    if language_of(words) == SOURCE_LANGUAGE:
        return moment.strftime("%a %d %b %Y %H:%M")
    parts = {name: moment.strftime(mark) for name, mark in _PARTS.items()}
    return filled(words.gettext("{year}-{month}-{day} {clock}"), parts)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` finite values as bars between their least and greatest; empty without any."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return _BARS[0] * len(shown)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)
