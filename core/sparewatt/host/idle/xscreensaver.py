"""Idle time of an X display, by the screen saver extension that every X server has."""

import ctypes
from dataclasses import dataclass

from sparewatt.host.unknown import Unknown
from sparewatt.host.x11 import X11Display, load_library


class _Information(ctypes.Structure):
    _fields_ = (
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("til_or_since", ctypes.c_ulong),
        ("idle", ctypes.c_ulong),
        ("event_mask", ctypes.c_ulong),
    )


@dataclass
class XScreenSaverIdle:
    """X11. On Wayland it would only see input to X programs, so it is not for there."""

    display: X11Display
    name: str = "xscreensaver"

    def read(self) -> float | Unknown:
        opened = self.display.open()
        if isinstance(opened, Unknown):
            return opened
        extension = load_library("Xss", "libXss.so.1")
        if extension is None:
            return Unknown("no_xss_library")
        extension.XScreenSaverQueryInfo.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.POINTER(_Information))
        information = _Information()
        if not extension.XScreenSaverQueryInfo(opened, self.display.root(), ctypes.byref(information)):
            lost = self.display.lost
            self.display.close()
            return Unknown("no_display" if lost else "no_xss_extension")
        if self.display.lost:
            self.display.close()
            return Unknown("no_display")
        return float(information.idle) / 1000
