"""Games on Linux: those that ask GameMode for speed, and the X window that fills the screen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sparewatt.host.bus import Bus
from sparewatt.host.state.games import Player
from sparewatt.host.state.programs import process_name
from sparewatt.host.unknown import Unknown
from sparewatt.host.x11 import X11Display

_GAMEMODE: Final = "com.feralinteractive.GameMode"
_GAMEMODE_PATH: Final = "/com/feralinteractive/GameMode"
_GAMES_MOST: Final = 16
_PROCESS_NUMBERS: Final = 2**31


@dataclass
class GameModeGames:
    """GameMode's service runs only while it is needed; when it does not, nobody plays by it."""

    bus: Bus
    name_of: Callable[[int], str] = process_name

    def read(self) -> tuple[Player, ...] | Unknown:
        count = self.bus.property_of(_GAMEMODE, _GAMEMODE_PATH, _GAMEMODE, "ClientCount")
        if isinstance(count, Unknown):
            return () if count.reason == "no_service" else count
        if not isinstance(count, int) or count <= 0:
            return ()
        listed = self.bus.call(_GAMEMODE, _GAMEMODE_PATH, _GAMEMODE, "ListGames")
        entries = listed[0] if not isinstance(listed, Unknown) and listed else None
        pids = _processes(entries) if isinstance(entries, list) else []
        # Older versions only count.
        return tuple(Player(pid, self.name_of(pid)) for pid in pids) or (Player(None, ""),)


def _processes(entries: list[object]) -> list[int]:
    """The process numbers of a list of (number, path of an object)."""
    firsts = [entry[0] for entry in entries[:_GAMES_MOST] if isinstance(entry, tuple) and entry]
    return [pid for pid in firsts if isinstance(pid, int) and 0 < pid < _PROCESS_NUMBERS]


@dataclass
class FullScreenX11:
    """The active window of an X display, also of the one that Wayland desktops run X programs in."""

    display: X11Display
    name_of: Callable[[int], str] = process_name

    def read(self) -> tuple[Player, ...] | Unknown:
        opened = self.display.open()
        if isinstance(opened, Unknown):
            return opened
        players = self._players()
        if self.display.lost:
            self.display.close()
            return Unknown("no_display")
        return players

    def _players(self) -> tuple[Player, ...]:
        (window, *_) = (*self.display.words(self.display.root(), "_NET_ACTIVE_WINDOW"), 0)
        if not window:
            return ()
        if self.display.atom("_NET_WM_STATE_FULLSCREEN") not in self.display.words(window, "_NET_WM_STATE"):
            return ()
        pids = self.display.words(window, "_NET_WM_PID")
        pid = pids[0] if pids and 0 < pids[0] < _PROCESS_NUMBERS else None
        return (Player(pid, "" if pid is None else self.name_of(pid)),)
