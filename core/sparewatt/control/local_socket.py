"""Local connections of this system: Unix sockets, or the named pipes of Windows."""

import sys
from pathlib import Path

from sparewatt.control.address import Address, PipeAddress, pipe_name, socket_address
from sparewatt.host.user import user_identifier, user_number

if sys.platform == "win32":
    from sparewatt.control.pipe_windows import listen, open_connection
else:
    from sparewatt.control.socket_unix import listen, open_connection


def control_address(data_folder: Path, runtime_folder: str | None, temporary_folder: str) -> Address:
    """Where this user's engine of a data folder listens; arguments as of `socket_address`."""
    if sys.platform == "win32":
        return PipeAddress(pipe_name(data_folder, user_identifier()))
    return socket_address(data_folder, runtime_folder, temporary_folder, user_number())


__all__ = ["control_address", "listen", "open_connection"]
