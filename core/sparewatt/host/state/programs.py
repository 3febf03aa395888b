"""Which programs of the person's own list run now."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

import psutil

# A program may replace itself by another under the same number (a launcher by a game), so what is young is looked at
# again, and everything once in a while.
YOUNG_SECONDS: Final = 20.0
ALL_AGAIN_SECONDS: Final = 60.0


def process_name(pid: int) -> str:
    """The name of a running process; empty where there is none or it may not be known."""
    try:
        return psutil.Process(pid).name()
    except (psutil.Error, OSError):
        return ""


def plain_name(name: str) -> str:
    """What is compared: neither case nor Windows' ending tells programs apart for a person."""
    return name.casefold().strip().removesuffix(".exe")


@dataclass
class ProgramWatch:
    """Looks for programs by name; keeps nothing but which number had which name a moment ago.

    Attributes:
        listed: the person's list; only its own words are ever returned.
    """

    monotonic: Callable[[], float]
    listed: Collection[str] = ()
    pids: Callable[[], list[int]] = psutil.pids
    name_of: Callable[[int], str] = process_name
    _seen: dict[int, tuple[float, str]] = field(default_factory=dict)
    _all_s: float = 0.0

    def read(self) -> tuple[str, ...]:
        if not self.listed:
            self._seen.clear()
            return ()
        now = self.monotonic()
        if now >= self._all_s:
            self._seen.clear()
            self._all_s = now + ALL_AGAIN_SECONDS
        seen: dict[int, tuple[float, str]] = {}
        for pid in self.pids():
            since_s, name = self._seen.get(pid, (now, ""))
            if now - since_s <= YOUNG_SECONDS:
                name = plain_name(self.name_of(pid))
            seen[pid] = (since_s, name)
        self._seen = seen
        running = {name for _, name in seen.values()}
        return tuple(sorted(word for word in set(self.listed) if plain_name(word) in running))
