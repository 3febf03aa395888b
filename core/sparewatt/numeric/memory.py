"""Memory that numpy frees stays with the process, for the next block needs as much again."""

import ctypes
import sys
from typing import Final

# mallopt's parameters (malloc.h of the GNU C library).
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
# Larger than all that a block needs at once; what is larger still goes back to the system as before.
_KEPT_BYTES: Final = 64 << 20
_MAPPED_BYTES: Final = 16 << 20


def keep_freed_memory() -> bool:
    """Tell the C library not to hand every freed array back to the system; whether it listens.

    By default it does so with the megabytes of each block, and the system clears them again for the next one: two
    thirds of a merge's time. For a process that merges or encodes and ends; only the GNU C library on Linux knows it.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_MMAP_THRESHOLD, _MAPPED_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES), (_TOP_PAD, _MAPPED_BYTES))
    answers = [mallopt(parameter, value) for parameter, value in wanted]
    return answers == [1] * len(wanted)
