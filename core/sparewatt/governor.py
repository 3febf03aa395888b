"""How hard a device may compute: the decision and the last sample, turned into a duty.

Only what can be seen to be safe is allowed: without a fresh sample nothing is. A device that never had a power or
temperature sensor is paced by the samples' freshness alone (they show that the sensor process lives); one that had a
sensor and lost it is stopped until the sensor is back.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.host.sample import Sample
from sparewatt.policy import WITHOUT_ENCODING_RULES, Decision

SAMPLE_AGE_MOST_S: Final = 2.0
DECISION_AGE_MOST_S: Final = 5.0
# Largest share of time by what the policy allows. "limited" is what a fanless machine keeps up without growing hot.
_DUTY_MOST: Final = MappingProxyType({"full": 1.0, "limited": 0.5, "hold": 0.0, "stop": 0.0})

Grant = Literal["compute", "encode", "hold", "none"]
Reason = Literal["decision", "decision_stale", "no_sample", "sample_stale", "sensor_lost"]
# Under these rules not even a finished piece of work is encoded: it would take what they protect.
_NO_ENCODING: Final = WITHOUT_ENCODING_RULES


@dataclass(frozen=True)
class Pace:
    """What the permit says until the next one.

    Attributes:
        grant: ``compute`` with `duty`; ``encode``: no computing on the device, but what was computed may be encoded;
            ``hold``: nothing, and the worker is kept; ``none``: the permit is not even advanced, so the worker ends.
        duty: share of time in which the device may compute, 0 to 1.
        reason: why it may not compute; None when it may.
        limit: what keeps the duty below 1.
        had_power, had_temperature: whether a sample ever had that value; what makes its absence a loss.
        cooling: it may not compute because it is too warm.
        temperature_most_celsius: the highest temperature limit that means anything on this device.
    """

    grant: Grant
    duty: float
    reason: Reason | None
    limit: Literal["speed_limit"] | None
    had_power: bool = False
    had_temperature: bool = False
    cooling: bool = False
    temperature_most_celsius: int | None = None


def pace(decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float) -> Pace:
    """The pace at monotonic moment `now`.

    Args:
        decision: the newest of the device; None before the first.
        sample: the newest of the device, with `t` in the clock of `now`.
        previous: the pace before, which remembers what sensors the device had.
    """
    had_power = (previous is not None and previous.had_power) or (sample is not None and sample.power_watts is not None)
    had_temperature = (previous is not None and previous.had_temperature) or (
        sample is not None and sample.temperature_celsius is not None
    )
    if decision is None or not 0 <= now - decision.decided_s <= DECISION_AGE_MOST_S:
        return Pace("none", 0.0, "decision_stale", None, had_power, had_temperature)
    most = _DUTY_MOST[decision.compute]
    if most == 0.0:
        return Pace(_without_computing(decision), 0.0, "decision", None, had_power, had_temperature)
    unsafe = _unsafe(sample, had_power, had_temperature, now)
    if unsafe is not None:
        return Pace("none", 0.0, unsafe, None, had_power, had_temperature)
    duty = min(most, decision.speed_limit_percent / 100)
    limit: Literal["speed_limit"] | None = "speed_limit" if duty < most else None
    return Pace("compute", duty, None, limit, had_power, had_temperature)


def _without_computing(decision: Decision) -> Grant:
    if decision.compute == "hold" or any(match.rule in _NO_ENCODING for match in decision.matches):
        return "hold"
    return "encode"


def _unsafe(sample: Sample | None, had_power: bool, had_temperature: bool, now: float) -> Reason | None:
    if sample is None:
        return "no_sample"
    if not 0 <= now - sample.t <= SAMPLE_AGE_MOST_S:
        return "sample_stale"
    if (had_power and sample.power_watts is None) or (had_temperature and sample.temperature_celsius is None):
        return "sensor_lost"
    return None
