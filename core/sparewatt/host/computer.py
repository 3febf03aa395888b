"""The computer's power source, memory, disk and local time."""

import shutil
import time
from pathlib import Path
from typing import Literal

import psutil

from sparewatt.host.reading import Reading


class Computer:
    """A `ComputerSource`.

    Args:
        folder: the data folder, whose disk is watched; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, unix_s: float) -> Reading:
        source, percent = power_source()
        local = time.localtime(unix_s)
        return Reading(
            power_source=source,
            battery_percent=percent,
            memory_available_bytes=psutil.virtual_memory().available,
            disk_free_bytes=disk_free_bytes(self._folder),
            weekday=local.tm_wday,
            minute=local.tm_hour * 60 + local.tm_min,
        )


def power_source() -> tuple[Literal["mains", "battery"] | None, int | None]:
    """What the computer runs on and how full its battery is."""
    read = getattr(psutil, "sensors_battery", None)  # absent on systems that psutil cannot ask
    if read is None:
        return None, None
    try:
        battery = read()
    except OSError:  # a container without /sys, for one
        return None, None
    if battery is None:  # no battery
        return "mains", None
    percent = round(battery.percent)
    if battery.power_plugged is None:
        return None, percent
    return ("mains" if battery.power_plugged else "battery"), percent


def disk_free_bytes(folder: Path) -> int | None:
    """Free space for this user on the disk that holds `folder`, or would hold it."""
    for existing in (folder, *folder.parents):
        try:
            return shutil.disk_usage(existing).free
        except FileNotFoundError:
            continue
        except OSError:  # a network disk that is away, for one
            return None
    return None
