"""Idle time as desktops tell it over D-Bus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sparewatt.host.bus import Bus
from sparewatt.host.unknown import Unknown

# GNOME counts in milliseconds; a year of them and more is no idle time.
_MILLISECONDS_MOST: Final = 1e12
# A unit is learnt from reads that are this far apart, and believed after so many in a row.
_LEARN_SECONDS: Final = 4.0
_LEARN_TIMES: Final = 3


@dataclass
class MutterIdle:
    """GNOME, by its compositor."""

    bus: Bus
    name: str = "mutter"

    def read(self) -> float | Unknown:
        found = self.bus.call(
            "org.gnome.Mutter.IdleMonitor",
            "/org/gnome/Mutter/IdleMonitor/Core",
            "org.gnome.Mutter.IdleMonitor",
            "GetIdletime",
        )
        milliseconds = _number(found)
        return milliseconds if isinstance(milliseconds, Unknown) else milliseconds / 1000


@dataclass
class ScreenSaverIdle:
    """KDE and others that offer the common screen saver service.

    Its documentation says seconds and KDE gives milliseconds, so the unit is learnt from how fast the number grows:
    by one a second, three times in a row, is no coincidence. Until then it is taken for milliseconds, which can only
    say too little.
    """

    bus: Bus
    monotonic: Callable[[], float]
    name: str = "freedesktop_screensaver"
    _last: tuple[float, float] | None = None
    _by_one: int = 0

    def read(self) -> float | Unknown:
        found = self.bus.call(
            "org.freedesktop.ScreenSaver",
            "/org/freedesktop/ScreenSaver",
            "org.freedesktop.ScreenSaver",
            "GetSessionIdleTime",
        )
        count = _number(found)
        if isinstance(count, Unknown):
            return count
        if self._by_one < _LEARN_TIMES:
            self._learn(count, self.monotonic())
        return count if self._by_one >= _LEARN_TIMES else count / 1000

    def _learn(self, count: float, now: float) -> None:
        if self._last is None or count < self._last[1]:
            self._last = (now, count)
            return
        elapsed_s = now - self._last[0]
        if elapsed_s < _LEARN_SECONDS:
            return
        self._by_one = self._by_one + 1 if 0.7 <= (count - self._last[1]) / elapsed_s <= 1.3 else 0
        self._last = (now, count)


def _number(found: tuple[object, ...] | Unknown) -> float | Unknown:
    if isinstance(found, Unknown):
        return found
    value = found[0] if found else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MILLISECONDS_MOST:
        return Unknown("implausible")
    return float(value)
