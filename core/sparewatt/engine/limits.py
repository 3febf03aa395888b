"""What of the person's limits can be kept on a device, and which of them cannot be kept together."""

from typing import Final

from sparewatt.control.messages import DevicePresets, PresetValue
from sparewatt.governor import Pace
from sparewatt.governor.presets import PresetFacts, presets
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.policy import Decision
from sparewatt.snapshot import LimitsSnapshot

# Before any sample nothing is known to be missing.
_UNKNOWN: Final = LimitsSnapshot(None, None, None, None, None)


def limits_snapshot(device: Device, decision: Decision | None, pace: Pace | None) -> LimitsSnapshot:
    """The limits of one device as a screen shows them."""
    if decision is None or pace is None or pace.memory.trust.seen_s is None:
        return _UNKNOWN
    return LimitsSnapshot(
        power_cap_watts=decision.power_cap_watts if pace.had_power else None,
        power_cap_least_watts=pace.power_least_watts,
        power_cap_most_watts=device.power_limit_watts,
        temperature_limit_celsius=decision.temperature_limit_celsius if pace.had_temperature else None,
        temperature_limit_most_celsius=pace.temperature_most_celsius,
        conflict=_conflict(device, decision, pace),
    )


def missing_sensors(device: str, sample: Sample | None, pace: Pace | None) -> dict[str, str]:
    """What the device cannot tell: sensor → error id; its source's own reason before one that fits every device."""
    if sample is None or pace is None:
        return {}
    missing: dict[str, str] = {}
    if sample.power_watts is None and not pace.had_power:
        missing["power"] = sample.missing.get("power") or SensorFault(device, "sensor.power_missing", {}).error_id
    if sample.temperature_celsius is None and not pace.had_temperature:
        unknown = SensorFault(device, "sensor.temperature_missing", {}).error_id
        missing["temperature"] = sample.missing.get("temperature") or unknown
    return missing


def device_presets(device: Device, pace: Pace) -> DevicePresets:
    """Quiet, balanced and full with the numbers of this device, from what its governor has seen so far."""
    facts = PresetFacts(
        has_power=pace.had_power,
        has_temperature=pace.had_temperature,
        power_limit_watts=device.power_limit_watts,
        least_cap_watts=pace.power_least_watts,
        temperature_most_celsius=pace.temperature_most_celsius,
    )
    values = (
        PresetValue(
            each.name,
            each.power_cap_watts,
            each.temperature_limit_celsius,
            each.speed_limit_percent,
            each.basis,
        )
        for each in presets(facts, pace.learnt)
    )
    return DevicePresets(device.device, tuple(values))


def _conflict(device: Device, decision: Decision, pace: Pace) -> str | None:
    """The first that matters: what stops the device, then what does not do what it says."""
    cap, limit = decision.power_cap_watts, decision.temperature_limit_celsius
    least, most = pace.power_least_watts, device.power_limit_watts
    if cap is not None and not pace.had_power:
        return "cap_without_sensor"
    if cap is not None and least is not None and cap < least:
        return "cap_too_low"
    if limit is not None and pace.had_temperature and _warm_at_rest(pace, limit):
        return "temperature_at_rest"
    if limit is not None and pace.temperature_most_celsius is not None and limit > pace.temperature_most_celsius:
        return "temperature_above_slowdown"
    if cap is not None and most is not None and cap > most:
        return "cap_above_device"
    return None


def _warm_at_rest(pace: Pace, limit: int) -> bool:
    """Whether a pause for heat has lasted ten minutes and the device is still as warm as it may become."""
    pause, heat = pace.memory.pause, pace.memory.heat
    if pause is None or not pace.cooling or pace.memory.now is None or heat.celsius is None:
        return False
    return pace.memory.now - pause.since_s > 600.0 and heat.celsius > limit - 3.0
