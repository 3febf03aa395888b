"""One desktop for each engine: a second start raises the window of the first."""

from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

# A living desktop takes a connection at once; its answer is not waited for.
_CONNECT_MOST_MS: Final = 300
_RAISE: Final = b"raise\n"


class Instance(QObject):
    """Holds the name of this desktop, or finds who holds it."""

    raise_asked = Signal()

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._asked)

    def first(self) -> bool:
        """Whether this desktop is the first; if not, the first was asked to show its window. Runs before any window
        is there, so that it may wait a moment."""
        other = QLocalSocket()
        other.connectToServer(self._name)
        if other.waitForConnected(_CONNECT_MOST_MS):
            other.write(_RAISE)
            other.waitForBytesWritten(_CONNECT_MOST_MS)
            other.disconnectFromServer()
            return False
        # Nobody listens: a socket that is there was left by a desktop that crashed.
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return True

    def _asked(self) -> None:
        connection = self._server.nextPendingConnection()
        while connection is not None:
            connection.disconnected.connect(connection.deleteLater)
            connection.close()
            self.raise_asked.emit()
            connection = self._server.nextPendingConnection()
