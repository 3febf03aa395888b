"""What the sensor process needs from the computer; one adapter for each source implements a part of it."""

from typing import Protocol

from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault


class DeviceSource(Protocol):
    """The devices of one kind. Calls may hang in a driver, so only the sensor process makes them."""

    def devices(self) -> tuple[Device, ...] | SensorFault:
        """The devices there are now."""
        ...

    def read(self, device: str, now: float) -> Sample | SensorFault:
        """A sample of a device at monotonic moment `now`; opens what it needs."""
        ...

    def close(self) -> None:
        """Let go of every driver and handle; the next call opens them again."""
        ...


class ComputerSource(Protocol):
    def read(self, unix_s: float) -> Reading:
        """The computer now; `unix_s` is turned into local time."""
        ...
