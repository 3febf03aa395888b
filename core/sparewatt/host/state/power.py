"""What the computer runs on."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import psutil

from sparewatt.host.bus import Bus
from sparewatt.host.objective_c import ProcessInformation
from sparewatt.host.unknown import Unknown

PowerSource = Literal["mains", "battery", "ups"]

_UPOWER: Final = "org.freedesktop.UPower"
_UPOWER_PATH: Final = "/org/freedesktop/UPower"
_TYPE_UPS: Final = 3
_STATE_DISCHARGING: Final = 2
_DEVICES_MOST: Final = 32
# The service has been called both; the newer name first.
_PROFILES: Final = (
    ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"),
    ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"),
)
_SAVER_ON: Final = 1


@dataclass(frozen=True)
class Power:
    """None is unknown.

    Attributes:
        low_power_mode: the system's own saving mode is on.
        mode_reason: why `low_power_mode` is unknown.
    """

    source: PowerSource | None
    battery_percent: int | None
    low_power_mode: bool | None = None
    mode_reason: str = ""


Battery = tuple[Literal["mains", "battery"] | None, int | None]


class PowerReader(Protocol):
    def read(self) -> Power: ...


def battery() -> Battery:
    """What the computer runs on and how full its battery is, as every system says it."""
    read = getattr(psutil, "sensors_battery", None)  # absent on systems that psutil cannot ask
    if read is None:
        return None, None
    try:
        found = read()
    except OSError:  # a container without /sys, for one
        return None, None
    if found is None:  # no battery
        return "mains", None
    percent = round(found.percent)
    if not 0 <= percent <= 100:  # a controller that is being asked too early says 255
        return ("mains" if found.power_plugged else None), None
    if found.power_plugged is None:
        return None, percent
    return ("mains" if found.power_plugged else "battery"), percent


@dataclass
class LinuxPower:
    """The kernel's batteries; UPower for a UPS; the power-profiles service for the saving mode."""

    bus: Bus
    battery: Callable[[], Battery] = battery

    def read(self) -> Power:
        source, percent = self.battery()
        if source != "battery" and self._on_ups():
            return _power("ups", percent, self._low_power_mode())
        return _power(source, percent, self._low_power_mode())

    def _on_ups(self) -> bool:
        if self.bus.property_of(_UPOWER, _UPOWER_PATH, _UPOWER, "OnBattery") is not True:
            return False
        found = self.bus.call(_UPOWER, _UPOWER_PATH, _UPOWER, "EnumerateDevices")
        paths = found[0] if not isinstance(found, Unknown) and found else None
        if not isinstance(paths, list):
            return False
        return any(self._is_ups(str(path)) for path in paths[:_DEVICES_MOST])

    def _is_ups(self, path: str) -> bool:
        found = self.bus.properties_of(_UPOWER, path, f"{_UPOWER}.Device")
        if isinstance(found, Unknown):
            return False
        return found.get("Type") == _TYPE_UPS and found.get("State") == _STATE_DISCHARGING

    def _low_power_mode(self) -> bool | Unknown:
        reason = Unknown("no_service")
        for service, path in _PROFILES:
            found = self.bus.property_of(service, path, service, "ActiveProfile")
            if not isinstance(found, Unknown):
                return found == "power-saver"
            reason = found
        return reason


class _PowerStatus(ctypes.Structure):
    """SYSTEM_POWER_STATUS."""

    _fields_ = (
        ("line", ctypes.c_ubyte),
        ("battery_flag", ctypes.c_ubyte),
        ("percent", ctypes.c_ubyte),
        ("saver", ctypes.c_ubyte),
        ("seconds", ctypes.c_uint32),
        ("seconds_full", ctypes.c_uint32),
    )


class WindowsPower:
    """Windows shows a UPS as a battery, which is all that is needed of it."""

    def read(self) -> Power:
        source, percent = battery()
        if sys.platform != "win32":
            return Power(source, percent, None, "not_on_this_system")
        status = _PowerStatus()
        if not ctypes.windll.kernel32.GetSystemPowerStatus(ctypes.byref(status)):
            return Power(source, percent, None, "refused")
        return Power(source, percent, status.saver == _SAVER_ON)


class MacosPower:
    def __init__(self) -> None:
        self._information = ProcessInformation()

    def read(self) -> Power:
        source, percent = battery()
        mode = self._information.number("isLowPowerModeEnabled")
        return _power(source, percent, mode if isinstance(mode, Unknown) else mode != 0)


def _power(source: PowerSource | None, percent: int | None, mode: bool | Unknown) -> Power:
    if isinstance(mode, Unknown):
        return Power(source, percent, None, mode.reason)
    return Power(source, percent, mode)
