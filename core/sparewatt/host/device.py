"""What a device is, before anything runs on it."""

from typing import Literal

import msgspec

DeviceKind = Literal["cpu", "cuda", "metal", "rocm", "xpu"]


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device of this computer.

    Attributes:
        device: local id: ``cpu``, ``cuda:GPU-…`` with the driver's UUID (stable over restarts, unlike an index), or
            ``metal``. It never leaves the computer.
        slot: name of the machine-wide lock that is held while it works.
        memory_bytes: of the device itself; None where it shares the computer's memory.
        power_limit_watts: what the device limits itself to now; the highest cap that means anything.
        slowdown_celsius: where it begins to slow itself down.
        power_limit_least_watts, power_limit_most_watts: between which an administrator could set its own limit.
        driver_version: as the driver writes it, such as ``580.105.08``; None where there is none to ask.
    """

    device: str
    kind: DeviceKind
    name: str
    slot: str
    memory_bytes: int | None
    power_limit_watts: int | None = None
    slowdown_celsius: int | None = None
    power_limit_least_watts: int | None = None
    power_limit_most_watts: int | None = None
    driver_version: str | None = None
