"""A D-Bus connection that hears signals of one service, and can be handed file descriptors."""

from collections import deque
from typing import TYPE_CHECKING, Any

from sparewatt.host.bus import Bus
from sparewatt.host.unknown import Unknown

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

_BUS = "org.freedesktop.DBus"


class SignalBus(Bus):
    """As `Bus`; `close` ends the hearing, too."""

    def __init__(self, address: str, unreachable: str) -> None:
        super().__init__(address, unreachable, descriptors=True)
        self._heard: deque[Message] = deque(maxlen=64)
        self._gone: deque[Message] = deque(maxlen=1)

    def hear(self, service: str, path: str, interface: str, member: str) -> Unknown | None:
        """Hear a signal of a service from now on."""
        from jeepney import MatchRule

        owner = self._of_bus("GetNameOwner", service)
        if isinstance(owner, Unknown):
            return owner
        connection = self._open()
        if isinstance(connection, Unknown):
            return connection
        # Anybody may send a signal straight to this connection; only the service's own counts.
        rule = MatchRule(type="signal", sender=str(owner[0]), path=path, interface=interface, member=member)
        changed = MatchRule(type="signal", sender=_BUS, interface=_BUS, member="NameOwnerChanged")
        changed.add_arg_condition(0, service)
        for each, queue in ((rule, self._heard), (changed, self._gone)):
            connection.filter(each, queue=queue)
            added = self._of_bus("AddMatch", each.serialise())
            if isinstance(added, Unknown):
                return added
        return None

    def _of_bus(self, member: str, value: str) -> tuple[object, ...] | Unknown:
        return self.call(_BUS, "/org/freedesktop/DBus", _BUS, member, "s", (value,))

    def heard(self) -> list[tuple[Any, ...]] | Unknown:
        """The values of the signals that came since the last call; waits for nothing. Unknown once the bus or the
        service has gone: then all is to be begun anew."""
        connection = self._connection
        if connection is None:
            return Unknown(self._unreachable)
        if not self._received(connection):
            self.close()
            return Unknown(self._unreachable)
        found = [tuple(message.body) for message in self._heard]
        self._heard.clear()
        return Unknown("no_service") if self._gone else found

    def close(self) -> None:
        super().close()
        self._heard.clear()
        self._gone.clear()

    def fileno(self) -> int | None:
        """What becomes readable when something comes; None while not connected."""
        return None if self._connection is None else self._connection.sock.fileno()

    def _received(self, connection: "DBusConnection") -> bool:
        """Take in what lies ready; whether the connection still stands."""
        while True:
            try:
                connection.recv_messages(timeout=0)
            except TimeoutError:
                return True
            except (OSError, ValueError, RuntimeError):  # closed, or not D-Bus what comes
                return False
