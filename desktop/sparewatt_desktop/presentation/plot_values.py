"""Points, ticks and ranges of plots. Pure, and without numpy: a plot holds some hundred points."""

import math
from collections.abc import Sequence
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.numbers import written

Point = tuple[float, float]
# More points than a plot has pixels show nothing more.
POINTS_MOST: Final = 2_000
SHOWN_MOST: Final = 600
_TIME_STEPS: Final = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400)
_TICKS_MOST: Final = 5


def extended(known: Sequence[Point], new: Sequence[Point], most: int = POINTS_MOST) -> tuple[Point, ...]:
    """`known` with those of `new` that are later than all of it; the newest `most`."""
    last = known[-1][0] if known else -math.inf
    return tuple([*known, *(point for point in new if point[0] > last and math.isfinite(point[1]))][-most:])


def thinned(points: Sequence[Point], most: int = SHOWN_MOST) -> tuple[Point, ...]:
    """At most `most` of `points`, with the least and the greatest of every stretch, so that no peak is lost."""
    if len(points) <= most:
        return tuple(points)
    stretch = math.ceil(2 * len(points) / most)
    kept: list[Point] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        ends = (min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1]))
        kept += sorted(set(ends))
    return tuple(kept)


def value_range(points: Sequence[Point], *, from_zero: bool) -> tuple[float, float]:
    """From where to where the values are shown: with some air, and never a flat line on the edge."""
    if not points:
        return (0.0, 1.0)
    least = 0.0 if from_zero else min(value for _, value in points)
    most = max(value for _, value in points)
    air = 0.08 * (most - least) or max(0.05 * abs(most), 0.5)
    return (least if from_zero else least - air, most + air)


def time_ticks(span_s: float, translations: Translations = ENGLISH) -> tuple[tuple[float, str], ...]:
    """Places and names on an axis that ends now, in seconds before it."""
    step = next((each for each in _TIME_STEPS if span_s / each <= _TICKS_MOST), _TIME_STEPS[-1])
    count = int(span_s // step)
    ticks = [(-float(place * step), _ago(place * step, translations)) for place in range(count, 0, -1)]
    return (*ticks, (0.0, translations.gettext("now")))


def version_ticks(first: int, last: int) -> tuple[tuple[float, str], ...]:
    """Whole versions only, in round steps."""
    step = 1
    while (last - first) / step > _TICKS_MOST:
        digits = str(step)
        step = step * 5 // 2 if digits.startswith("2") else step * 2
    start = -(-first // step) * step
    return tuple((float(version), str(version)) for version in range(start, last + 1, step))


def _ago(seconds: int, translations: Translations) -> str:
    gettext = translations.gettext
    if seconds < 60:
        return filled(gettext("{count} s ago"), {"count": seconds})
    if seconds < 3_600:
        return filled(gettext("{count} min ago"), {"count": seconds // 60})
    return filled(gettext("{count} h ago"), {"count": written(f"{seconds / 3_600:g}", translations)})
