"""Numbers as people read them in a terminal, besides those of `sparewatt.wording.units`."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

UNKNOWN: Final = "unknown"
_BARS: Final = "▁▂▃▄▅▆▇█"


def count_text(count: float) -> str:
    """A large count: ``812``, ``12,345``, ``1.23 million``."""
    if count < 1_000_000:
        return f"{round(count):,}"
    return f"{count / 1e6:.2f} million" if count < 1e9 else f"{count / 1e9:.2f} billion"


def watts_text(watts: float | None) -> str:
    return "no power sensor" if watts is None else f"{watts:.0f} W"


def seconds_text(seconds: float) -> str:
    """``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"


def moment_text(unix_s: int) -> str:
    """Local date and time to the minute."""
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%a %d %b %Y %H:%M")


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` finite values as bars between their least and greatest; empty without any."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return _BARS[0] * len(shown)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)
