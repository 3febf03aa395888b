"""Why a device computes less than it could: the words of the governor, and of limits that cannot be kept."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.units import duration_words

# By `governor.Reason`.
REASONS: Final = MappingProxyType({
    "decision": "Your rules hold this device back.",
    "decision_stale": "Waiting for the engine's next decision.",
    "no_sample": "Waiting for this device's sensors.",
    "sample_stale": "This device's sensors are silent, so it waits until they are heard again.",
    "sensor_lost": "I can't read this device's sensors any more, so I stopped it. I try again in {left}.",
    "power_spent": "Pausing a few seconds to stay under your {cap} W over the minute.",
    "measuring": "Measuring for some seconds what this device draws between two pieces of work.",
    "temperature": "Cooling down: {celsius} °C, your limit is {limit} °C. It rests a minute at least.",
    "slowdown": "This device says that it grew too hot or gets too little power, so it rests a minute at least.",
    "thermal_state": "The system says that this computer is too hot, so it rests a minute at least.",
    "power_taken": "This device draws {watts} W without my work, and your cap is {cap} W. I go on when it draws less.",
    "cap_too_low": "Your cap of {cap} W is below what this device draws between two pieces of work; {least} W is the "
    "least. I try again in {left}.",
})  # fmt: skip

# By `snapshot.LimitsSnapshot.conflict`.
CONFLICTS: Final = MappingProxyType({
    "cap_without_sensor": "The power of this device cannot be read, so a cap in watts cannot be kept. The speed limit "
    "holds instead.",
    "cap_too_low": "The power cap is below what this device draws at rest with a worker, so nothing computes on it. "
    "Raise it to {power_cap_least_watts} W or more.",
    "cap_above_device": "The power cap is above the device's own limit of {power_cap_most_watts} W, so it changes "
    "nothing.",
    "temperature_without_sensor": "The temperature of this device cannot be read, so its limit cannot be kept. The "
    "speed limit holds instead.",
    "temperature_above_slowdown": "The temperature limit is closer than 10 °C to where the device slows itself down; "
    "{temperature_limit_most_celsius} °C is kept instead.",
    "temperature_at_rest": "This device is as warm as its temperature limit without any work. Raise the limit, or cool "
    "the room.",
})  # fmt: skip

_UNKNOWN: Final = "Waiting for a reason that this version has no words for ({reason})."


def pace_words(reason: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The sentence of a reason of the governor; `parameters` as in `governor.Pace`."""
    template = REASONS.get(reason)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"reason": reason})
    seconds = parameters.get("seconds", 0)
    left = duration_words(seconds if isinstance(seconds, int) else 0, translations)
    return filled(translations.gettext(template), {**parameters, "left": left})


def conflict_words(conflict: str, parameters: Parameters, translations: Translations = ENGLISH) -> str:
    """The sentence of a conflict of limits; `parameters` are the numbers of its `snapshot.LimitsSnapshot`."""
    template = CONFLICTS.get(conflict)
    if template is None:
        return filled(translations.gettext(_UNKNOWN), {"reason": conflict})
    return filled(translations.gettext(template), parameters)
