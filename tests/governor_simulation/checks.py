"""What must hold on every machine, looked at while it runs."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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

    The mean of a window is highest where a stretch begins or ends at one of the window's ends; both are looked at,
    for all stretches of a minute at once.
    """

    def __init__(self) -> None:
        self.worst_over = -1e9
        self.worst_mean = 0.0
        self.worst_at = 0.0
        self._caps: list[tuple[float, float]] = []
        self._ends = [0.0]
        self._joules = [0.0]
        self._looked_at = 0.0
        self._skip_until = 0.0

    def cap(self, t: float, watts: float) -> None:
        """The cap from now on; a minute in which it changed is held to the higher one."""
        self.look()
        self._caps.append((t, watts))

    def skip(self, until: float) -> None:
        """No window that ends from now on and before this is looked at: what the sensors said in it was made up."""
        self.look()
        self._skip_until = max(self._skip_until, until)

    def drew(self, began: float, ended: float, watts: float) -> None:
        """A stretch of even power, the next in time."""
        self._joules.append(self._joules[-1] + watts * (ended - began))
        self._ends.append(ended)
        if ended - self._looked_at >= WINDOW_S:
            self.look()

    def look(self) -> None:
        """Look at every window that ended since the last time."""
        ends, joules = np.array(self._ends), np.array(self._joules)
        now = self._ends[-1]
        looked_at = np.concatenate((ends, ends + WINDOW_S))
        first = max(self._looked_at, self._skip_until)
        looked_at = looked_at[(looked_at > self._looked_at) & (looked_at >= first) & (looked_at <= now)]
        self._looked_at = now
        if self._caps and looked_at.size:
            used = np.interp(looked_at, ends, joules) - np.interp(looked_at - WINDOW_S, ends, joules)
            over = used / WINDOW_S - self._caps_at(looked_at)
            worst = int(np.argmax(over))
            if over[worst] > self.worst_over:
                self.worst_over, self.worst_mean = float(over[worst]), float(used[worst]) / WINDOW_S
                self.worst_at = float(looked_at[worst])
        kept = max(0, int(np.searchsorted(ends, now - WINDOW_S, "right")) - 1)
        del self._ends[:kept], self._joules[:kept]

    def _caps_at(self, ends: Floats) -> Floats:
        """The highest cap that held in each of the windows that end at `ends`."""
        highest = np.zeros(ends.shape)
        untils = [t + WINDOW_S for t, _ in self._caps[1:]] + [math.inf]
        for (since, watts), until in zip(self._caps, untils, strict=True):
            highest = np.maximum(highest, np.where((ends >= since) & (ends < until), watts, 0.0))
        return highest

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
