"""What must hold on every machine, looked at while it runs."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 60.0
LAST_SAMPLE_S: Final = 3.0
COOLING_S: Final = 60.0
ABOVE_LIMIT_KELVIN: Final = 3.0
# Floating point, over some 10^5 additions.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class Finding:
    """Something that must not be."""

    check: str
    at_s: float
    words: str


class MinuteMean:
    """The highest mean of any 60 s against the cap, exact between even stretches of power.

    The mean of a window is highest where a stretch begins or ends at one of the window's ends; both are looked at.
    """

    def __init__(self) -> None:
        self.worst_over = -1e9
        self.worst_mean = 0.0
        self.worst_at = 0.0
        self._caps: deque[tuple[float, float]] = deque()
        self._marks: deque[tuple[float, float]] = deque([(0.0, 0.0)])
        self._left = (-WINDOW_S, 0.0)
        self._skip_until = 0.0

    def cap(self, t: float, watts: float) -> None:
        """The cap from now on; a minute in which it changed is held to the higher one."""
        self._caps.append((t, watts))

    def skip(self, until: float) -> None:
        """No window that ends before this is looked at: what the sensors said in it was made up."""
        self._skip_until = max(self._skip_until, until)

    def drew(self, began: float, ended: float, watts: float) -> None:
        """A stretch of even power, the next in time."""
        joules = self._marks[-1][1]
        while self._marks and self._marks[0][0] + WINDOW_S <= ended:
            self._left = self._marks.popleft()
            end = self._left[0] + WINDOW_S
            if end >= began:
                self._look(end, joules + watts * (end - began) - self._left[1])
        joules += watts * (ended - began)
        self._marks.append((ended, joules))
        t, before = self._left
        if ended - WINDOW_S > t:
            next_t, next_joules = self._marks[0]
            share = (ended - WINDOW_S - t) / (next_t - t)
            before += (next_joules - before) * share
        self._look(ended, joules - before)

    def _look(self, end: float, joules: float) -> None:
        while len(self._caps) > 1 and self._caps[1][0] <= end - WINDOW_S:
            self._caps.popleft()
        if not self._caps or end < self._skip_until:
            return
        mean = joules / WINDOW_S
        over = mean - max(watts for _, watts in self._caps) if len(self._caps) > 1 else mean - self._caps[0][1]
        if over > self.worst_over:
            self.worst_over, self.worst_mean, self.worst_at = over, mean, end

    @property
    def finding(self) -> Finding | None:
        if self.worst_over <= _ROUNDING * max(1.0, self.worst_mean):
            return None
        words = f"mean of 60 s {self.worst_mean:.2f} W, {self.worst_over:.2f} W above the cap"
        return Finding("cap", self.worst_at, words)


@dataclass
class Starts:
    """When micro-batches began, against the last valid sample and the last stop for heat."""

    sampled_s: float | None = None
    cooling_s: float | None = None
    late_s: float = 0.0
    newest_s: float | None = None
    findings: list[Finding] = field(default_factory=list)

    def began(self, t: float) -> None:
        self.newest_s = t
        if self.sampled_s is None:
            self._add("permit", t, "a micro-batch began before any sample")
        else:
            late = t - self.sampled_s
            self.late_s = max(self.late_s, late)
            if late > LAST_SAMPLE_S + _ROUNDING:
                self._add("permit", t, f"a micro-batch began {late:.2f} s after the last valid sample")
        if self.cooling_s is not None and _in_flight_s(t - self.cooling_s) < COOLING_S:
            self._add("restart", t, f"a micro-batch began {t - self.cooling_s:.1f} s after a stop for heat")

    def stopped_for_heat(self, t: float) -> None:
        self.cooling_s = t

    def _add(self, check: str, t: float, words: str) -> None:
        if not any(each.check == check for each in self.findings):
            self.findings.append(Finding(check, t, words))


def _in_flight_s(after: float) -> float:
    """A stop is written at its moment; only a chain that was begun before can name an earlier start."""
    return after if after > 0.0 else COOLING_S
