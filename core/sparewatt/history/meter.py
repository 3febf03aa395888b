"""How much energy a device used between two samples."""

from dataclasses import dataclass
from typing import Final

from sparewatt.host.sample import Sample

# Without a fresh sample no permit is advanced, so in a longer gap the device did not compute for a run.
GAP_MOST_S: Final = 10.0
# No single device draws as much; a counter that says so has jumped.
PLAUSIBLE_WATTS: Final = 2_000.0


@dataclass(frozen=True)
class Measured:
    """Attributes:
    joules: None where the power could not be read.
    estimated: reckoned from the power at both ends, not from an energy counter.
    """

    seconds: float
    joules: float | None
    estimated: bool = False


def measured(before: Sample, after: Sample) -> Measured | None:
    """The energy between two samples of a device; None where they do not follow one another."""
    seconds = after.t - before.t
    if not 0 < seconds <= GAP_MOST_S:
        return None
    by_counter = _counted(before, after, seconds)
    if by_counter is not None:
        return Measured(seconds, by_counter)
    watts = [sample.power_watts for sample in (before, after) if _plausible(sample.power_watts)]
    known = [each for each in watts if each is not None]
    if len(known) < 2:
        return Measured(seconds, None)
    return Measured(seconds, seconds * sum(known) / 2, estimated=True)


def _counted(before: Sample, after: Sample, seconds: float) -> float | None:
    """Joules by the counter; None where there is none, it began anew, jumped, or stands still under load."""
    if before.energy_millijoules is None or after.energy_millijoules is None:
        return None
    joules = (after.energy_millijoules - before.energy_millijoules) / 1000
    if joules < 0 or joules / seconds > PLAUSIBLE_WATTS:
        return None
    # Counters move in steps of up to 100 ms; one that stands still for longer while the device draws power is stuck.
    if joules == 0 and seconds > 0.2 and after.power_watts:
        return None
    return joules


def _plausible(watts: float | None) -> bool:
    return watts is not None and 0 <= watts <= PLAUSIBLE_WATTS
