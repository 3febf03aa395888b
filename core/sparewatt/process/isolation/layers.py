"""The layers of isolation and how strong they are together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

LayerName = Literal["files", "connections", "programs", "privileges"]
Level = Literal["none", "partial", "full"]
# What a person is to know about each: reads and writes · sockets of every kind · starting and touching other
# programs · gaining rights.
LAYERS: Final[tuple[LayerName, ...]] = ("files", "connections", "programs", "privileges")

# Why a process is not kept from other programs where `Room.compiler` says so.
STARTS_PROGRAMS: Final = "it may start a compiler, as the person wants"


@dataclass(frozen=True)
class Room:
    """What an isolated process may still reach.

    Attributes:
        read: files and folders besides the interpreter, its libraries and the system's.
        write: folders that it may also change; each must exist.
        accelerator: whether the driver of a graphics card is needed. Its device files stay open to the process, and it
            may make local sockets, which drivers do for themselves, though it can connect them to nobody.
        keeper: whether it keeps files for others: it may change their times and modes and move them between folders.
        compiler: whether it may start the system's programs, such as a compiler. They get no more than it has itself.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    accelerator: bool = False
    keeper: bool = False
    compiler: bool = False


@dataclass(frozen=True)
class Isolation:
    """Which layers are in force.

    Attributes:
        missing: layer → why it is not, as the system says it.
    """

    in_force: tuple[LayerName, ...]
    missing: tuple[tuple[LayerName, str], ...]

    @property
    def level(self) -> Level:
        if not self.in_force:
            return "none"
        return "partial" if self.missing else "full"

    @property
    def missing_names(self) -> tuple[LayerName, ...]:
        return tuple(name for name, _ in self.missing)


def nothing(reason: str) -> Isolation:
    """No layer at all."""
    return Isolation((), tuple((name, reason) for name in LAYERS))
