"""Mean power from an energy counter, and what to do when the counter cannot be believed."""

from dataclasses import dataclass
from typing import Final

# Shorter intervals than this turn the counter's own granularity (some 20–100 ms) into noise.
INTERVAL_MIN_S: Final = 0.4
# Even a resting card draws watts, so a counter that stands still for longer than this is broken.
STILL_MOST_S: Final = 3.0
GAP_MOST_S: Final = 60.0


@dataclass(frozen=True)
class EnergyMeter:
    """Attributes:
    t, joules: where the present interval began.
    power_watts: of the last whole interval; None while the counter says nothing.
    """

    t: float | None = None
    joules: float = 0.0
    power_watts: float | None = None

    def seen(self, joules: float | None, now: float) -> "EnergyMeter":
        """With the counter's value at `now`; None where it could not be read."""
        if joules is None:
            return EnergyMeter()
        if self.t is None or joules < self.joules or not 0 <= now - self.t <= GAP_MOST_S:
            return EnergyMeter(now, joules)
        elapsed_s, grown = now - self.t, joules - self.joules
        if elapsed_s < INTERVAL_MIN_S:
            return self
        if grown == 0:
            return self if elapsed_s < STILL_MOST_S else EnergyMeter(self.t, joules)
        return EnergyMeter(now, joules, grown / elapsed_s)
