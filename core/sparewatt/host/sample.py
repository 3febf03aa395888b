"""What one poll of a device's sensors said."""

from typing import Literal

import msgspec

PowerKind = Literal["energy", "average_1s", "instant"]
ThermalState = Literal["nominal", "fair", "serious", "critical"]
# What the driver says slows the device down right now.
SlowdownReason = Literal["hardware_slowdown", "hardware_thermal", "software_thermal", "power_brake", "power_limit"]


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unknown is None, never 0.

    Attributes:
        device: the device's local id.
        t: monotonic seconds of whoever holds the sample: the poller's clock, then the engine's at its arrival.
        power_kind: how `power_watts` was had: difference of an energy counter, the sensor's own average over 1 s,
            or one instant.
        energy_millijoules: reading of the energy counter, from an arbitrary origin.
        margin_kelvin: how much warmer the device may grow until it slows itself down.
        slowdowns: reasons for which it is being slowed down now.
        memory_others_bytes: device memory that other programs hold.
        fan_percent: of the fan's full speed.
        thermal_state: the operating system's own word, where it has one.
        missing: what the device cannot tell (``power``, ``temperature``) → why: an error id.
    """

    device: str
    t: float
    power_watts: float | None = None
    power_kind: PowerKind | None = None
    temperature_celsius: float | None = None
    utilisation_percent: float | None = None
    memory_used_bytes: int | None = None
    energy_millijoules: int | None = None
    margin_kelvin: float | None = None
    slowdowns: tuple[SlowdownReason, ...] | None = None
    memory_others_bytes: int | None = None
    fan_percent: float | None = None
    thermal_state: ThermalState | None = None
    missing: dict[str, str] = {}


class SensorFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An expected failure of a sensor or its library, as an error id with parameters.

    Attributes:
        device: local id, or the kind of device (``cuda``) where the whole library failed.
        absent: the library or hardware is simply not there, which is no trouble.
    """

    device: str
    error_id: str
    parameters: dict[str, str | int]
    absent: bool = False
