"""Whether the one who listens at the engine's address is this user."""

import os
import socket
import sys
from pathlib import Path


def check_folder(folder: Path | None) -> None:
    """Before connecting: nobody but this user may have put a socket there.

    Raises:
        ConflictError: ``control.folder``.
        UnavailableError: ``engine.not_running`` when there is no such folder.
    """
    if folder is None or sys.platform == "win32":
        return
    from sparewatt.control import socket_unix

    socket_unix.check_folder(folder)


def check_peer(descriptor: int) -> None:
    """After connecting: the other side is this user, or the system's administrator.

    Raises:
        RefusedError: ``control.peer``.
    """
    if sys.platform == "win32":
        # The native handle of the pipe, which is what a local socket of Qt has for a descriptor there.
        from sparewatt.control import pipe_windows

        pipe_windows.check_server(descriptor)
        return
    from sparewatt.control import socket_unix

    with socket.socket(fileno=os.dup(descriptor)) as connected:
        socket_unix.check_peer(connected)
