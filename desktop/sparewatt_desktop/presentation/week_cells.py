"""The hours of a week as a grid of 7 days by 24 hours, and back as the pattern that is stored. Pure.

A pattern may begin and end at any minute; the grid only ever adds or takes whole hours, and leaves minutes that it was
not asked about as they are.
"""

from collections.abc import Iterable
from typing import Final, Literal

from sparewatt.settings.hours import ALWAYS_TEXT, MINUTES_A_DAY, MINUTES_A_WEEK

Span = tuple[int, int]
CellState = Literal["open", "part", "closed"]

DAYS: Final = 7
HOURS_A_DAY: Final = 24
_MINUTES_AN_HOUR: Final = 60
_DAY_WORDS: Final = ("mo", "tu", "we", "th", "fr", "sa", "su")


def cell_states(spans: Iterable[Span]) -> tuple[tuple[CellState, ...], ...]:
    """For each day, from Monday, each hour: open, closed, or open in part."""
    open_minutes = [0] * (DAYS * HOURS_A_DAY)
    for first, end in spans:
        for cell in range(first // _MINUTES_AN_HOUR, -(-end // _MINUTES_AN_HOUR)):
            start = cell * _MINUTES_AN_HOUR
            open_minutes[cell] += min(end, start + _MINUTES_AN_HOUR) - max(first, start)
    states: list[CellState] = [
        "open" if minutes == _MINUTES_AN_HOUR else "part" if minutes else "closed" for minutes in open_minutes
    ]
    return tuple(tuple(states[day * HOURS_A_DAY : (day + 1) * HOURS_A_DAY]) for day in range(DAYS))


def with_cells(spans: Iterable[Span], cells: Iterable[tuple[int, int]], *, open_: bool) -> tuple[Span, ...]:
    """`spans` with the hours at `cells` (day, hour) opened or closed as a whole."""
    minutes = bytearray(MINUTES_A_WEEK)
    for first, end in spans:
        minutes[first:end] = b"\1" * (end - first)
    for day, hour in cells:
        start = day * MINUTES_A_DAY + hour * _MINUTES_AN_HOUR
        minutes[start : start + _MINUTES_AN_HOUR] = (b"\1" if open_ else b"\0") * _MINUTES_AN_HOUR
    return _spans_of(minutes)


def hours_text(spans: Iterable[Span]) -> str | None:
    """The shortest plain pattern of `spans`, which `settings.hours.parse_hours` reads as the same minutes; None for no
    minute at all, which no pattern says.

    Args:
        spans: (first, end) minutes of the week, end exclusive, sorted and disjoint.
    """
    known = tuple(spans)
    if not known:
        return None
    if known == ((0, MINUTES_A_WEEK),):
        return ALWAYS_TEXT
    days_by_time: dict[tuple[int, int], list[int]] = {}
    for day, start, end in _parts(_around_the_week(known)):
        days_by_time.setdefault((start, end), []).append(day)
    ordered = sorted(days_by_time.items(), key=lambda item: (min(item[1]), item[0]))
    return "; ".join(f"{days} {_clock(start)}-{_clock(end)}" for (start, end), all_ in ordered for days in _runs(all_))


def _spans_of(minutes: bytearray) -> tuple[Span, ...]:
    spans: list[Span] = []
    first = minutes.find(1)
    while first >= 0:
        end = minutes.find(0, first)
        end = len(minutes) if end < 0 else end
        spans.append((first, end))
        first = minutes.find(1, end)
    return tuple(spans)


def _around_the_week(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Spans of which the last may end in the next week, so that a night from Sunday to Monday is one."""
    if len(spans) > 1 and spans[0][0] == 0 and spans[-1][1] == MINUTES_A_WEEK:
        return (*spans[1:-1], (spans[-1][0], MINUTES_A_WEEK + spans[0][1]))
    return spans


def _parts(spans: tuple[Span, ...]) -> Iterable[tuple[int, int, int]]:
    """(day, first minute, last minute) of pieces of at most a day; a piece may run past midnight only where it is
    shorter than a day, as people write it."""
    for first, end in spans:
        begin = first
        while begin < end:
            start_of_day = begin // MINUTES_A_DAY * MINUTES_A_DAY
            # A longer span is cut at midnight, so that its whole days are told as such.
            until = end if end - begin < MINUTES_A_DAY else min(end, start_of_day + MINUTES_A_DAY)
            last = until - start_of_day
            yield (
                begin // MINUTES_A_DAY % DAYS,
                begin - start_of_day,
                last if last <= MINUTES_A_DAY else last - MINUTES_A_DAY,
            )
            begin = until


def _runs(days: list[int]) -> Iterable[str]:
    """``mo-fr`` for days that follow each other."""
    ordered = sorted(days)
    start = previous = ordered[0]
    for day in (*ordered[1:], DAYS + 1):
        if day == previous + 1:
            previous = day
            continue
        yield _DAY_WORDS[start] if start == previous else f"{_DAY_WORDS[start]}-{_DAY_WORDS[previous]}"
        start = previous = day


def _clock(minute: int) -> str:
    return f"{minute // _MINUTES_AN_HOUR:02d}:{minute % _MINUTES_AN_HOUR:02d}"
