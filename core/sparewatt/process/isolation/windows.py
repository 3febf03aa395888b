"""Isolation on Windows: a job that allows one process, so that no other program can be started from it.

Written to the documentation of ``CreateJobObjectW``, ``SetInformationJobObject`` and ``AssignProcessToJobObject``, and
not run yet. Files and connections would take a restricted token or an AppContainer, under which drivers of graphics
cards are not known to work.
"""

import ctypes
import sys
from typing import Final

from sparewatt.process.isolation.layers import STARTS_PROGRAMS, Isolation, Room, nothing

_EXTENDED_LIMITS: Final = 9
_LIMIT_ACTIVE_PROCESSES: Final = 0x00000008
_REASON: Final = "Windows offers none that drivers of graphics cards are known to work under"


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def isolate(room: Room) -> Isolation:
    """Put this process into a job of its own; the job lives as long as the process."""
    if sys.platform != "win32":
        return nothing("this is not Windows")
    if room.compiler:
        return nothing(STARTS_PROGRAMS)
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    for name in ("CreateJobObjectW", "GetCurrentProcess"):
        getattr(kernel, name).restype = ctypes.c_void_p
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _LIMIT_ACTIVE_PROCESSES
    limits.BasicLimitInformation.ActiveProcessLimit = 1
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    done = bool(job) and bool(
        kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        and kernel.AssignProcessToJobObject(job, process)
    )
    return available() if done else nothing(f"no job object (error {ctypes.get_last_error()})")


def available() -> Isolation:
    """What `isolate` would achieve."""
    return Isolation(
        ("programs",), (("files", _REASON), ("connections", _REASON), ("privileges", "no restricted token"))
    )
