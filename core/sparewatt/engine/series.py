"""Bounded series of measurements for plots, in memory only."""

from collections import deque
from typing import Final

from sparewatt.errors import InputError

# Ten hours of one point every two seconds.
POINTS_MOST: Final = 18_000
NAMES: Final = ("loss", "tokens_per_s", "power_watts")


class Series:
    """Points (unix seconds, value) by name, each name's oldest points dropped first."""

    def __init__(self) -> None:
        self._points: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=POINTS_MOST) for name in NAMES}

    def add(self, name: str, unix_s: float, value: float) -> None:
        self._points[name].append((unix_s, value))

    def since(self, name: str, unix_s: float, limit: int) -> tuple[tuple[float, float], ...]:
        """The newest `limit` points from `unix_s` on, oldest first.

        Raises:
            InputError: ``series.unknown``.
        """
        points = self._points.get(name)
        if points is None:
            raise InputError("series.unknown", name=name[:60], known=", ".join(NAMES))
        found = [point for point in points if point[0] >= unix_s]
        return tuple(found[-limit:])
