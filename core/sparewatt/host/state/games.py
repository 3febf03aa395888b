"""What plays now: the values, and how several sources are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sparewatt.host.unknown import Unknown


@dataclass(frozen=True)
class Player:
    """A program that plays or fills the screen.

    Attributes:
        pid: its process; None where only a number of games is known.
        name: for the person's own screen.
    """

    pid: int | None
    name: str


class GameSource(Protocol):
    def read(self) -> tuple[Player, ...] | Unknown: ...


@dataclass
class AllGames:
    """Everything that any source knows of; unknown only where none can tell."""

    sources: Sequence[GameSource]
    none: str

    def read(self) -> tuple[Player, ...] | Unknown:
        found = [source.read() for source in self.sources]
        known = [players for players in found if not isinstance(players, Unknown)]
        if not known:
            return next((each for each in found if isinstance(each, Unknown)), Unknown(self.none))
        distinct: dict[int | None, Player] = {}
        for players in known:
            for player in players:
                distinct.setdefault(player.pid, player)
        return tuple(distinct.values())
