"""What `sparewatt doctor` asks of drivers and keyring, in a process of its own: either may hang for ever.

``python -m sparewatt_cli.probe FOLDER`` prints one `Probe` as JSON.
"""

import sys
import time
from pathlib import Path

import keyring
import msgspec

from sparewatt.host.computer import Computer
from sparewatt.host.reading import Reading
from sparewatt.host.sample import SensorFault
from sparewatt.host.sources import device_sources


class ProbedDevice(msgspec.Struct, frozen=True):
    """Attributes:
    power_sensor, temperature_sensor: whether one answers now.
    """

    device: str
    name: str
    power_sensor: bool
    temperature_sensor: bool


class Probe(msgspec.Struct, frozen=True):
    """Attributes:
    faults: what should answer and does not; hardware that is simply not there is no fault.
    keyring: whether the system has one that can be used.
    """

    devices: tuple[ProbedDevice, ...]
    faults: tuple[SensorFault, ...]
    keyring: bool
    reading: Reading


def probe(folder: Path) -> Probe:
    """Ask everything once, and let go of it."""
    devices: list[ProbedDevice] = []
    faults: list[SensorFault] = []
    for source in device_sources().values():
        found = source.devices()
        if isinstance(found, SensorFault):
            faults += [] if found.absent else [found]
            continue
        for device in found:
            sample = source.read(device.device, time.monotonic())
            if isinstance(sample, SensorFault):
                faults.append(sample)
                continue
            power, heat = sample.power_watts is not None, sample.temperature_celsius is not None
            devices.append(ProbedDevice(device.device, device.name, power, heat))
        source.close()
    # A back end that can only fail, or that asks on a terminal nobody sits at, has no priority above zero.
    usable = keyring.get_keyring().priority > 0
    return Probe(tuple(devices), tuple(faults), usable, Computer(folder).read(time.time()))


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(probe(Path(sys.argv[1]))).decode() + "\n")
