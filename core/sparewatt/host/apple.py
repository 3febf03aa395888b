"""Apple silicon as a device. The system offers no supported way to read its power or temperature, so none is."""

import platform
import sys
from typing import Final

from sparewatt.host.device import Device
from sparewatt.host.sample import Sample

METAL_DEVICE: Final = "metal"


class AppleSource:
    """A `DeviceSource` with one device on a Mac with an Apple chip, else with none.

    Its samples say only that the sensor process is alive, which is what a device without sensors is paced by.
    """

    def __init__(self, system: str = sys.platform, machine: str | None = None) -> None:
        self._present = system == "darwin" and (machine or platform.machine()) == "arm64"

    def devices(self) -> tuple[Device, ...]:
        if not self._present:
            return ()
        return (Device(METAL_DEVICE, "metal", "Apple GPU", "gpu-metal", None),)

    def read(self, device: str, now: float) -> Sample:
        return Sample(device=device, t=now)

    def close(self) -> None:
        """Nothing is open."""
