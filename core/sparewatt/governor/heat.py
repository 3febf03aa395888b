"""Keeps the temperature under its limit by looking ahead, and stops where looking ahead was not enough.

The die follows its own power within seconds and the heatsink within minutes, so the temperature is predicted 8 s ahead
by its slope; from a kelvin below the limit the largest duty falls with the excess, from three kelvins below it rises.
"""

import math
from typing import Final

from msgspec.structs import replace

from sparewatt.governor.values import DUTY_FIRST, DUTY_LEAST, Facts, HeatMemory, Pause, PauseReason
from sparewatt.host.sample import Sample

AHEAD_S: Final = 8.0
_SMOOTH_S: Final = 4.0
_FALL_PER_S_KELVIN: Final = 0.02
_RISE_PER_S: Final = 0.01
# How far what is allowed may run ahead of what is used, and how fast it comes back where that matters.
_AHEAD_MOST: Final = 0.15
_UNUSED_FALL_PER_S: Final = 0.05
# A stop comes this far above the limit: what is in flight then still ends below 3 K above it.
STOP_ABOVE_KELVIN: Final = 1.0
_GROWS_ABOVE_KELVIN: Final = 2.0
RESUME_BELOW_KELVIN: Final = 7.0
# A device that rests warmer than that may go on a little below its limit once it has settled.
_SETTLED_BELOW_KELVIN: Final = 3.0
_SETTLED_AFTER_S: Final = 180.0
REST_S: Final = 60.0
SLOWDOWN_MARGIN_KELVIN: Final = 10.0
_HARDWARE_SLOWDOWN_S: Final = 2.0
FAIR_DUTY_MOST: Final = 0.6


def limit_celsius(memory: HeatMemory, wanted: int | None, facts: Facts) -> float | None:
    """The limit that is kept: the person's, and never closer than 10 K to where the device slows itself down."""
    most = most_celsius(memory, facts)
    if wanted is None:
        return most
    return float(wanted) if most is None else min(float(wanted), most)


def most_celsius(memory: HeatMemory, facts: Facts) -> float | None:
    """The highest limit that means anything, where it is known where the device slows itself down."""
    seen, said = memory.slowdown_celsius, facts.slowdown_celsius
    if seen is None and said is None:
        return None
    return min(math.inf if seen is None else seen, math.inf if said is None else said) - SLOWDOWN_MARGIN_KELVIN


def observe(memory: HeatMemory, sample: Sample, celsius: float | None, limit: float | None, duty: float) -> HeatMemory:
    """With a new believable reading; `duty` is what was granted since the last."""
    slowed = "hardware_slowdown" in (sample.slowdowns or ())
    slowed_s = (memory.slowed_s if memory.slowed_s is not None else sample.t) if slowed else None
    memory = replace(memory, slowed_s=slowed_s)
    if celsius is None:
        return memory
    memory = _with_fan(_with_slowdown(memory, sample, celsius), sample, celsius)
    elapsed = 0.0 if memory.t is None else sample.t - memory.t
    if memory.t is None or not 0.0 < elapsed <= 5.0:
        near = limit is not None and celsius > limit - 15.0
        return replace(memory, t=sample.t, celsius=celsius, slow_celsius=celsius, most=DUTY_FIRST if near else 1.0)
    slow = memory.slow_celsius + (celsius - memory.slow_celsius) * elapsed / (_SMOOTH_S + elapsed)
    most = memory.most
    if limit is not None:
        most = _most(memory.most, celsius + AHEAD_S * (celsius - slow) / _SMOOTH_S - limit, elapsed, duty)
        if "software_thermal" in (sample.slowdowns or ()):
            most = max(DUTY_LEAST, most - 0.05 * elapsed)
    return replace(memory, t=sample.t, celsius=celsius, slow_celsius=slow, most=most)


def pause(memory: HeatMemory, sample: Sample, limit: float | None, now: float, before: Pause | None) -> Pause | None:
    """The pause for heat that begins or goes on at `now`; None when there is none, or it is over.

    Args:
        before: a pause for heat that lasts.
    """
    reason = _too_hot(memory, sample, limit)
    if reason is not None:
        since = now if before is None else before.since_s
        return Pause(reason, since, now + REST_S)
    if before is None or (now >= before.not_before_s and _cooled(memory, sample, limit, now - before.since_s)):
        return None
    return before


def grows(memory: HeatMemory, limit: float) -> bool:
    """Whether it is well above its limit and grows warmer still."""
    celsius = memory.celsius
    return celsius is not None and celsius >= limit + _GROWS_ABOVE_KELVIN and celsius > memory.slow_celsius + 0.1


def started(memory: HeatMemory) -> HeatMemory:
    """After a stop it begins low."""
    return replace(memory, most=DUTY_FIRST)


def _most(most: float, excess: float, elapsed: float, duty: float) -> float:
    """The largest duty, from the predicted temperature's distance to the limit."""
    most = max(DUTY_LEAST, most - _FALL_PER_S_KELVIN * max(excess + 1.0, 0.0) * elapsed)
    if excess > -5.0 and 0.0 < duty < most - _AHEAD_MOST:
        # It is warm by merely waiting for work, which may come back at any moment.
        return max(duty + _AHEAD_MOST, most - _UNUSED_FALL_PER_S * elapsed)
    # It does not run far ahead of what is used, for then it would have to come back all that way.
    if excess < -3.0 and (most < duty + _AHEAD_MOST or excess < -15.0):
        return min(1.0, most + _RISE_PER_S * elapsed)
    return most


def _too_hot(memory: HeatMemory, sample: Sample, limit: float | None) -> PauseReason | None:
    slowdowns = sample.slowdowns or ()
    if sample.thermal_state in ("serious", "critical"):
        return "thermal_state"
    if "hardware_thermal" in slowdowns or "power_brake" in slowdowns:
        return "slowdown"
    if memory.slowed_s is not None and sample.t - memory.slowed_s >= _HARDWARE_SLOWDOWN_S:
        return "slowdown"
    if memory.celsius is not None and limit is not None and memory.celsius >= limit + STOP_ABOVE_KELVIN:
        return "temperature"
    return None


def _cooled(memory: HeatMemory, sample: Sample, limit: float | None, lasted: float) -> bool:
    if sample.thermal_state == "fair" and lasted < _SETTLED_AFTER_S:
        return False
    if memory.celsius is None or limit is None:
        return True
    below = limit - memory.celsius
    settled = lasted >= _SETTLED_AFTER_S and abs(memory.celsius - memory.slow_celsius) < 0.5
    return below >= RESUME_BELOW_KELVIN or (settled and below >= _SETTLED_BELOW_KELVIN)


def _with_slowdown(memory: HeatMemory, sample: Sample, celsius: float) -> HeatMemory:
    """The margin moves against the temperature; their sum stays, but for rounding."""
    margin = sample.margin_kelvin
    if margin is None or not 0.0 <= margin <= 150.0:
        return memory
    at = celsius + margin
    known = memory.slowdown_celsius
    return replace(memory, slowdown_celsius=at if known is None else known + (at - known) * 0.02)


def _with_fan(memory: HeatMemory, sample: Sample, celsius: float) -> HeatMemory:
    fan = sample.fan_percent
    if fan is None or not 0.0 < fan <= 100.0:
        return memory
    return replace(memory, fan_percent=fan, fan_celsius=celsius)
