"""Whether a sample may be believed.

Only what can be seen to be safe is allowed. A device that never had a power or temperature sensor is paced by the
samples' freshness alone (they show that the sensor process lives); one that had a sensor and lost it is stopped, and
tried again after 5, 10 … 300 s.
"""

from typing import Final

from msgspec.structs import replace

from sparewatt.governor.values import SAMPLE_AGE_MOST_S, Reason, TrustMemory
from sparewatt.host.sample import Sample

# No device of one slot draws more, and none that is switched on draws nothing.
POWER_MOST_WATTS: Final = 3_000.0
TEMPERATURE_LEAST_CELSIUS: Final = -30.0
TEMPERATURE_MOST_CELSIUS: Final = 130.0
# Readings in milliwatts do not repeat to the last digit for so long while a device starts and stops many times.
FROZEN_S: Final = 30.0
RETRY_FIRST_S: Final = 5.0
RETRY_MOST_S: Final = 300.0
FORGIVEN_AFTER_S: Final = 600.0


def look(memory: TrustMemory, sample: Sample, now: float, *, varies: bool, capped: bool) -> TrustMemory:
    """What a new sample says about the sensors.

    Args:
        varies: whether the device does what makes its power vary.
        capped: whether anybody relies on the power.
    """
    watts = plausible_watts(sample)
    celsius = plausible_celsius(sample)
    # A sensor that talks nonsense is one that is lost; only one that always says 0 W is none.
    had_power = memory.had_power or (sample.power_watts is not None and sample.power_watts != 0.0)
    had_temperature = memory.had_temperature or sample.temperature_celsius is not None
    same_since_s = memory.same_since_s if watts == memory.same_watts and varies else sample.t
    frozen = capped and watts is not None and sample.t - same_since_s >= FROZEN_S
    whole = (watts is not None or not had_power) and (celsius is not None or not had_temperature) and not frozen
    if whole:
        losses = 0 if sample.t - memory.lost_s >= FORGIVEN_AFTER_S else memory.losses
        valid_s: float | None = sample.t
        lost = False
    else:
        losses, valid_s = memory.losses, memory.valid_s
        lost = valid_s is None or now - valid_s > SAMPLE_AGE_MOST_S
    retry_s, lost_s = memory.retry_s, memory.lost_s
    if lost and not memory.lost:
        losses += 1
        retry_s, lost_s = now + min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** (losses - 1)), sample.t
        same_since_s = sample.t
    return TrustMemory(
        had_power, had_temperature, sample.t, valid_s, losses, lost, lost_s, retry_s, watts, same_since_s
    )


def doubt(memory: TrustMemory, sample: Sample | None, now: float) -> Reason | None:
    """Why nothing may compute at `now`; None when the sensors can be believed."""
    if sample is None:
        return "no_sample"
    if not 0 <= now - sample.t <= SAMPLE_AGE_MOST_S:
        return "sample_stale"
    if memory.lost or now < memory.retry_s:
        return "sensor_lost"
    if memory.valid_s is None or not 0 <= now - memory.valid_s <= SAMPLE_AGE_MOST_S:
        return "sample_stale"
    return None


def rebased(memory: TrustMemory, now: float) -> TrustMemory:
    """After the clock went back: what was to come later comes soon."""
    return replace(memory, seen_s=None, valid_s=None, lost_s=now, retry_s=min(memory.retry_s, now + RETRY_FIRST_S))


def plausible_watts(sample: Sample) -> float | None:
    """The power, unless no device can draw it. A comparison with what is no number is false."""
    watts = sample.power_watts
    return watts if watts is not None and 0.0 < watts <= POWER_MOST_WATTS else None


def plausible_celsius(sample: Sample) -> float | None:
    """The temperature, unless no device can have it."""
    celsius = sample.temperature_celsius
    if celsius is None or not TEMPERATURE_LEAST_CELSIUS <= celsius <= TEMPERATURE_MOST_CELSIUS:
        return None
    return celsius
