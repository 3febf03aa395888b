"""The few calls into macOS' own frameworks that are needed, by ctypes."""

import ctypes
import sys
from typing import Any, Final

from sparewatt.host.unknown import Unknown

_OBJC: Final = "/usr/lib/libobjc.A.dylib"
_FOUNDATION: Final = "/System/Library/Frameworks/Foundation.framework/Foundation"
_CORE_FOUNDATION: Final = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
_UTF8: Final = 0x08000100


class ProcessInformation:
    """Foundation's NSProcessInfo: thermal state (macOS 10.10.3) and low-power mode (macOS 12)."""

    def __init__(self) -> None:
        self._objc: Any = None
        self._information: int | None = None

    def number(self, selector: str) -> int | Unknown:
        """The value of a property that is an integer or a truth value."""
        if sys.platform != "darwin":
            return Unknown("not_on_this_system")
        if self._information is None:
            self._open()
        send = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)(("objc_msgSend", self._objc))
        responds = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
            ("objc_msgSend", self._objc)
        )
        wanted = self._selector(selector)
        if not responds(self._information, self._selector("respondsToSelector:"), wanted):
            return Unknown("system_too_old")
        # A truth value fills one byte of the register only.
        return int(send(self._information, wanted)) & 0xFF

    def _open(self) -> None:
        self._objc = ctypes.CDLL(_OBJC)
        ctypes.CDLL(_FOUNDATION)
        self._objc.objc_getClass.restype = ctypes.c_void_p
        self._objc.objc_getClass.argtypes = (ctypes.c_char_p,)
        self._objc.sel_registerName.restype = ctypes.c_void_p
        self._objc.sel_registerName.argtypes = (ctypes.c_char_p,)
        send = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(("objc_msgSend", self._objc))
        # The one object of its class lives as long as the process does.
        self._information = send(self._objc.objc_getClass(b"NSProcessInfo"), self._selector("processInfo"))

    def _selector(self, name: str) -> int:
        return int(self._objc.sel_registerName(name.encode()))


def truth_in_dictionary(dictionary: int, key: str) -> bool | None:
    """A CFBoolean of a CFDictionary; None where it is missing or no boolean."""
    library = ctypes.CDLL(_CORE_FOUNDATION)
    library.CFStringCreateWithCString.restype = ctypes.c_void_p
    library.CFStringCreateWithCString.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32)
    library.CFDictionaryGetValue.restype = ctypes.c_void_p
    library.CFDictionaryGetValue.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.CFGetTypeID.restype = ctypes.c_ulong
    library.CFGetTypeID.argtypes = (ctypes.c_void_p,)
    library.CFBooleanGetTypeID.restype = ctypes.c_ulong
    library.CFBooleanGetValue.restype = ctypes.c_bool
    library.CFBooleanGetValue.argtypes = (ctypes.c_void_p,)
    name = library.CFStringCreateWithCString(None, key.encode(), _UTF8)
    try:
        value = library.CFDictionaryGetValue(dictionary, name)
        if not value or library.CFGetTypeID(value) != library.CFBooleanGetTypeID():
            return None
        return bool(library.CFBooleanGetValue(value))
    finally:
        release(name)


def release(thing: int) -> None:
    """Give back what a Create or Copy function returned."""
    library = ctypes.CDLL(_CORE_FOUNDATION)
    library.CFRelease.argtypes = (ctypes.c_void_p,)
    library.CFRelease(thing)
