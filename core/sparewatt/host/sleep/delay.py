"""When a computer's sleep is put off and for how long: values in, values out.

state       event → next
unwanted    something computes → wanted
wanted      it ends → unwanted; a sleep is announced → leaving
leaving     it ends, or 3 s have passed → let go
let go      awake again, or nothing was said for a minute → unwanted or wanted
"""

from dataclasses import dataclass, replace
from typing import Final

# A worker that is told to leave is gone within one second; the login manager waits five. Whoever hangs must not use up
# the time that other programs need.
LEAVING_SECONDS_MOST: Final = 3.0
# The monotonic clock stands still while the computer sleeps: this is a minute of being awake in which nobody said so.
SLEEPING_SECONDS_MOST: Final = 60.0


@dataclass(frozen=True)
class Delay:
    """Attributes:
    wanted: something computes.
    announced_s: monotonic moment at which the coming sleep was announced; None while none comes.
    """

    wanted: bool = False
    announced_s: float | None = None

    def wanting(self, wanted: bool) -> "Delay":
        """Something computes from now on, or nothing does."""
        return replace(self, wanted=wanted)

    def announced(self, now: float) -> "Delay":
        """The system is about to sleep; a second announcement of the same sleep gives no more time."""
        return self if self.sleeping(now) else replace(self, announced_s=now)

    def awake(self) -> "Delay":
        """The system slept, or thought better of it."""
        return replace(self, announced_s=None)

    def sleeping(self, now: float) -> bool:
        """Whether a sleep was announced that has not ended."""
        return self.announced_s is not None and now - self.announced_s < SLEEPING_SECONDS_MOST

    def asks(self, now: float) -> bool:
        """Whether to ask the system now to wait; one that is already on its way does not listen."""
        return self.wanted and not self.sleeping(now)

    def holds(self, now: float) -> bool:
        """Whether the system is still to be kept waiting, where it waits."""
        leaving = self.announced_s is not None and now - self.announced_s < LEAVING_SECONDS_MOST
        return self.wanted and (leaving or not self.sleeping(now))

    def due_s(self, now: float) -> float | None:
        """The monotonic moment at which `holds` or `sleeping` changes by itself; None when only events change them."""
        if self.announced_s is None or not self.sleeping(now):
            return None
        return self.announced_s + (LEAVING_SECONDS_MOST if self.holds(now) else SLEEPING_SECONDS_MOST)
