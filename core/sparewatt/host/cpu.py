"""The processor as a device: utilisation everywhere, temperature and energy where the system lets a user read them."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from sparewatt.host.device import Device
from sparewatt.host.hwmon import SYS, chips, number, temperatures, text
from sparewatt.host.sample import Sample

CPU_DEVICE: Final = "cpu"
POWERCAP_FOLDER: Final = SYS / "class/powercap"
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
        temperature = self._temperature_celsius()
        return Sample(
            device=device,
            t=now,
            power_watts=power,
            power_kind=None if power is None else "energy",
            temperature_celsius=temperature,
            utilisation_percent=self._utilisation(now),
            energy_millijoules=energy,
            missing=self._missing(energy is not None, temperature is not None),
        )

    def device_of(self, pid: int) -> str | None:  # noqa: ARG002 - nothing is drawn by a processor that is lent
        return None

    def asleep(self) -> bool:
        return False

    def close(self) -> None:
        self._packages = None
        self._mark = None
        self._utilised_from = None

    def _missing(self, power: bool, temperature: bool) -> dict[str, str]:
        missing: dict[str, str] = {}
        if not power:
            # The counters are there, but most systems let only root read them.
            locked = any(self._powercap.glob("intel-rapl:*"))
            missing["power"] = "sensor.cpu_power_locked" if locked else "sensor.cpu_power"
        if not temperature:
            missing["temperature"] = "sensor.cpu_temperature"
        return missing

    def _utilisation(self, now: float) -> float | None:
        percent = self._utilisation_percent()
        # The first call has nothing to compare with and would say 0.
        known = self._utilised_from is not None and now - self._utilised_from >= _INTERVAL_MIN_S
        self._utilised_from = now
        return percent if known else None

    def _power(self, now: float) -> tuple[float | None, int | None]:
        if self._packages is None:
            self._packages = _readable_packages(self._powercap)
        counters = tuple(number(folder / "energy_uj") for folder, _ in self._packages)
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
        span = number(folder / "max_energy_range_uj")
        if folder.name.count(":") == 1 and span is not None and number(folder / "energy_uj") is not None:
            packages.append((folder, span))
    return tuple(packages)


def cpu_temperature_celsius(root: Path = SYS) -> float | None:
    """The hottest sensor on the processor, or None where the system shows none.

    Only the processor's own chips are read: reading a sleeping graphics card's would wake it.
    """
    found = [
        each.celsius
        for chip in chips(root / "class/hwmon")
        if chip.name in _CHIPS
        for each in temperatures(chip.folder)
    ]
    for zone in (root / "class/thermal").glob("thermal_zone*"):
        millidegrees = number(zone / "temp") if text(zone / "type") in _CHIPS else None
        if millidegrees is not None:
            found.append(millidegrees / 1000)
    return max((each for each in found if 0 < each < 150), default=None)  # broken sensors report 0 or 255


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
