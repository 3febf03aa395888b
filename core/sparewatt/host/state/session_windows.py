"""The session as Windows' terminal services have it; every interactive session is one of theirs."""

import ctypes
import sys
from typing import Final

from sparewatt.host.state.session import SessionState

_CURRENT_SERVER: Final = None
_CURRENT_SESSION: Final = 0xFFFFFFFF
_SESSION_INFO_EX: Final = 25  # WTSSessionInfoEx
_STATE_ACTIVE: Final = 0  # WTSActive
_FLAG_LOCKED: Final = 0  # WTS_SESSIONSTATE_LOCK
_FLAG_UNLOCKED: Final = 1
_NO_CONSOLE: Final = 0xFFFFFFFF


class _SessionInfo(ctypes.Structure):
    """The beginning of WTSINFOEXW: its level, then what level 1 begins with."""

    _fields_ = (
        ("level", ctypes.c_uint32),
        # The union that follows holds 64-bit times, so it begins at a multiple of 8.
        ("padding", ctypes.c_uint32),
        ("session", ctypes.c_uint32),
        ("state", ctypes.c_int32),
        ("flags", ctypes.c_int32),
    )


class WindowsSession:
    """Only reads; a coming sleep is `host.sleep.windows`'."""

    def read(self) -> SessionState:
        if sys.platform != "win32":
            return SessionState(None, reason="not_on_this_system")
        found = self._information()
        if found is None:
            return SessionState(None, reason="refused")
        state, flags = found
        console = ctypes.windll.kernel32.WTSGetActiveConsoleSessionId() & 0xFFFFFFFF
        return SessionState(
            seat=True,
            locked={_FLAG_LOCKED: True, _FLAG_UNLOCKED: False}.get(flags),
            other_user=state != _STATE_ACTIVE and console != _NO_CONSOLE,
        )

    def _information(self) -> tuple[int, int] | None:
        if sys.platform != "win32":
            return None
        library = ctypes.windll.wtsapi32
        buffer, size = ctypes.POINTER(_SessionInfo)(), ctypes.c_uint32()
        if not library.WTSQuerySessionInformationW(
            _CURRENT_SERVER, _CURRENT_SESSION, _SESSION_INFO_EX, ctypes.byref(buffer), ctypes.byref(size)
        ):
            return None
        try:
            if size.value < ctypes.sizeof(_SessionInfo) or buffer.contents.level != 1:
                return None
            return int(buffer.contents.state), int(buffer.contents.flags)
        finally:
            library.WTSFreeMemory(buffer)
