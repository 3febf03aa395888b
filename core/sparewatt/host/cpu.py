"""The processor as a device: utilisation everywhere, temperature and energy where the system lets a user read them."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from sparewatt.host.device import Device
from sparewatt.host.sample import Sample

CPU_DEVICE: Final = "cpu"
POWERCAP_FOLDER: Final = Path("/sys/class/powercap")
CPUINFO_FILE: Final = Path("/proc/cpuinfo")
# Names of sensor chips that sit on a processor, as Linux drivers call them.
_CHIPS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "x86_pkg_temp")
_INTERVAL_MIN_S: Final = 0.2


@dataclass(frozen=True)
class _Mark:
    t: float
    microjoules: tuple[int, ...]


class CpuSource:
    """A `DeviceSource` with exactly one device.

    Args:
        powercap: folder of the energy counters (RAPL); most systems let only root read them.
        utilisation_percent: share of all cores that was busy since the last call.
    """

    def __init__(
        self,
        powercap: Path = POWERCAP_FOLDER,
        utilisation_percent: Callable[[], float] = lambda: psutil.cpu_percent(interval=None),
        temperature_celsius: "Callable[[], float | None] | None" = None,
    ) -> None:
        self._powercap = powercap
        self._utilisation_percent = utilisation_percent
        self._temperature_celsius = temperature_celsius or cpu_temperature_celsius
        self._packages: tuple[tuple[Path, int], ...] | None = None
        self._mark: _Mark | None = None
        self._utilised_from: float | None = None

    def devices(self) -> tuple[Device, ...]:
        return (Device(CPU_DEVICE, "cpu", cpu_name(), "cpu", None),)

    def read(self, device: str, now: float) -> Sample:
        power, energy = self._power(now)
        return Sample(
            device=device,
            t=now,
            power_watts=power,
            power_kind=None if power is None else "energy",
            temperature_celsius=self._temperature_celsius(),
            utilisation_percent=self._utilisation(now),
            energy_millijoules=energy,
        )

    def close(self) -> None:
        self._packages = None
        self._mark = None
        self._utilised_from = None

    def _utilisation(self, now: float) -> float | None:
        percent = self._utilisation_percent()
        # The first call has nothing to compare with and would say 0.
        known = self._utilised_from is not None and now - self._utilised_from >= _INTERVAL_MIN_S
        self._utilised_from = now
        return percent if known else None

    def _power(self, now: float) -> tuple[float | None, int | None]:
        if self._packages is None:
            self._packages = _readable_packages(self._powercap)
        counters = tuple(_number(folder / "energy_uj") for folder, _ in self._packages)
        known = tuple(counter for counter in counters if counter is not None)
        if not known or len(known) != len(counters):
            return None, None
        mark, self._mark = self._mark, _Mark(now, known)
        energy_millijoules = sum(known) // 1000
        if mark is None or not _INTERVAL_MIN_S <= now - mark.t <= 60:
            return None, energy_millijoules
        grown = 0
        for before, after, (_, span) in zip(mark.microjoules, known, self._packages, strict=True):
            grown += after - before if after >= before else after - before + span
        return grown / 1e6 / (now - mark.t), energy_millijoules


def _readable_packages(powercap: Path) -> tuple[tuple[Path, int], ...]:
    packages: list[tuple[Path, int]] = []
    for folder in sorted(powercap.glob("intel-rapl:*")):
        # "intel-rapl:0" is a package; "intel-rapl:0:1" a part of it, which its package already counts.
        span = _number(folder / "max_energy_range_uj")
        if folder.name.count(":") == 1 and span is not None and _number(folder / "energy_uj") is not None:
            packages.append((folder, span))
    return tuple(packages)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):  # missing, not ours to read, or not a number: the counter is unknown
        return None


def cpu_temperature_celsius() -> float | None:
    """The hottest sensor on the processor, or None where the system shows none."""
    read = getattr(psutil, "sensors_temperatures", None)  # absent on Windows and macOS
    if read is None:
        return None
    found = [
        entry.current
        for chip, entries in read().items()
        if chip in _CHIPS
        for entry in entries
        if entry.current is not None and 0 < entry.current < 150  # broken sensors report 0 or 255
    ]
    return max(found, default=None)


def cpu_name(cpuinfo: Path = CPUINFO_FILE) -> str:
    """A name that a person may recognise."""
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()[:200]
    return platform.processor() or platform.machine() or "CPU"
