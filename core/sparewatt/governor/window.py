"""The energy of the last minute, in bounded memory."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

WINDOW_S: Final = 60.0
# One mark a second: 62 of them, and at most a second's power is guessed at the far end of the window.
_MARK_S: Final = 1.0


class Window(msgspec.Struct, frozen=True, gc=False):
    """Marks of an energy account: (monotonic seconds, joules since an arbitrary origin), oldest first.

    The newest mark is always the newest sample; the oldest is the last one that lies before the window.
    """

    marks: tuple[tuple[float, float], ...] = ()

    def added(self, t: float, joules: float) -> "Window":
        """With the account as it stood at `t`, later than every mark."""
        marks = self.marks
        kept = len(marks) - 1 if len(marks) >= 2 and t - marks[-2][0] < _MARK_S else len(marks)
        first = 0
        while first + 1 < kept and marks[first + 1][0] <= t - WINDOW_S:
            first += 1
        return Window((*marks[first:kept], (t, joules)))

    def most_joules(self, starts: Sequence[float], watts: float) -> tuple[float, ...]:
        """For each of `starts`, the most energy that any 60 s can hold which begin then or later and end after the
        newest mark, if `watts` are drawn from there on. The second in which a start lies counts whole, and what came
        before the oldest mark is taken for nothing.

        Args:
            starts: ascending.
        """
        marks = self.marks
        if not marks:
            return (watts * WINDOW_S,) * len(starts)
        first, firsts = 0, []
        for start in starts:
            while first + 1 < len(marks) and marks[first + 1][0] <= start:
                first += 1
            firsts.append(first)
        end, joules = marks[-1]
        most = joules - watts * end + watts * WINDOW_S
        least = math.inf
        found: list[float] = []
        last = len(marks)
        for first in reversed(firsts):
            for t, joules in marks[first:last]:
                below = joules - watts * t
                if below < least:  # noqa: PLR1730 — a call for each of 60 marks would be most of a pace's time
                    least = below
            last = first
            found.append(most - least)
        return tuple(reversed(found))

    def mean_watts(self, now: float) -> float | None:
        """Mean over the 60 s before the newest mark, or over what is known of them; None below 5 s or without a mark
        in the last minute before `now`."""
        marks = self.marks
        if len(marks) < 2 or now - marks[-1][0] > WINDOW_S:
            return None
        end, joules = marks[-1]
        start = max(end - WINDOW_S, marks[0][0])
        if end - start < 5.0:
            return None
        (t0, j0), (t1, j1) = marks[0], marks[1]
        before = j0 + (j1 - j0) * (start - t0) / (t1 - t0) if start < t1 else j1
        return (joules - before) / (end - start)
