"""Whether the network connection is paid by volume."""

from dataclasses import dataclass
from typing import Final

from sparewatt.host.bus import Bus
from sparewatt.host.unknown import Unknown

_SERVICE: Final = "org.freedesktop.NetworkManager"
_PATH: Final = "/org/freedesktop/NetworkManager"
# NMMetered: yes, no, and what it guesses, for example from a telephone that shares its connection.
_METERED: Final = frozenset({1, 3})
_NOT_METERED: Final = frozenset({2, 4})


@dataclass
class NetworkManagerMetered:
    bus: Bus

    def read(self) -> bool | Unknown:
        found = self.bus.property_of(_SERVICE, _PATH, _SERVICE, "Metered")
        if isinstance(found, Unknown):
            return found
        if not isinstance(found, int):
            return Unknown("not_told")
        if found in _METERED:
            return True
        return False if found in _NOT_METERED else Unknown("not_told")
