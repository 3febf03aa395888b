"""Whether something may be written to the disk that could be left out, within what the person allows a day.

What must be written is written: data, versions, finished updates. What an urgent stop left is written only while the
day's limit allows, since a person who plays often would otherwise wear out their disk with fragments. Checkpoints and
residuals are the largest files of all; they leave a quarter of the day to what must be written, and keep apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Use = Literal["fragment", "residual", "stop", "interval"]

GIGABYTE: Final = 10**9
DAY_SECONDS: Final = 86_400.0
# Least time between two checkpoints: at a stop, and while the work goes on.
STOPS_APART_SECONDS: Final = 600.0
INTERVAL_SECONDS: Final = 1_800.0
_KEPT_SHARE: Final = 0.75


@dataclass(frozen=True)
class Ledger:
    """What was written, of how much.

    Attributes:
        limit_bytes: of a day; None for no limit.
        written_bytes: today, by the local calendar, whichever engine wrote them.
        checkpoint_s: monotonic moment of the last checkpoint of this engine.
    """

    limit_bytes: int | None
    written_bytes: int
    checkpoint_s: float | None = None


def may_write(size: int, ledger: Ledger | None, now: float, use: Use) -> bool:
    """Whether `size` bytes may be written for `use` at monotonic moment `now`.

    Args:
        ledger: None while the account cannot be read: it may be used up, so nothing large is written.
        use: an update of what an urgent stop left; a residual alone; or a checkpoint with its residual, at a stop or at
            intervals.
    """
    if ledger is None:
        return use == "fragment"
    limit = ledger.limit_bytes
    if use == "fragment":
        return limit is None or ledger.written_bytes + size <= limit
    if limit is not None and ledger.written_bytes + size > _KEPT_SHARE * limit:
        return False
    if use == "residual":
        return True
    return ledger.checkpoint_s is None or now - ledger.checkpoint_s >= interval_seconds(size, limit, use)


def interval_seconds(size: int, limit_bytes: int | None, use: Literal["stop", "interval"]) -> float:
    """Time between two checkpoints of `size` bytes: so long that they alone would use up the day's limit, or longer."""
    least = STOPS_APART_SECONDS if use == "stop" else INTERVAL_SECONDS
    return least if not limit_bytes else max(least, size * DAY_SECONDS / limit_bytes)


def unlimited() -> Ledger:
    """The ledger of who has no limit."""
    return Ledger(None, 0)


class DiskWrites:
    """The day's account, shared by all devices.

    Args:
        ledger: as it is now, without moments of checkpoints.
        noted: is told every number of bytes written; adds it to the account.
    """

    def __init__(
        self, ledger: Callable[[], Ledger | None] = unlimited, noted: Callable[[int], None] = lambda _: None
    ) -> None:
        self._ledger = ledger
        self._noted = noted
        self._checkpoint_s: float | None = None

    def wrote(self, size: int) -> None:
        """`size` bytes were written, or are about to be."""
        if size:
            self._noted(size)

    def checkpoint(self, size: int, now: float) -> None:
        """A checkpoint of `size` bytes is begun: it counts, however it ends."""
        self._checkpoint_s = now
        self.wrote(size)

    def may_write(self, size: int, now: float, use: Use) -> bool:
        """As the pure `may_write`."""
        ledger = self._ledger()
        if ledger is not None:
            ledger = Ledger(ledger.limit_bytes, ledger.written_bytes, self._checkpoint_s)
        return may_write(size, ledger, now, use)

    def interval_seconds(self, size: int) -> float:
        """Time between two checkpoints of `size` bytes while the work goes on."""
        ledger = self._ledger()
        return interval_seconds(size, None if ledger is None else ledger.limit_bytes, "interval")
