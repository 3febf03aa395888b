"""Idle time on macOS, by the event system."""

import ctypes
import sys
from typing import Final

from sparewatt.host.unknown import Unknown

_FRAMEWORK: Final = "/System/Library/Frameworks/ApplicationServices.framework/ApplicationServices"
_HID_SYSTEM_STATE: Final = 1  # kCGEventSourceStateHIDSystemState: the hardware, not what programs post
_ANY_INPUT: Final = 0xFFFFFFFF  # kCGAnyInputEventType


class MacosIdle:
    """``CGEventSourceSecondsSinceLastEventType``; it needs no permission of the person."""

    name = "macos"

    def read(self) -> float | Unknown:
        if sys.platform != "darwin":
            return Unknown("not_on_this_system")
        try:
            library = ctypes.CDLL(_FRAMEWORK)
        except OSError:
            return Unknown("no_event_source")
        ask = library.CGEventSourceSecondsSinceLastEventType
        ask.restype = ctypes.c_double
        ask.argtypes = (ctypes.c_int32, ctypes.c_uint32)
        seconds = float(ask(_HID_SYSTEM_STATE, _ANY_INPUT))
        return seconds if 0 <= seconds < 1e9 else Unknown("implausible")
