"""Idle time on Windows: the moment of the session's last input, by the system's tick counter."""

import ctypes
import sys

from sparewatt.host.unknown import Unknown


class _LastInput(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint32), ("tick_milliseconds", ctypes.c_uint32))


class WindowsIdle:
    """``GetLastInputInfo`` sees the own session only, which is the one that an engine at home runs in."""

    name = "windows"

    def read(self) -> float | Unknown:
        if sys.platform != "win32":
            return Unknown("not_on_this_system")
        found = _LastInput(ctypes.sizeof(_LastInput), 0)
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(found)):
            return Unknown("refused")
        count = ctypes.windll.kernel32.GetTickCount64
        count.restype = ctypes.c_uint64
        return ticks_apart_s(int(count()), int(found.tick_milliseconds))


def ticks_apart_s(now_milliseconds: int, then_milliseconds_32: int) -> float:
    """Seconds between a 64-bit tick count and one that wraps at 32 bits (every 49.7 days).

    The last input can be a few milliseconds "after" now, since the two are read one after the other.
    """
    apart = (now_milliseconds - then_milliseconds_32) & 0xFFFFFFFF
    return 0.0 if apart > 0xFFFF0000 else apart / 1000
