"""Quiet, balanced and full: three sets of limits for one device, from what it is and what was learnt of it.

A fan grows loud with its speed, and its speed follows the temperature; so quiet means few watts, and a temperature at
which this device's own fan was seen to turn slowly, or 65 °C where no fan can be read. The shares of the full power are
those at which cards lose little speed for the watts they save: about a twentieth of their speed at 70 % of their power.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sparewatt.governor.values import Learnt

PresetName = Literal["quiet", "balanced", "full"]
_CAP_STEP_WATTS: Final = 5
_CAP_SHARE: Final[dict[PresetName, float]] = {"quiet": 0.45, "balanced": 0.7}
_CELSIUS: Final[dict[PresetName, int]] = {"quiet": 65, "balanced": 75, "full": 83}
# Where there is no power sensor, the speed limit has to do what a cap would.
_SPEED_PERCENT: Final[dict[PresetName, int]] = {"quiet": 40, "balanced": 70, "full": 100}
QUIET_FAN_PERCENT: Final = 40.0
# A fan curve rises by some 2 % of speed a kelvin between its first turn and full speed.
_FAN_PERCENT_PER_KELVIN: Final = 2.0
_CELSIUS_LEAST: Final = 50


@dataclass(frozen=True)
class PresetFacts:
    """What a device is.

    Attributes:
        power_limit_watts: its own limit; `least_cap_watts` the lowest cap that can be kept.
        temperature_most_celsius: the highest limit that means anything.
    """

    has_power: bool
    has_temperature: bool
    power_limit_watts: int | None = None
    least_cap_watts: int | None = None
    temperature_most_celsius: int | None = None


@dataclass(frozen=True)
class Preset:
    """Settings of one device.

    Attributes:
        power_cap_watts: None is no cap.
        temperature_limit_celsius: None where it cannot be read.
        basis: what the cap was made from: the measured draw, the device's own limit, or nothing.
    """

    name: PresetName
    power_cap_watts: int | None
    temperature_limit_celsius: int | None
    speed_limit_percent: int
    basis: Literal["measured", "device_limit", "none"]


def presets(facts: PresetFacts, learnt: Learnt) -> tuple[Preset, Preset, Preset]:
    """Quiet, balanced and full, each with its numbers for this device."""
    return _preset("quiet", facts, learnt), _preset("balanced", facts, learnt), _preset("full", facts, learnt)


def _preset(name: PresetName, facts: PresetFacts, learnt: Learnt) -> Preset:
    full = learnt.full_watts if learnt.full_watts is not None else facts.power_limit_watts
    basis: Literal["measured", "device_limit", "none"] = "none"
    cap = None
    if facts.has_power and full is not None and name in _CAP_SHARE:
        basis = "measured" if learnt.full_watts is not None else "device_limit"
        wanted = round(full * _CAP_SHARE[name] / _CAP_STEP_WATTS) * _CAP_STEP_WATTS
        cap = max(wanted, facts.least_cap_watts or 0, _CAP_STEP_WATTS)
    return Preset(
        name=name,
        power_cap_watts=cap,
        temperature_limit_celsius=_celsius(name, facts, learnt) if facts.has_temperature else None,
        speed_limit_percent=100 if cap is not None else _SPEED_PERCENT[name],
        basis=basis,
    )


def _celsius(name: PresetName, facts: PresetFacts, learnt: Learnt) -> int:
    wanted = _CELSIUS[name]
    if name == "quiet" and learnt.fan_percent is not None and learnt.fan_celsius is not None:
        # Where this fan would turn at its quiet speed, by its own curve from where it was seen.
        slower = (learnt.fan_percent - QUIET_FAN_PERCENT) / _FAN_PERCENT_PER_KELVIN
        wanted = min(wanted, round(learnt.fan_celsius - slower)) if slower > 0 else wanted
    if facts.temperature_most_celsius is not None:
        wanted = min(wanted, facts.temperature_most_celsius)
    return max(wanted, _CELSIUS_LEAST)
