"""What a screen reader sees of a program and does to it: AT-SPI 2 over D-Bus, from outside of the program.

Names and numbers are those of at-spi2-core (``xml/Accessible.xml``, ``xml/Action.xml``, ``atspi-constants.h``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from jeepney import DBusAddress, HeaderFields, MatchRule, MessageType, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from sparewatt_desktop.testing.virtual_screen import until

CALL_S: Final = 30.0
_ACCESSIBLE: Final = "org.a11y.atspi.Accessible"
_ACTION: Final = "org.a11y.atspi.Action"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_APPLICATIONS: Final = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_REGISTRY: Final = ("org.a11y.atspi.Registry", "/org/a11y/atspi/registry")
_FOCUS: Final = MatchRule(type="signal", interface="org.a11y.atspi.Event.Object", member="StateChanged")
_HEARD_S: Final = 2.0
_STATES: Final = {4: "checked", 8: "enabled", 11: "focusable", 12: "focused", 25: "showing"}
_LABELLED_BY: Final = 2
# The window has some hundred parts; this many are an endless tree.
_PARTS_MOST: Final = 5_000


@dataclass(frozen=True)
class Part:
    """One part of a program, as it was when it was looked at.

    Attributes:
        at: where it answers: a name on the bus and a path.
        label: what the program says it is labelled by; empty where it says nothing of it.
        role: such as ``push button``.
        states: those of `_STATES`.
    """

    at: tuple[str, str]
    name: str
    label: str
    role: str
    states: frozenset[str]

    @property
    def seen(self) -> bool:
        return "showing" in self.states

    @property
    def takes_keys(self) -> bool:
        return {"showing", "enabled", "focusable"} <= self.states


class ScreenReader:
    """Walks through the programs that tell assistive technology of themselves."""

    def __init__(self, bus: DBusConnection) -> None:
        self._bus = bus

    def seen(self) -> Iterator[Part]:
        """Every part of every program that is seen; what is hidden hides all that is in it."""
        return self._below(_APPLICATIONS, [0])

    def find(self, name: str, *roles: str) -> Part:
        """The part with this name and one of these roles; waits until it is seen."""
        found: list[Part] = []

        def look() -> bool:
            found.extend(islice((part for part in self.seen() if part.name == name and part.role in roles), 1))
            return bool(found)

        until(look, f"a screen reader finds {name!r} as {' or '.join(roles)}")
        return found[0]

    def actions(self, part: Part) -> list[str]:
        """What can be done to a part."""
        return [str(action[0]) for action in self._call(part.at, _ACTION, "GetActions")]

    def act(self, part: Part, *actions: str) -> None:
        """Do the first of `actions` that the part offers."""
        offered = self.actions(part)
        wanted = next((offered.index(action) for action in actions if action in offered), None)
        assert wanted is not None, f"{part.role} {part.name!r} offers {offered}, not {actions}"
        assert self._call(part.at, _ACTION, "DoAction", "i", wanted), f"{part.name!r} did not do it"

    def hear(self, name: str, press: Callable[[], object]) -> Part:
        """What tells of itself, by this name, that it has the focus now; keys are pressed until it does.

        So a menu is read that is open: it stands in no tree.
        """
        heard: list[Part] = []

        def listen() -> bool:
            with self._bus.filter(_FOCUS, bufsize=100) as queue:
                press()
                try:
                    fields = self._bus.recv_until_filtered(queue, timeout=_HEARD_S).header.fields
                except TimeoutError:
                    return False
            heard[:] = [self._part((fields[HeaderFields.sender], fields[HeaderFields.path]))]
            return heard[0].name == name

        until(listen, f"a screen reader hears of {name!r}")
        return heard[0]

    def _below(self, at: tuple[str, str], count: list[int]) -> Iterator[Part]:
        for child in self._children(at):
            count[0] += 1
            assert count[0] <= _PARTS_MOST, "the tree of parts has no end"
            part = self._maybe_part(child)
            if part is not None and part.seen:
                yield part
                yield from self._below(part.at, count)

    def _part(self, at: tuple[str, str]) -> Part:
        low, high = self._call(at, _ACCESSIBLE, "GetState")
        states = frozenset(name for bit, name in _STATES.items() if (low | high << 32) >> bit & 1)
        labels = [
            self._name(label)
            for relation, labels in self._call(at, _ACCESSIBLE, "GetRelationSet")
            if relation == _LABELLED_BY
            for label in labels
        ]
        return Part(at, self._name(at), " ".join(labels), self._call(at, _ACCESSIBLE, "GetRoleName"), states)

    def _name(self, at: tuple[str, str]) -> str:
        _, name = self._call(at, _PROPERTIES, "Get", "ss", _ACCESSIBLE, "Name")
        return str(name)

    def _children(self, at: tuple[str, str]) -> list[tuple[str, str]]:
        """None of a part that went away while the tree was walked."""
        try:
            return [(str(name), str(path)) for name, path in self._call(at, _ACCESSIBLE, "GetChildren")]
        except NotThere:
            return []

    def _maybe_part(self, at: tuple[str, str]) -> Part | None:
        try:
            return self._part(at)
        except NotThere:
            return None

    def _call(self, at: tuple[str, str], interface: str, method: str, signature: str = "", *body: object) -> Any:
        return _called(self._bus, at, interface, method, signature, *body)


class NotThere(Exception):
    """What was asked is not there, or no more."""


@contextmanager
def screen_reader(session_bus: str) -> Iterator[ScreenReader]:
    """A screen reader of the session; programs that start from now on tell it of themselves.

    Args:
        session_bus: the address of the session's message bus.
    """
    with open_dbus_connection(session_bus) as session:
        place = ("org.a11y.Bus", "/org/a11y/bus")
        _called(session, place, _PROPERTIES, "Set", "ssv", "org.a11y.Status", "IsEnabled", ("b", True))
        address = _called(session, place, "org.a11y.Bus", "GetAddress")
        with open_dbus_connection(address) as bus:
            _called(
                bus,
                _REGISTRY,
                "org.a11y.atspi.Registry",
                "RegisterEvent",
                "sass",
                "object:state-changed:focused",
                [],
                "",
            )
            Proxy(message_bus, bus).AddMatch(_FOCUS)
            yield ScreenReader(bus)


def _called(
    bus: DBusConnection, at: tuple[str, str], interface: str, method: str, signature: str = "", *body: object
) -> Any:
    name, path = at
    message = new_method_call(DBusAddress(path, name, interface), method, signature or None, body)
    reply = bus.send_and_get_reply(message, timeout=CALL_S)
    if reply.header.message_type is MessageType.error:
        raise NotThere(f"{method} of {path}: {reply.body}")
    return reply.body[0] if reply.body else None
