"""Landlock: the kernel's own way for a process to give up files, TCP and signals; Linux 5.13 and newer."""

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

assert sys.platform == "linux", "nobody else imports it"

# Numbers that all machines share.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE: Final = 1 << 4 | 1 << 5
_MAKE_FOLDER, _MAKE_FILE = 1 << 7, 1 << 8
_FIRST_VERSION: Final = (1 << 13) - 1
# What later versions added: version → rights.
_ADDED: Final = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
MOVES_SINCE: Final = 2
_MOVE, _TRUNCATE, _SPEAK_TO_DEVICE = 1 << 13, 1 << 14, 1 << 15
# Rights that a single file can have; others are refused for one.
_OF_A_FILE: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _SPEAK_TO_DEVICE
_BIND_AND_CONNECT_TCP: Final = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11
_NETWORK_SINCE: Final = 4
_SCOPES_SINCE: Final = 6

_READ: Final = _READ_FILE | _READ_DIR
_WRITE: Final = _READ | _WRITE_FILE | _REMOVE | _MAKE_FOLDER | _MAKE_FILE | _MOVE | _TRUNCATE
_DEVICE: Final = _READ_FILE | _WRITE_FILE | _SPEAK_TO_DEVICE


def version() -> int:
    """The kernel's version of Landlock, 0 when it has none or it is switched off."""
    return max(0, _call(_CREATE_RULESET, 0, 0, _VERSION_FLAG))


def restrict(
    read: tuple[Path, ...], write: tuple[Path, ...], devices: tuple[Path, ...], programs: tuple[Path, ...] = ()
) -> None:
    """Give up every file but these, all TCP and, where the kernel can, signals and abstract sockets to others.

    Holds for the calling thread and those that it starts; needs no-new-privileges. Only programs below `programs` can
    be started, and all of this holds for them, too.

    Raises:
        OSError: the kernel refused; nothing was given up.
    """
    known = version()
    handled = _FIRST_VERSION
    for since, rights in _ADDED.items():
        handled |= rights if known >= since else 0
    attributes = struct.pack(
        "<QQQ",
        handled,
        _BIND_AND_CONNECT_TCP if known >= _NETWORK_SINCE else 0,
        _ABSTRACT_SOCKETS_AND_SIGNALS if known >= _SCOPES_SINCE else 0,
    )
    # A field that the kernel does not know may be handed over only by its absence.
    size = 24 if known >= _SCOPES_SINCE else 16 if known >= _NETWORK_SINCE else 8
    ruleset = _checked(_CREATE_RULESET, ctypes.create_string_buffer(attributes[:size], size), size, 0)
    try:
        for places, rights in ((read, _READ), (write, _WRITE), (devices, _DEVICE), (programs, _READ | _EXECUTE)):
            for place in places:
                _allow(ruleset, place, rights & handled)
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, place: Path, rights: int) -> None:
    descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        granted = rights if place.is_dir() else rights & _OF_A_FILE
        rule = struct.pack("<Qi", granted, descriptor)
        _checked(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: "int | ctypes.Array[ctypes.c_char]") -> int:
    library = ctypes.CDLL(None, use_errno=True)
    converted = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(library.syscall(ctypes.c_long(number), *converted))


def _checked(number: int, *arguments: "int | ctypes.Array[ctypes.c_char]") -> int:
    answer = _call(number, *arguments)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
