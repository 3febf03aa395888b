"""Takes back the memory of a process that is ending, at the priority of whoever needs it.

A process frees its own memory as it dies, at its own priority: at the lowest one, on a busy computer, that takes
seconds. Linux 5.15 and newer let another process do it (``process_mrelease``).
"""

import ctypes
import errno
import os
import sys
import time
from typing import Final

# The same number on all machines.
_RELEASE_MEMORY: Final = 448
# A process that ends by itself lets go of its address space within milliseconds, and takes long to free what was in it.
_LOOK_AGAIN_SECONDS: Final = 0.001
_NOT_YET: Final = (errno.EINVAL, errno.EAGAIN, errno.EINTR)


def reclaim(pid: int, seconds_most: float) -> bool:
    """Wait up to `seconds_most` until child `pid` is ending, then free its memory; whether that was done.

    Blocking. False where the system cannot do it, or the process went by itself or not at all.
    """
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # gone already, or an old kernel
        return False
    try:
        return _reclaim(descriptor, time.monotonic() + seconds_most)
    finally:
        os.close(descriptor)


def _reclaim(descriptor: int, until: float) -> bool:
    library = ctypes.CDLL(None, use_errno=True)
    while time.monotonic() < until:
        if library.syscall(ctypes.c_long(_RELEASE_MEMORY), ctypes.c_long(descriptor), ctypes.c_long(0)) == 0:
            return True
        # EINVAL: it lives; EAGAIN: somebody changes its memory this moment. Anything else is final.
        if ctypes.get_errno() not in _NOT_YET:
            return False
        time.sleep(_LOOK_AGAIN_SECONDS)
    return False
