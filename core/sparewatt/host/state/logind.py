"""The session as systemd's login manager has it."""

from dataclasses import dataclass
from typing import Final

from sparewatt.host.bus import Bus
from sparewatt.host.state.session import SessionState
from sparewatt.host.unknown import Unknown

_SERVICE: Final = "org.freedesktop.login1"
_MANAGER_PATH: Final = "/org/freedesktop/login1"
_FIRST_SEAT: Final = "/org/freedesktop/login1/seat/seat0"
_GRAPHICAL: Final = frozenset({"x11", "wayland", "mir"})
_ABSENT: Final = frozenset({"no_system_bus", "no_service"})


@dataclass
class Logind:
    """Attributes:
    user: number of the user this process belongs to.
    has_screen: whether the engine was started inside a session that can show something.
    """

    bus: Bus
    user: int
    has_screen: bool

    def read(self) -> SessionState:
        sleeping = self.bus.property_of(_SERVICE, _MANAGER_PATH, f"{_SERVICE}.Manager", "PreparingForSleep")
        if isinstance(sleeping, Unknown):
            # Without a login manager the only sessions are those that say so themselves.
            known = self.has_screen or sleeping.reason in _ABSENT
            return SessionState(seat=self.has_screen if known else None, reason=sleeping.reason)
        own_path = self._own_session()
        own = self._session(own_path)
        shown_path = self._shown(own)
        shown = own if shown_path == own_path else self._session(shown_path)
        return SessionState(
            seat=self.has_screen or own.get("Type") in _GRAPHICAL,
            locked=_locked(own, shown) if own else None,
            other_user=shown.get("Class") == "user" and _number(shown.get("User")) != self.user,
            sleeping=sleeping is True,
        )

    def _own_session(self) -> str:
        """Path of this user's graphical session; empty where there is none."""
        found = self.bus.call(_SERVICE, _MANAGER_PATH, f"{_SERVICE}.Manager", "GetUser", "u", (self.user,))
        if isinstance(found, Unknown) or not found:
            return ""
        return _path(self.bus.property_of(_SERVICE, str(found[0]), f"{_SERVICE}.User", "Display"))

    def _shown(self, own: dict[str, object]) -> str:
        """Path of the session that is shown at this user's seat, or at the computer's first one."""
        seat = _path(own.get("Seat")) or _FIRST_SEAT
        return _path(self.bus.property_of(_SERVICE, seat, f"{_SERVICE}.Seat", "ActiveSession"))

    def _session(self, path: str) -> dict[str, object]:
        if not path:
            return {}
        found = self.bus.properties_of(_SERVICE, path, f"{_SERVICE}.Session")
        return {} if isinstance(found, Unknown) else found


def _locked(own: dict[str, object], shown: dict[str, object]) -> bool:
    # Some desktops go to the login screen instead of telling that they are locked.
    return own.get("LockedHint") is True or shown.get("Class") in ("greeter", "lock-screen")


def _path(found: object) -> str:
    """Of a pair (name, path); "/" stands for none."""
    if isinstance(found, tuple | list) and len(found) == 2 and found[1] != "/":
        return str(found[1])
    return ""


def _number(found: object) -> int | None:
    first = found[0] if isinstance(found, tuple | list) and found else None
    return first if isinstance(first, int) else None
