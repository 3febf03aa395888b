"""Which files a Python process with torch needs to live, on Linux."""

import os
import sys
from pathlib import Path
from typing import Final

_SYSTEM: Final = (
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/nix/store",
    "/opt/rocm",
    "/run/opengl-driver",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    # Of other processes nothing but these: their folders in /proc hold their environment and memory.
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel/osrelease",
    "/sys/devices/system",
    "/dev/urandom",
    "/dev/random",
)
_SYSTEM_OF_CARDS: Final = ("/proc/driver", "/proc/devices", "/proc/modules", "/sys/bus/pci", "/sys/devices",
                           "/sys/module", "/sys/class/drm", "/sys/class/kfd")  # fmt: skip
_DEVICES: Final = ("/dev/null", "/dev/zero")
_CARDS: Final = ("nvidia*", "dri", "kfd", "dxg")


def readable_places(home: Path, *, accelerator: bool) -> tuple[Path, ...]:
    """The interpreter, everything it imports from, and the system's libraries and facts; only what exists.

    A place that is `home` or holds it is left out, whatever names it: an interpreter may be told to import from there.
    """
    searched = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    program = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path, *searched]
    names = [*_SYSTEM, *(_SYSTEM_OF_CARDS if accelerator else ()), *program]
    resolved = {Path(name).resolve() for name in names if name and Path(name).is_absolute()}
    return tuple(sorted(place for place in resolved if place.exists() and not home.is_relative_to(place)))


def device_places(*, accelerator: bool) -> tuple[Path, ...]:
    """Device files that are read, written and spoken to."""
    cards = [found for name in _CARDS for found in Path("/dev").glob(name)] if accelerator else []
    return tuple(place for place in (*(Path(name) for name in _DEVICES), *cards) if place.exists())
