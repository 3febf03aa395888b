"""Apple silicon as a device.

macOS offers no supported way to read its power or temperature. What it does tell is its own thermal state, by which a
device is slowed; energy is read through `zeus-apple-silicon` where the person has installed that package.
"""

import platform
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from sparewatt.host.device import Device
from sparewatt.host.energy import EnergyMeter
from sparewatt.host.objective_c import ProcessInformation
from sparewatt.host.sample import Sample, ThermalState
from sparewatt.host.unknown import Unknown

METAL_DEVICE: Final = "metal"
ENERGY_PACKAGE: Final = "zeus_apple_silicon"
# NSProcessInfoThermalState.
_THERMAL_STATES: Final[MappingProxyType[int, ThermalState]] = MappingProxyType(
    {0: "nominal", 1: "fair", 2: "serious", 3: "critical"}
)


class AppleSource:
    """A `DeviceSource` with one device on a Mac with an Apple chip, else with none.

    Args:
        energy: joules that the graphics processor has used, from an arbitrary origin; None where nothing tells.
        thermal: the system's thermal state as a number.
    """

    def __init__(
        self,
        system: str = sys.platform,
        machine: str | None = None,
        energy: Callable[[], float | None] | None = None,
        thermal: Callable[[], int | Unknown] | None = None,
    ) -> None:
        self._present = system == "darwin" and (machine or platform.machine()) == "arm64"
        self._energy = energy or GpuEnergy().joules
        information = ProcessInformation()
        self._thermal = thermal or (lambda: information.number("thermalState"))
        self._meter = EnergyMeter()

    def devices(self) -> tuple[Device, ...]:
        if not self._present:
            return ()
        return (Device(METAL_DEVICE, "metal", "Apple GPU", "gpu-metal", None),)

    def read(self, device: str, now: float) -> Sample:
        joules = self._energy() if self._present else None
        self._meter = self._meter.seen(joules, now)
        state = self._thermal() if self._present else Unknown("not_on_this_system")
        missing = {"temperature": "sensor.apple_temperature"}
        return Sample(
            device=device,
            t=now,
            power_watts=self._meter.power_watts,
            power_kind=None if self._meter.power_watts is None else "energy",
            energy_millijoules=None if joules is None else round(joules * 1000),
            thermal_state=None if isinstance(state, Unknown) else _THERMAL_STATES.get(state),
            missing=missing if joules is not None else {**missing, "power": "sensor.apple_power"},
        )

    def device_of(self, pid: int) -> str | None:  # noqa: ARG002 - there is one card, and the system does not say
        return METAL_DEVICE if self._present else None

    def asleep(self) -> bool:
        return False

    def close(self) -> None:
        self._meter = EnergyMeter()


class GpuEnergy:
    """The chip's own energy counter, through a package that only some have installed."""

    def __init__(self) -> None:
        self._monitor: Any = None
        self._absent = False

    def joules(self) -> float | None:
        """What the graphics processor has used so far; None without the package or on an error of it."""
        if self._monitor is None and not self._absent:
            self._absent = sys.platform != "darwin" or find_spec(ENERGY_PACKAGE) is None
            if not self._absent:
                import importlib

                self._monitor = importlib.import_module(ENERGY_PACKAGE).AppleEnergyMonitor()
        if self._monitor is None:
            return None
        try:
            millijoules = self._monitor.get_cumulative_energy().gpu_mj
        except RuntimeError:  # what the package raises when the system's counters say nothing
            return None
        return None if millijoules is None else float(millijoules) / 1000
