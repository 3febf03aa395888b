"""Whether anybody is there whom an engine was started for. Pure: the caller says how many are connected, and when."""

from typing import Final

# Long enough for a desktop that crashed to be started again, or to be replaced by a newer one.
ALONE_MOST_S: Final = 60.0


class Attendance:
    """For an engine that a desktop started: it ends once nobody has been connected for a minute.

    Args:
        now_s: monotonic moment of the start, from which the desktop has as long to connect as later to come back.
    """

    def __init__(self, now_s: float) -> None:
        self._last_seen_s = now_s

    def alone(self, clients: int, now_s: float) -> bool:
        """Whether nobody has been there for too long; to be asked at least every few seconds."""
        if clients:
            self._last_seen_s = now_s
        return now_s - self._last_seen_s >= ALONE_MOST_S
