"""What every system's adapter of its sleep offers."""

from collections.abc import Callable
from typing import Protocol

Told = Callable[[bool], None]
"""Is called with True when the system is about to sleep and with False when it is awake again; on a thread of the
adapter, which must not be held up."""


class SleepWatch(Protocol):
    """Tells of a coming sleep, and has the system wait a moment for what computes.

    What the systems give: systemd's login manager waits for whoever asked it to beforehand, 5 s unless an administrator
    set another time. macOS waits for every program that registered until it agrees, 30 s at most. Windows calls who
    registered and waits about 2 s for the call to return.
    """

    def want(self, *, wanted: bool) -> None:
        """From now on, or no longer, something computes that a sleep has to wait for. Returns at once. While a sleep
        comes, no longer wanting it lets the system go on."""
        ...

    @property
    def sleeping(self) -> bool:
        """The system is about to sleep, or has not said yet that it is awake again."""
        ...

    @property
    def waits(self) -> bool | None:
        """Whether the system waits now; None where it was not asked to, or does not."""
        ...

    @property
    def reason(self) -> str:
        """Why it does not wait although it was asked to; an id of ``wording.sensors``, else empty."""
        ...

    def close(self) -> None:
        """Let the system sleep as it likes."""
        ...


class NoSleepWatch:
    """For who computes nothing: never asks the system to wait."""

    sleeping = False
    waits: bool | None = None
    reason = ""

    def want(self, *, wanted: bool) -> None:
        pass

    def close(self) -> None:
        pass
