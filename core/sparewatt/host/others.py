"""How much of a card's memory other programs hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

# A container may not be shown any process; then whoever holds more than a driver's own share is not known.
_UNLISTED_MOST_BYTES: Final = 512 * 1024 * 1024


@dataclass(frozen=True)
class Holder:
    """A process with memory on a card; `held_bytes` None where the system does not tell (Windows' usual driver)."""

    pid: int
    held_bytes: int | None


# Whether a process is ours; None where there is no process of that number to be seen.
IsOwn = Callable[[int], bool | None]


def memory_of_others(used_bytes: int, holders: Sequence[Holder], is_own: IsOwn) -> int | None:
    """What is used without what our own workers hold; None where the two cannot be told apart."""
    if not holders:
        return used_bytes if used_bytes <= _UNLISTED_MOST_BYTES else None
    own_bytes = 0
    for holder in holders:
        own = is_own(holder.pid)
        if own is None:
            return None
        if own:
            if holder.held_bytes is None:
                return None
            own_bytes += holder.held_bytes
    return max(0, used_bytes - own_bytes)


def child_of(parent: int) -> IsOwn:
    """A process is ours when the engine started it, as it starts every worker."""

    def is_own(pid: int) -> bool | None:
        try:
            return psutil.Process(pid).ppid() == parent
        except psutil.NoSuchProcess:
            return None
        except psutil.Error:  # another user's, which ours are not
            return False

    return is_own
