"""Isolation on Linux: no-new-privileges, Landlock, a filter of system calls; each by itself, so that one can be
missing."""

import ctypes
import os
import platform
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sparewatt.process.isolation import landlock
from sparewatt.process.isolation.filter import filter_program
from sparewatt.process.isolation.layers import LAYERS, STARTS_PROGRAMS, Isolation, LayerName, Room
from sparewatt.process.isolation.places import device_places, readable_places
from sparewatt.process.isolation.syscalls import MACHINES

assert sys.platform == "linux", "nobody else imports it"

_SET_NO_NEW_PRIVILEGES: Final = 38
_GET_SECCOMP: Final = 21
_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def isolate(room: Room) -> Isolation:
    """Give up everything outside `room` for good; to be called before the first thread is started."""
    privileges = _refusal(_give_up_privileges)
    files = _refusal(lambda: _give_up_files(room))
    filters = _refusal(lambda: _filter_calls(room))
    programs = filters or (STARTS_PROGRAMS if room.compiler else "")
    return _outcome({"privileges": privileges, "files": files, "connections": filters, "programs": programs})


def available() -> Isolation:
    """What `isolate` would achieve here, as far as the kernel tells; changes nothing."""
    filters = "" if _can_filter() else f"no filter of system calls for {platform.machine()}"
    files = "" if landlock.version() else "the kernel has no Landlock"
    return _outcome({"privileges": "", "files": files, "connections": filters, "programs": filters})


def _outcome(refusals: dict[LayerName, str]) -> Isolation:
    in_force: tuple[LayerName, ...] = tuple(name for name in LAYERS if not refusals[name])
    missing: tuple[tuple[LayerName, str], ...] = tuple((name, refusals[name]) for name in LAYERS if refusals[name])
    return Isolation(in_force, missing)


def _refusal(step: Callable[[], str]) -> str:
    """Empty when `step` was taken, else the reason."""
    try:
        return step()
    except OSError as error:
        return error.strerror or str(error)


def _give_up_privileges() -> str:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ""


def _give_up_files(room: Room) -> str:
    if landlock.version() < (landlock.MOVES_SINCE if room.keeper else 1):
        return "the kernel has no Landlock, or too old a one"
    home = _home()
    system = readable_places(home, accelerator=room.accelerator)
    read = (*system, *(place for place in room.read if place.exists()))
    programs = system if room.compiler else ()
    landlock.restrict(read, room.write, device_places(accelerator=room.accelerator), programs)
    return ""


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    except KeyError:  # a user without an account, as containers have them
        return Path("/nonexistent")


def _filter_calls(room: Room) -> str:
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return f"no filter of system calls for {platform.machine()}"
    code = filter_program(machine, room, os.getpid())
    program = _Program(len(code) // 8, code)
    library = ctypes.CDLL(None, use_errno=True)
    number, mode, flags = (ctypes.c_long(each) for each in (machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS))
    if library.syscall(number, mode, flags, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ""


def _can_filter() -> bool:
    return platform.machine() in MACHINES and ctypes.CDLL(None).prctl(_GET_SECCOMP, 0, 0, 0, 0) >= 0
