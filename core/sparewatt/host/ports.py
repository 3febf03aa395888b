"""What the sensor process needs from the computer; one adapter for each source implements a part of it."""

from collections.abc import Callable
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

    def device_of(self, pid: int) -> str | None:
        """The device that a program uses for graphics; None where that cannot be told. May open the driver."""
        ...

    def asleep(self) -> bool:
        """Whether a device sleeps and would be woken by opening it; answered without opening anything."""
        ...

    def close(self) -> None:
        """Let go of every driver and handle; the next call opens them again."""
        ...


class ComputerSource(Protocol):
    def read(self, unix_s: float, programs: tuple[str, ...], device_of: Callable[[int], str | None]) -> Reading:
        """The computer now. Must not wait for anything that may hang.

        Args:
            unix_s: is turned into local time.
            programs: the person's list of programs to look for.
            device_of: which device the program with a process number draws on; None where that cannot be told.
        """
        ...

    def delay_sleep(self, *, wanted: bool) -> None:
        """Whether the system is to wait, before it sleeps, until this is no longer wanted. Returns at once."""
        ...
