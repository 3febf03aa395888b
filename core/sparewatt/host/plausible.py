"""Sensors lie: a pure filter that turns what cannot be true into unknown.

A device that had a sensor and does not have it any more is stopped, so unknown is the safe side.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

import msgspec

from sparewatt.host.sample import Sample

TEMPERATURE_LEAST, TEMPERATURE_MOST = 1.0, 130.0
# Boards overshoot their limit for milliseconds, by less than this.
POWER_LIMIT_TIMES: Final = 2.0
POWER_MOST_WATTS: Final = 2000.0
# A chip under sudden load warms by some 20 K in the first second; a sensor that slips jumps further.
JUMP_KELVIN: Final = 30.0
JUMP_SECONDS: Final = 2.0
# Every live sensor moves within a minute of work, if only in its last digit.
FROZEN_SECONDS: Final = 60.0
BUSY_PERCENT: Final = 20.0

_Seen = tuple[float | None, float | None, float | None, int | None, int | None]


@dataclass(frozen=True)
class Belief:
    """What is remembered of one device between two samples.

    Attributes:
        temperature, temperature_t: the last that was believed.
        doubted: a temperature that jumped; believed when the next one agrees with it.
        seen, seen_since_s: the last values as they came, and since when they have not changed.
    """

    temperature: float | None = None
    temperature_t: float = 0.0
    doubted: float | None = None
    seen: _Seen | None = None
    seen_since_s: float = 0.0


def believed(sample: Sample, power_limit_watts: int | None, belief: Belief) -> tuple[Sample, Belief]:
    """The sample without what cannot be true, and what to remember for the next one.

    Args:
        power_limit_watts: the board's own limit; None where it is not known.
    """
    temperature, belief = _temperature(sample, belief)
    belief = _watched(sample, belief)
    frozen = _frozen(sample, belief)
    power = None if frozen else _power(sample.power_watts, power_limit_watts)
    return (
        msgspec.structs.replace(
            sample,
            power_watts=power,
            power_kind=None if power is None else sample.power_kind,
            temperature_celsius=None if frozen else temperature,
            utilisation_percent=_between(sample.utilisation_percent, 0.0, 100.0),
            margin_kelvin=_between(sample.margin_kelvin, -100.0, TEMPERATURE_MOST),
            fan_percent=_between(sample.fan_percent, 0.0, 150.0),
            energy_millijoules=_not_negative(sample.energy_millijoules),
            memory_used_bytes=_not_negative(sample.memory_used_bytes),
            memory_others_bytes=_not_negative(sample.memory_others_bytes),
            missing=sample.missing | _doubts(sample, power, None if frozen else temperature),
        ),
        belief,
    )


def _doubts(sample: Sample, power: float | None, temperature: float | None) -> dict[str, str]:
    doubts: dict[str, str] = {}
    if sample.power_watts is not None and power is None:
        doubts["power"] = "sensor.implausible"
    if sample.temperature_celsius is not None and temperature is None:
        doubts["temperature"] = "sensor.implausible"
    return doubts


def _power(watts: float | None, limit_watts: int | None) -> float | None:
    if watts is None or not isfinite(watts) or watts <= 0:
        return None
    most = POWER_MOST_WATTS if not limit_watts else min(POWER_MOST_WATTS, POWER_LIMIT_TIMES * limit_watts)
    return watts if watts <= most else None


def _temperature(sample: Sample, belief: Belief) -> tuple[float | None, Belief]:
    found = _between(sample.temperature_celsius, TEMPERATURE_LEAST, TEMPERATURE_MOST)
    if found is None:
        return None, replace(belief, doubted=None)
    jumped = (
        belief.temperature is not None
        and 0 <= sample.t - belief.temperature_t <= JUMP_SECONDS
        and abs(found - belief.temperature) > JUMP_KELVIN
    )
    agrees = belief.doubted is not None and abs(found - belief.doubted) <= JUMP_KELVIN / 3
    if jumped and not agrees:
        return None, replace(belief, doubted=found)
    return found, replace(belief, temperature=found, temperature_t=sample.t, doubted=None)


def _watched(sample: Sample, belief: Belief) -> Belief:
    seen = (
        sample.power_watts,
        sample.temperature_celsius,
        sample.utilisation_percent,
        sample.energy_millijoules,
        sample.memory_used_bytes,
    )
    return belief if seen == belief.seen else replace(belief, seen=seen, seen_since_s=sample.t)


def _frozen(sample: Sample, belief: Belief) -> bool:
    busy = sample.utilisation_percent is not None and sample.utilisation_percent >= BUSY_PERCENT
    told = sample.power_watts is not None or sample.temperature_celsius is not None
    return busy and told and sample.t - belief.seen_since_s >= FROZEN_SECONDS


def _between(value: float | None, least: float, most: float) -> float | None:
    return value if value is not None and isfinite(value) and least <= value <= most else None


def _not_negative(value: int | None) -> int | None:
    return value if value is not None and value >= 0 else None
