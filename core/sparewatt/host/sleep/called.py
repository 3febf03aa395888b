"""For systems that call a function of ours before they sleep, and wait until it returns."""

import threading
from typing import Final

from sparewatt.host.sleep.port import Told


class CalledWatch:
    """What the called function does; an adapter registers it the first time something computes.

    Args:
        told: see `host.sleep.port.Told`.
        seconds_most: how long the system may be kept waiting.
    """

    def __init__(self, told: Told, seconds_most: float) -> None:
        self._told = told
        self._seconds_most: Final = seconds_most
        self._changed = threading.Condition()
        self._wanted = False
        self._sleeping = False
        self._registered = False
        self._reason = ""

    def want(self, *, wanted: bool) -> None:
        with self._changed:
            self._wanted = wanted
            first = wanted and not self._registered
            self._registered = self._registered or wanted
            self._changed.notify_all()
        if first:
            self._register()

    @property
    def sleeping(self) -> bool:
        return self._sleeping

    @property
    def waits(self) -> bool | None:
        return True if self._wanted and not self._reason else None

    @property
    def reason(self) -> str:
        return self._reason if self._wanted else ""

    def close(self) -> None:
        self.want(wanted=False)

    def _register(self) -> None:
        """Have the system call; must return at once. Sets `_reason` where it does not."""
        self._reason = "not_on_this_system"

    def _begins(self) -> None:
        """The system is about to sleep: returns when nothing computes any more, or the time is up."""
        self._sleeping = True
        self._told(True)
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted, self._seconds_most)

    def _awake(self) -> None:
        self._sleeping = False
        self._told(False)
