"""The listening side of the control channel on this system."""

import socket
import sys

from sparewatt.control.address import SocketAddress

if sys.platform == "win32":
    from sparewatt.errors import UnavailableError

    def listen(address: SocketAddress) -> socket.socket:  # noqa: ARG001 - there is nothing to listen on
        """There is no channel on Windows yet: named pipes are not sockets. Raises UnavailableError
        ``control.platform``."""
        raise UnavailableError("control.platform")

    def check_peer(connected: socket.socket) -> None:  # noqa: ARG001 - nobody connects
        """Never reached, for nothing listens."""
        raise UnavailableError("control.platform")

else:
    from sparewatt.control.socket_unix import check_peer, listen

__all__ = ["check_peer", "listen"]
