"""The session as macOS' window server has it."""

import ctypes
import sys
from typing import Final

from sparewatt.host.objective_c import release, truth_in_dictionary
from sparewatt.host.state.session import SessionState

_FRAMEWORK: Final = "/System/Library/Frameworks/ApplicationServices.framework/ApplicationServices"


class MacosSession:
    """Only reads; a coming sleep is `host.sleep.macos`'."""

    def read(self) -> SessionState:
        if sys.platform != "darwin":
            return SessionState(None, reason="not_on_this_system")
        library = ctypes.CDLL(_FRAMEWORK)
        library.CGSessionCopyCurrentDictionary.restype = ctypes.c_void_p
        dictionary = library.CGSessionCopyCurrentDictionary()
        if not dictionary:
            # No window server: a session by ssh, or a daemon.
            return SessionState(seat=False)
        try:
            on_console = truth_in_dictionary(dictionary, "kCGSSessionOnConsoleKey")
            # The window server writes this key only while the screen is locked.
            locked = truth_in_dictionary(dictionary, "CGSSessionScreenIsLocked")
        finally:
            release(dictionary)
        return SessionState(seat=True, locked=locked is True, other_user=None if on_console is None else not on_console)
