"""macOS: the kernel's power management asks every program that registered (``IORegisterForSystemPower``)."""

import ctypes
import sys
import threading
from typing import Any, Final

from sparewatt.host.sleep.called import CalledWatch
from sparewatt.host.sleep.delay import LEAVING_SECONDS_MOST
from sparewatt.host.sleep.port import Told

_IOKIT: Final = "/System/Library/Frameworks/IOKit.framework/IOKit"
_CORE_FOUNDATION: Final = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
# IOKit/IOMessage.h: iokit_common_msg of 0x270, 0x280, 0x290, 0x300.
_MAY_SLEEP: Final = 0xE0000270
_WILL_SLEEP: Final = 0xE0000280
_WILL_NOT_SLEEP: Final = 0xE0000290
_HAS_POWERED_ON: Final = 0xE0000300


class MacosSleepWatch(CalledWatch):
    """A thread with a run loop of its own, from the first time that something computes; it wakes for messages only."""

    def __init__(self, told: Told) -> None:
        super().__init__(told, LEAVING_SECONDS_MOST)
        self._iokit: Any = None
        self._root_port = 0
        # The system keeps the addresses of these, so they have to live as long as this.
        self._kept: list[Any] = []

    def _register(self) -> None:
        if sys.platform != "darwin":
            super()._register()
            return
        threading.Thread(target=self._run, name="sleep", daemon=True).start()

    def _run(self) -> None:
        self._iokit = iokit = ctypes.CDLL(_IOKIT)
        foundation = ctypes.CDLL(_CORE_FOUNDATION)
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
        callback, port, notifier = prototype(self._called), ctypes.c_void_p(), ctypes.c_uint32()
        self._kept = [callback, port, notifier]
        iokit.IORegisterForSystemPower.restype = ctypes.c_uint32
        iokit.IORegisterForSystemPower.argtypes = (ctypes.c_void_p,) * 4
        iokit.IOAllowPowerChange.argtypes = (ctypes.c_uint32, ctypes.c_long)
        iokit.IONotificationPortGetRunLoopSource.restype = ctypes.c_void_p
        iokit.IONotificationPortGetRunLoopSource.argtypes = (ctypes.c_void_p,)
        foundation.CFRunLoopGetCurrent.restype = ctypes.c_void_p
        foundation.CFRunLoopAddSource.argtypes = (ctypes.c_void_p,) * 3
        self._root_port = iokit.IORegisterForSystemPower(
            None, ctypes.byref(port), ctypes.cast(callback, ctypes.c_void_p), ctypes.byref(notifier)
        )
        if not self._root_port:
            self._reason = "refused"
            return
        source = iokit.IONotificationPortGetRunLoopSource(port)
        modes = ctypes.c_void_p.in_dll(foundation, "kCFRunLoopCommonModes")
        foundation.CFRunLoopAddSource(foundation.CFRunLoopGetCurrent(), source, modes)
        foundation.CFRunLoopRun()

    def _called(self, _reference: object, _service: int, message: int, argument: int | None) -> None:
        if message == _WILL_SLEEP:
            self._begins()
        elif message in (_WILL_NOT_SLEEP, _HAS_POWERED_ON):
            self._awake()
        if message in (_MAY_SLEEP, _WILL_SLEEP):
            # A sleep because nobody is there is not to be prevented; one that is decided goes on from here.
            self._iokit.IOAllowPowerChange(self._root_port, argument or 0)
