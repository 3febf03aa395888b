"""What `sparewatt doctor` asks of drivers and keyring, in a process of its own: either may hang for ever.

``python -m sparewatt_cli.probe FOLDER`` prints one `Probe` as JSON.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import keyring
import msgspec

from sparewatt.host.computer import Computer
from sparewatt.host.desktop_session import desktop_session
from sparewatt.host.device import Device
from sparewatt.host.ports import DeviceSource
from sparewatt.host.reading import Game, Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.host.sleep.choose import sleep_watch
from sparewatt.host.sources import device_sources

# Long enough for every energy counter to grow by more than its own step.
BETWEEN_S: Final = 0.6


class ProbedDevice(msgspec.Struct, frozen=True):
    """A device and the second of two samples; an energy counter gives power only by its growth."""

    device: Device
    sample: Sample


class Probe(msgspec.Struct, frozen=True):
    """Attributes:
    faults: what should answer and does not.
    notes: hardware that is there and cannot be used, or a driver that is not there; no trouble.
    keyring: whether the system has one that can be used.
    reading: without names of programs.
    """

    devices: tuple[ProbedDevice, ...]
    faults: tuple[SensorFault, ...]
    notes: tuple[SensorFault, ...]
    keyring: bool
    reading: Reading


def probe(folder: Path) -> Probe:
    """Ask everything twice, and let go of it."""
    session = desktop_session(os.environ)
    computer = Computer(folder, session, sleep=sleep_watch(session, lambda _coming: None))
    computer.delay_sleep(wanted=True)
    computer.read(time.time())
    devices: list[ProbedDevice] = []
    faults: list[SensorFault] = []
    for source in device_sources().values():
        found = source.devices()
        if isinstance(found, SensorFault):
            faults.append(found)
            continue
        for each in _sampled_twice(source, found):
            if isinstance(each, SensorFault):
                faults.append(each)
            else:
                devices.append(each)
        source.close()
    # What was slow to answer has done so by now.
    reading = computer.read(time.time())
    computer.close()
    # A back end that can only fail, or that asks on a terminal nobody sits at, has no priority above zero.
    usable = keyring.get_keyring().priority > 0
    return Probe(
        devices=tuple(devices),
        faults=tuple(fault for fault in faults if not fault.absent),
        notes=tuple(fault for fault in faults if fault.absent),
        keyring=usable,
        reading=_nameless(reading),
    )


def _sampled_twice(source: DeviceSource, devices: tuple[Device, ...]) -> Iterator[ProbedDevice | SensorFault]:
    for device in devices:
        source.read(device.device, time.monotonic())
    if devices:
        time.sleep(BETWEEN_S)
    for device in devices:
        found = source.read(device.device, time.monotonic())
        yield found if isinstance(found, SensorFault) else ProbedDevice(device, found)


def _nameless(reading: Reading) -> Reading:
    games = None if reading.games is None else tuple(Game("", game.device) for game in reading.games)
    return msgspec.structs.replace(reading, games=games, programs=())


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(probe(Path(sys.argv[1]))).decode() + "\n")
    sys.stdout.flush()
    # What a desktop's library has open must not be able to spoil the end of this process.
    os._exit(0)
