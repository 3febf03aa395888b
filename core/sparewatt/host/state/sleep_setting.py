"""After how long without input the system goes to sleep by itself, where its settings say so."""

import ctypes
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

from sparewatt.host.unknown import Unknown

ANSWER_SECONDS_MOST: Final = 1.5
_GNOME_SCHEMA: Final = "org.gnome.settings-daemon.plugins.power"
# A key of the schema with a word in quotes or a number, which may be written with its type.
_GNOME_LINE: Final = re.compile(rf"{re.escape(_GNOME_SCHEMA)} (\S+) (?:'([a-z-]*)'|(?:u?int32 )?(\d{{1,9}}))")
_GNOME_SLEEPS: Final = frozenset({"suspend", "hibernate"})


@dataclass(frozen=True)
class SleepSetting:
    """Seconds without input until the system sleeps; None where it never does by itself."""

    mains_s: float | None
    battery_s: float | None

    def at(self, power_source: str | None) -> float | None:
        """What holds now. Where the power source is not known, the mains': it is the later one."""
        return self.battery_s if power_source == "battery" else self.mains_s


class GnomeSleep:
    """GNOME's settings as its own program prints them; no session but GNOME's obeys them."""

    def __init__(self, desktop: str, program: str = "gsettings") -> None:
        self._is_gnome = "GNOME" in desktop.split(":")
        self._program = program

    def read(self) -> SleepSetting | Unknown:
        if not self._is_gnome:
            return Unknown("not_on_this_system")
        try:
            done = subprocess.run(
                [self._program, "list-recursively", _GNOME_SCHEMA],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=ANSWER_SECONDS_MOST,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return Unknown("no_answer")
        return gnome_setting(done.stdout.decode(errors="replace"))


def gnome_setting(listed: str) -> SleepSetting | Unknown:
    """What ``gsettings list-recursively`` says; unknown where a key is missing or holds something else."""
    words: dict[str, str] = {}
    for line in listed.splitlines()[:200]:
        if found := _GNOME_LINE.fullmatch(line.strip()):
            words[found[1]] = found[2] if found[2] is not None else found[3]
    delays: list[float | None] = []
    for source in ("ac", "battery"):
        kind, seconds = words.get(f"sleep-inactive-{source}-type"), words.get(f"sleep-inactive-{source}-timeout")
        if kind is None or seconds is None or not seconds.isdecimal():
            return Unknown("not_told")
        delays.append(float(seconds) if kind in _GNOME_SLEEPS and int(seconds) > 0 else None)
    return SleepSetting(*delays)


class _Guid(ctypes.Structure):
    _fields_ = (
        ("first", ctypes.c_uint32),
        ("second", ctypes.c_uint16),
        ("third", ctypes.c_uint16),
        ("rest", ctypes.c_ubyte * 8),
    )


# GUID_SLEEP_SUBGROUP and GUID_STANDBY_TIMEOUT of winnt.h.
_SLEEP_GROUP: Final = (0x238C9FA8, 0x0AAD, 0x41ED, (0x83, 0xF4, 0x97, 0xBE, 0x24, 0x2C, 0x8F, 0x20))
_STANDBY_AFTER: Final = (0x29F6C1DB, 0x86DA, 0x48C5, (0x9F, 0xDB, 0xF2, 0xB6, 0x7B, 0x1F, 0x44, 0xDA))


class WindowsSleep:
    """The active power plan's time until standby, in seconds; 0 is never."""

    def read(self) -> SleepSetting | Unknown:
        if sys.platform != "win32":
            return Unknown("not_on_this_system")
        library = ctypes.WinDLL("powrprof")
        plan = ctypes.POINTER(_Guid)()
        if library.PowerGetActiveScheme(None, ctypes.byref(plan)) != 0:
            return Unknown("refused")
        try:
            delays = [
                self._delay(read, plan) for read in (library.PowerReadACValueIndex, library.PowerReadDCValueIndex)
            ]
        finally:
            free = ctypes.WinDLL("kernel32").LocalFree
            free.argtypes = (ctypes.c_void_p,)
            free(plan)
        mains, battery = delays
        if isinstance(mains, Unknown) or isinstance(battery, Unknown):
            return Unknown("refused")
        return SleepSetting(mains or None, battery or None)

    @staticmethod
    def _delay(read: Any, plan: Any) -> float | Unknown:
        group, setting, value = _guid(_SLEEP_GROUP), _guid(_STANDBY_AFTER), ctypes.c_uint32()
        if read(None, plan, ctypes.byref(group), ctypes.byref(setting), ctypes.byref(value)) != 0:
            return Unknown("refused")
        return float(value.value)


def _guid(parts: tuple[int, int, int, tuple[int, ...]]) -> _Guid:
    first, second, third, rest = parts
    return _Guid(first, second, third, (ctypes.c_ubyte * 8)(*rest))
