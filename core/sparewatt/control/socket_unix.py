"""The Unix socket: a folder that is the user's alone, and a look at who is on the other side."""

import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import Final

from sparewatt.control.address import SocketAddress
from sparewatt.errors import ConflictError, RefusedError, StorageError, UnavailableError

assert sys.platform != "win32"

# getsockopt of macOS: LOCAL_PEERCRED at SOL_LOCAL gives struct xucred {u32 version; u32 uid; i16 groups; u32[16]}.
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_XUCRED: Final = struct.Struct("=II")
_UCRED: Final = struct.Struct("=iII")
_BACKLOG: Final = 16


def listen(address: SocketAddress) -> socket.socket:
    """A listening socket that only this user can reach.

    The caller holds the engine's lock of the data folder: a socket file that is there is then a left-over.

    Raises:
        ConflictError: ``control.folder`` when the folder is not this user's alone or is a link.
        StorageError: ``control.socket`` when the socket cannot be made.
    """
    prepare_folder(address.folder)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        address.path.unlink(missing_ok=True)
        listening.bind(str(address.path))
        address.path.chmod(0o600)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StorageError("control.socket", path=str(address.path), reason=error.strerror or "") from error
    return listening


def prepare_folder(folder: Path) -> None:
    """Make the socket's folder, or check the one that is there; errors as of `listen`."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:  # a file, or a link that leads nowhere
        raise ConflictError("control.folder", path=str(folder)) from error
    except OSError as error:
        raise StorageError("control.socket", path=str(folder), reason=error.strerror or "") from error
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Believe the folder only if nobody but this user can put a socket there.

    Raises:
        ConflictError: ``control.folder``.
        UnavailableError: ``engine.not_running`` when there is none.
    """
    try:
        found = folder.lstat()
    except FileNotFoundError as error:
        raise UnavailableError("engine.not_running") from error
    others = stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or others:
        raise ConflictError("control.folder", path=str(folder))


def peer_user(connected: socket.socket) -> int:
    """Number of the user on the other side.

    Raises:
        UnavailableError: ``control.platform`` where the system does not tell.
    """
    if sys.platform == "linux":
        data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _, user, _ = _UCRED.unpack(data)
        return int(user)
    if sys.platform == "darwin":
        data = connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
        _, user = _XUCRED.unpack_from(data)
        return int(user)
    raise UnavailableError("control.platform")


def check_peer(connected: socket.socket) -> None:
    """Talk to nobody but this user and the system's administrator.

    Raises:
        RefusedError: ``control.peer``.
        UnavailableError: ``control.platform``.
    """
    user = peer_user(connected)
    if user not in (os.getuid(), 0):
        raise RefusedError("control.peer", user=user)
