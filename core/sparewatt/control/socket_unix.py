"""The Unix socket: a folder that is the user's alone, and a look at who is on the other side."""

import asyncio
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from sparewatt.control.address import Address, SocketAddress
from sparewatt.control.transport import STREAM_BYTES, Accept
from sparewatt.errors import ConflictError, RefusedError, StorageError, UnavailableError

assert sys.platform != "win32"

# getsockopt of macOS: LOCAL_PEERCRED at SOL_LOCAL gives struct xucred {u32 version; u32 uid; i16 groups; u32[16]}.
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_XUCRED: Final = struct.Struct("=II")
_UCRED: Final = struct.Struct("=iII")
_BACKLOG: Final = 16


class UnixListener:
    """A listening socket and its file.

    Args:
        listening: belongs to the listener from now on.
        check_peer: raises RefusedError for a client that is not served.
    """

    def __init__(self, listening: socket.socket, path: Path, check_peer: Callable[[socket.socket], None]) -> None:
        self._listening = listening
        self._path = path
        self._check_peer = check_peer
        self._server: asyncio.Server | None = None
        self._open = True

    async def serve(self, accept: Accept) -> None:
        def accept_peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                # asyncio hands out a wrapper that has every reading method of the socket itself.
                self._check_peer(cast(socket.socket, writer.get_extra_info("socket")))
            except RefusedError:
                writer.transport.abort()
                return
            accept(reader, writer)

        self._server = await asyncio.start_unix_server(accept_peer, sock=self._listening, limit=STREAM_BYTES)

    def close(self) -> None:
        if not self._open:  # by now the file may be another process's
            return
        self._open = False
        self._path.unlink(missing_ok=True)
        if self._server is None:
            self._listening.close()
        else:
            self._server.close()

    async def wait_closed(self) -> None:
        if self._server is not None:
            await self._server.wait_closed()


def listen(address: Address) -> UnixListener:
    """A listening socket that only this user can reach.

    The caller holds the engine's lock of the data folder: a socket file that is there is then a left-over.

    Raises:
        ConflictError: ``control.folder`` when the folder is not this user's alone or is a link.
        StorageError: ``control.socket`` when the socket cannot be made.
    """
    assert isinstance(address, SocketAddress)
    prepare_folder(address.folder)
    try:
        return listen_at(address.path, check_peer)
    except OSError as error:
        raise StorageError("control.socket", path=str(address.path), reason=error.strerror or "") from error


def listen_at(path: Path, check_peer: Callable[[socket.socket], None]) -> UnixListener:
    """Listen in a folder that was checked already; a file that is there is nobody's. Raises OSError."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return UnixListener(listening, path, check_peer)


async def open_connection(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose other side is this user's, or the administrator's.

    Raises:
        UnavailableError: ``engine.not_running``.
        ConflictError: ``control.folder`` when somebody else could have put a socket there.
        RefusedError: ``control.peer`` when somebody else did.
    """
    assert isinstance(address, SocketAddress)
    check_folder(address.folder)
    try:
        reader, writer = await asyncio.open_unix_connection(str(address.path), limit=STREAM_BYTES)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise UnavailableError("engine.not_running") from error
    try:
        check_peer(cast(socket.socket, writer.get_extra_info("socket")))
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


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
    """Number of the user on the other side, on Linux, and on macOS, whose way the other BSDs share."""
    if sys.platform == "linux":
        data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _, user, _ = _UCRED.unpack(data)
    else:
        data = connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
        _, user = _XUCRED.unpack_from(data)
    return int(user)


def check_peer(connected: socket.socket) -> None:
    """Talk to nobody but this user and the system's administrator.

    Raises:
        RefusedError: ``control.peer``.
    """
    user = peer_user(connected)
    if user not in (os.getuid(), 0):
        raise RefusedError("control.peer", user=user)
