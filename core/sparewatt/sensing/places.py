"""Which device each playing program uses, as far as it was found out; asked a few times, then left unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

# A game has no context on its card in its first seconds, while it loads.
ASK_TIMES: Final = 4
ASK_AGAIN_S: Final = 10.0


@dataclass(frozen=True)
class _Place:
    device: str | None = None
    times: int = 0
    again_s: float = 0.0
    met_s: float = 0.0


@dataclass(frozen=True)
class Places:
    """Attributes:
    now: the moment of the reading that is being made.
    places: process number → what is known; numbers that no reading named any more are forgotten.
    """

    now: float = 0.0
    places: Mapping[int, _Place] = field(default_factory=lambda: MappingProxyType({}))

    def begun(self, now: float) -> "Places":
        """A reading begins at `now`."""
        kept = {pid: place for pid, place in self.places.items() if place.met_s == self.now}
        return Places(now, MappingProxyType(kept))

    def met(self, pid: int) -> "Places":
        """This reading names the program."""
        return self._with(pid, self.places.get(pid, _Place()))

    def unknown(self, pid: int) -> bool:
        """Whether it is time to find out about a program."""
        place = self.places.get(pid, _Place())
        return place.device is None and place.times < ASK_TIMES and self.now >= place.again_s

    def asked(self, pid: int, device: str | None) -> "Places":
        """What was found out."""
        place = self.places.get(pid, _Place())
        return self._with(pid, replace(place, device=device, times=place.times + 1, again_s=self.now + ASK_AGAIN_S))

    def of(self, pid: int) -> str | None:
        """The device of a program."""
        return self.places.get(pid, _Place()).device

    def _with(self, pid: int, place: _Place) -> "Places":
        return replace(self, places=MappingProxyType({**self.places, pid: replace(place, met_s=self.now)}))
