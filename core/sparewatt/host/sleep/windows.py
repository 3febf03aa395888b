"""Windows: a callback of the power manager (``PowerRegisterSuspendResumeNotification``, Windows 8)."""

import ctypes
import sys
from typing import Any, Final

from sparewatt.host.sleep.called import CalledWatch
from sparewatt.host.sleep.port import Told

# The system goes on after about 2 s, whether the callback has returned or not.
SECONDS_MOST: Final = 1.8

_DEVICE_NOTIFY_CALLBACK: Final = 2
_SUSPEND: Final = 0x4  # PBT_APMSUSPEND
_RESUMED: Final = frozenset({0x7, 0x12})  # PBT_APMRESUMESUSPEND, PBT_APMRESUMEAUTOMATIC


class _Subscription(ctypes.Structure):
    """DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS."""

    _fields_ = (("callback", ctypes.c_void_p), ("context", ctypes.c_void_p))


class WindowsSleepWatch(CalledWatch):
    """Stays registered from the first time that something computes to the end of the process."""

    def __init__(self, told: Told) -> None:
        super().__init__(told, SECONDS_MOST)
        # The system keeps the addresses of these, so they have to live as long as this.
        self._kept: list[Any] = []

    def _register(self) -> None:
        if sys.platform != "win32":
            super()._register()
            return
        prototype = ctypes.WINFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
        callback = prototype(self._called)
        subscription = _Subscription(ctypes.cast(callback, ctypes.c_void_p), None)
        handle = ctypes.c_void_p()
        self._kept = [callback, subscription, handle]
        refused = ctypes.windll.powrprof.PowerRegisterSuspendResumeNotification(
            _DEVICE_NOTIFY_CALLBACK, ctypes.byref(subscription), ctypes.byref(handle)
        )
        # Then a sleep is noticed by its gap in time only.
        self._reason = "refused" if refused else ""

    def _called(self, _context: object, kind: int, _setting: object) -> int:
        if kind == _SUSPEND:
            self._begins()
        elif kind in _RESUMED:
            self._awake()
        return 0
