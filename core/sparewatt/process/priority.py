"""Lets every other program on the computer go first to the disk; the processor's priority is the parent's to set."""

import ctypes
import platform
import sys
from typing import Final

# ``ioprio_set`` by machine; ``IOPRIO_WHO_PROCESS`` with 0 is the calling thread, whose later threads inherit it.
_SET_DISK_PRIORITY: Final = {"x86_64": 251, "aarch64": 30}
_THIS_PROCESS: Final = 1
_IDLE_CLASS: Final = 3 << 13


def yield_disk() -> bool:
    """Use the disk only while nobody else does; whether the system knows of such a thing. Before any thread starts."""
    number = _SET_DISK_PRIORITY.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    library = ctypes.CDLL(None)
    arguments = (ctypes.c_long(each) for each in (number, _THIS_PROCESS, 0, _IDLE_CLASS))
    return bool(library.syscall(*arguments) == 0)
