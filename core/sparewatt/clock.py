"""Time as a collaborator, so that nothing decides by a clock that it cannot be given."""

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back; may stand still during a computer's sleep."""
        ...

    def unix(self) -> float:
        """Seconds since 1970-01-01 UTC as the computer believes; may jump either way."""
        ...


class SystemClock:
    """The computer's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()
