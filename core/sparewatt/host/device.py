"""What a device is, before anything runs on it."""

from typing import Literal

import msgspec

DeviceKind = Literal["cpu", "cuda", "metal"]


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device of this computer.

    Attributes:
        device: local id: ``cpu``, ``cuda:GPU-…`` with the driver's UUID (stable over restarts, unlike an index), or
            ``metal``. It never leaves the computer.
        slot: name of the machine-wide lock that is held while it works.
        memory_bytes: of the device itself; None where it shares the computer's memory.
    """

    device: str
    kind: DeviceKind
    name: str
    slot: str
    memory_bytes: int | None
