"""The hours in which a computer may contribute: a weekly pattern in local time, such as ``mo-fr 22:00-07:00``.

A span whose end is not later than its start runs past midnight, into the next day. ``24:00`` is the end of a day.
Minutes are counted as the wall clock shows them, so that a night with a change of the clock is an hour shorter or
longer, as the person would expect.
"""

import re
from dataclasses import dataclass
from typing import Final

from sparewatt.errors import InputError

MINUTES_A_DAY: Final = 24 * 60
MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY
SPANS_MOST: Final = 100
ALWAYS_TEXT: Final = "always"
_DAYS: Final = ("mo", "tu", "we", "th", "fr", "sa", "su")
_PART: Final = re.compile(
    r"(?P<first>[a-z]{2})(-(?P<last>[a-z]{2}))?\s+(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
)


@dataclass(frozen=True)
class WeeklyHours:
    """A set of minutes of the week.

    Attributes:
        text: the pattern as it is shown and stored.
        spans: (first, end) minutes of the week, end exclusive, sorted, disjoint, within one week.
    """

    text: str
    spans: tuple[tuple[int, int], ...]

    def open_at(self, weekday: int, minute: int) -> bool:
        """Whether the minute of a day is inside; `weekday` is 0 for Monday."""
        moment = weekday * MINUTES_A_DAY + minute
        return any(first <= moment < end for first, end in self.spans)

    def overlaps(self, other: "WeeklyHours") -> bool:
        """Whether any minute of the week is inside both."""
        return any(
            first < other_end and other_first < end
            for first, end in self.spans
            for other_first, other_end in other.spans
        )

    def minutes_until_open(self, weekday: int, minute: int) -> int:
        """Minutes until the next span begins; 0 inside one. A pattern is never empty, so there always is a next."""
        if self.open_at(weekday, minute):
            return 0
        moment = weekday * MINUTES_A_DAY + minute
        return min((first - moment) % MINUTES_A_WEEK for first, _ in self.spans)


ALWAYS: Final = WeeklyHours(ALWAYS_TEXT, ((0, MINUTES_A_WEEK),))


def parse_hours(text: str) -> WeeklyHours:
    """The pattern that `text` says.

    Args:
        text: ``always``, or parts such as ``mo-fr 22:00-07:00``, separated by semicolons.

    Raises:
        InputError: ``settings.hours`` with the part that was not understood.
    """
    cleaned = " ".join(text.lower().split())
    if cleaned == ALWAYS_TEXT:
        return ALWAYS
    parts = [part.strip() for part in cleaned.split(";") if part.strip()]
    spans: list[tuple[int, int]] = []
    for part in parts:
        spans += _spans_of(part)
    if not spans or len(spans) > SPANS_MOST:
        raise InputError("settings.hours", part=cleaned[:60])
    return WeeklyHours("; ".join(parts), _merged(spans))


def _spans_of(part: str) -> list[tuple[int, int]]:
    match = _PART.fullmatch(part)
    if match is None:
        raise InputError("settings.hours", part=part[:60])
    first, last = match["first"], match["last"] or match["first"]
    if first not in _DAYS or last not in _DAYS:
        raise InputError("settings.hours", part=part[:60])
    start, end = (_minute(match[name], part) for name in ("start", "end"))
    if start == MINUTES_A_DAY:
        raise InputError("settings.hours", part=part[:60])
    length = end - start if end > start else end - start + MINUTES_A_DAY
    first_day = _DAYS.index(first)
    days = (_DAYS.index(last) - first_day) % 7 + 1
    spans: list[tuple[int, int]] = []
    for day in range(first_day, first_day + days):
        begin = (day % 7) * MINUTES_A_DAY + start
        spans.append((begin, min(begin + length, MINUTES_A_WEEK)))
        if begin + length > MINUTES_A_WEEK:
            spans.append((0, begin + length - MINUTES_A_WEEK))
    return spans


def _minute(text: str, part: str) -> int:
    hour, minute = (int(number) for number in text.split(":"))
    if minute > 59 or hour * 60 + minute > MINUTES_A_DAY:
        raise InputError("settings.hours", part=part[:60])
    return hour * 60 + minute


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return tuple(merged)
