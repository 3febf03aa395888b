"""What workers have written to the disk within a day, and whether something that could be left out still fits.

Finished updates are always written: they are what the work was for. What an urgent stop left is written only while the
day's limit allows, since a person who plays often would otherwise wear out their disk with fragments.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

GIGABYTE: Final = 10**9
DAY_SECONDS: Final = 86_400.0


def unlimited() -> int | None:
    return None


class DiskWrites:
    """Counts the bytes of the last 24 hours.

    Args:
        limit_gb: of a day, as the person has set it now; None for no limit.
    """

    def __init__(self, limit_gb: Callable[[], int | None] = unlimited) -> None:
        self._limit_gb = limit_gb
        self._written: deque[tuple[float, int]] = deque()

    def wrote(self, size: int, now: float) -> None:
        """`size` bytes were written at monotonic moment `now`."""
        self._written.append((now, size))

    def allows(self, size: int, now: float) -> bool:
        """Whether `size` bytes more stay within the limit."""
        limit = self._limit_gb()
        while self._written and self._written[0][0] <= now - DAY_SECONDS:
            self._written.popleft()
        return limit is None or sum(written for _, written in self._written) + size <= limit * GIGABYTE
