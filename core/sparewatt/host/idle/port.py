"""What every adapter offers, and how one of them is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sparewatt.host.unknown import Unknown

# A session that had no idle source may get one: the desktop's services start after the engine did.
AGAIN_SECONDS: Final = 60.0


class IdleSource(Protocol):
    """Attributes:
    name: an id whose words are ``wording.sensors.idle_source_words``.
    """

    @property
    def name(self) -> str: ...

    def read(self) -> float | Unknown:
        """Seconds since the last input. May be less than the truth, never more. May block for ever."""
        ...


@dataclass(frozen=True)
class Idle:
    """Attributes:
    seconds: None where no source could say.
    source: name of the source, or the reason why there is none.
    """

    seconds: float | None
    source: str


@dataclass
class FirstOf:
    """The first source that answers, in the given order; the others are not asked while it does.

    Attributes:
        none: the reason when there are no sources at all.
    """

    sources: Sequence[IdleSource]
    monotonic: Callable[[], float]
    none: str
    _again_s: float = 0.0
    _reason: str = ""
    _chosen: IdleSource | None = field(default=None)

    def read(self) -> Idle:
        if self._chosen is not None:
            found = self._chosen.read()
            if not isinstance(found, Unknown):
                return Idle(max(0.0, found), self._chosen.name)
            self._chosen = None
        elif self._reason and self.monotonic() < self._again_s:
            return Idle(None, self._reason)
        return self._choose()

    def _choose(self) -> Idle:
        reasons: list[str] = []
        for source in self.sources:
            found = source.read()
            if not isinstance(found, Unknown):
                self._chosen = source
                return Idle(max(0.0, found), source.name)
            reasons.append(found.reason)
        self._reason = reasons[0] if reasons else self.none
        self._again_s = self.monotonic() + AGAIN_SECONDS
        return Idle(None, self._reason)
