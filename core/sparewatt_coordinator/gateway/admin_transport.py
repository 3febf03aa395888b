"""The admin channel's connections: a socket in the coordinator's own folder, or a named pipe of Windows."""

import asyncio
import socket
import stat
import sys

from sparewatt.control.address import Address, SocketAddress
from sparewatt.control.transport import Listener
from sparewatt.errors import ConflictError, UnavailableError


def listen(address: Address) -> Listener:
    """Only the folder's owner can ask there. Whoever calls this holds the data folder's lock, so that an old socket is
    nobody's.

    Raises:
        UnavailableError: ``admin.socket``.
        ConflictError: ``admin.folder`` when others can reach the socket's folder, ``control.pipe`` when another
            program has the pipe's name.
        StorageError: ``control.socket`` when the pipe cannot be made.
    """
    if sys.platform == "win32":
        from sparewatt.control import pipe_windows

        return pipe_windows.listen(address)
    else:  # noqa: RET505 - checkers of Windows skip this branch only when it is one
        from sparewatt.control.socket_unix import listen_at

        assert isinstance(address, SocketAddress)
        try:
            if stat.S_IMODE(address.folder.stat().st_mode) & 0o077:
                raise ConflictError("admin.folder", folder=str(address.folder))
            return listen_at(address.path, _accept_whoever_gets_here)
        except OSError as error:
            raise UnavailableError("admin.socket", path=str(address.path), number=error.errno or 0) from error


async def open_connection(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to whoever has the folder, or on Windows to a process of this user's or the system's.

    Raises:
        OSError: nobody listens there.
        SparewattError: as of `control.pipe_windows.open_connection`.
    """
    if sys.platform == "win32":
        from sparewatt.control import pipe_windows

        return await pipe_windows.open_connection(address)
    else:  # noqa: RET505 - see above
        assert isinstance(address, SocketAddress)
        return await asyncio.open_unix_connection(str(address.path))


def _accept_whoever_gets_here(connected: socket.socket) -> None:
    """The folder (0700) and the socket (0600) let in its owner and the administrator; the organiser may be either."""
