"""Frames between the engine and the sensor process, over its standard input and output."""

from typing import Annotated, Final

import msgspec

from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault

PROGRAMS_MOST: Final = 256
ProgramName = Annotated[str, msgspec.Meta(max_length=255)]


class _Frame(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class Discover(_Frame, frozen=True, tag="discover"):
    """Which devices are there? Answered by `Devices`."""


class Poll(_Frame, frozen=True, tag="poll"):
    """From now on sample these devices this often; drivers that none of them needs are closed.

    Attributes:
        interval_milliseconds: devices whose sensors only know the instant are asked more often than this.
        programs: names of programs whose running is to be told in readings; they stay on this computer.
        on_battery: whether drivers may be opened to look for devices while the computer runs on its battery.
        delay_sleep: whether something computes that a sleep of the computer has to wait for.
    """

    devices: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)]
    interval_milliseconds: Annotated[int, msgspec.Meta(ge=200, le=60_000)]
    programs: Annotated[tuple[ProgramName, ...], msgspec.Meta(max_length=PROGRAMS_MOST)] = ()
    on_battery: bool = False
    delay_sleep: bool = False


class Stop(_Frame, frozen=True, tag="stop"):
    """Close every driver and exit; the end of the pipe says the same."""


EngineFrame = Discover | Poll | Stop


class Devices(_Frame, frozen=True, tag="devices"):
    """What was found, and the kinds of device that could not be looked for.

    Comes again by itself once kinds can be looked for that were left in peace before (see `sensor.waits_for_mains`).
    """

    devices: tuple[Device, ...]
    faults: tuple[SensorFault, ...]


class Samples(_Frame, frozen=True, tag="samples"):
    """One sample of each polled device that could be read."""

    samples: tuple[Sample, ...]


class Readings(_Frame, frozen=True, tag="readings"):
    """The computer now; comes without being asked for."""

    reading: Reading


class Sleeping(_Frame, frozen=True, tag="sleeping"):
    """The computer is about to sleep, or awake again; comes at once, also while a driver hangs."""

    coming: bool


class SensorLost(_Frame, frozen=True, tag="sensor_lost"):
    """A polled device could not be read; it is tried again by itself after `retry_s` seconds."""

    fault: SensorFault
    retry_s: int


SensorFrame = Devices | Samples | Readings | Sleeping | SensorLost
