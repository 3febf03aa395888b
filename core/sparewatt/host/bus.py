"""A D-Bus connection that opens when it is needed, waits a bounded time, and starts no service by asking for it."""

from typing import TYPE_CHECKING, Final

from sparewatt.host.unknown import Unknown

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

CALL_SECONDS_MOST: Final = 1.0

_GONE: Final = frozenset(
    {
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.UnknownMethod",
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.UnknownInterface",
        "org.freedesktop.DBus.Error.UnknownProperty",
        "org.freedesktop.DBus.Error.InvalidArgs",  # of a property that an older service does not have
    }
)


class Bus:
    """One bus. Not safe for several threads at once.

    Args:
        address: such as ``unix:path=/run/dbus/system_bus_socket``; may be empty.
        unreachable: the reason when nobody listens there.
        descriptors: whether answers may hold file descriptors; a bus that cannot hand them over is unreachable.
    """

    def __init__(self, address: str, unreachable: str, *, descriptors: bool = False) -> None:
        self._address = address
        self._unreachable = unreachable
        self._descriptors = descriptors
        self._connection: DBusConnection | None = None

    def call(
        self, service: str, path: str, interface: str, member: str, signature: str = "", body: tuple[object, ...] = ()
    ) -> tuple[object, ...] | Unknown:
        """The values that a method returns; services that do not run are not started."""
        from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_method_call

        connection = self._open()
        if isinstance(connection, Unknown):
            return connection
        message = new_method_call(DBusAddress(path, service, interface), member, signature or None, body)
        message.header.flags |= MessageFlag.no_auto_start
        try:
            reply = connection.send_and_get_reply(message, timeout=CALL_SECONDS_MOST)
        except TimeoutError:
            # Its answer may still come and would be taken for the next call's.
            self.close()
            return Unknown("no_answer")
        except OSError:
            self.close()
            return Unknown(self._unreachable)
        if reply.header.message_type is MessageType.error:
            name = str(reply.header.fields.get(HeaderFields.error_name))
            return Unknown("no_service" if name in _GONE else "refused")
        return tuple(reply.body)

    def property_of(self, service: str, path: str, interface: str, name: str) -> object | Unknown:
        """The value of a property."""
        found = self.call(service, path, "org.freedesktop.DBus.Properties", "Get", "ss", (interface, name))
        return found if isinstance(found, Unknown) else _unwrapped(found)

    def properties_of(self, service: str, path: str, interface: str) -> dict[str, object] | Unknown:
        """All properties of one interface."""
        found = self.call(service, path, "org.freedesktop.DBus.Properties", "GetAll", "s", (interface,))
        if isinstance(found, Unknown):
            return found
        first = found[0] if found else None
        if not isinstance(first, dict):
            return Unknown("refused")
        return {str(name): _unwrapped((value,)) for name, value in first.items()}

    def close(self) -> None:
        """Let go of the connection; the next call opens one again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> "DBusConnection | Unknown":
        if self._connection is not None:
            return self._connection
        if not self._address:
            return Unknown(self._unreachable)
        from jeepney.auth import AuthenticationError
        from jeepney.io.blocking import open_dbus_connection

        try:
            self._connection = open_dbus_connection(
                self._address, enable_fds=self._descriptors, auth_timeout=CALL_SECONDS_MOST
            )
        except (OSError, AuthenticationError, RuntimeError, ValueError, KeyError):
            # Nobody listens, we are not let in, or the address is of a kind that cannot be used.
            return Unknown(self._unreachable)
        return self._connection


def system_bus(address: str) -> Bus:
    return Bus(address, "no_system_bus")


def session_bus(address: str) -> Bus:
    return Bus(address, "no_session_bus")


def _unwrapped(found: tuple[object, ...]) -> object:
    """A variant arrives as (signature, value)."""
    value = found[0] if found else None
    return value[1] if isinstance(value, tuple) and len(value) == 2 else value
