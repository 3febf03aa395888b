"""What memory and disk have left."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Room:
    """Bytes; None is unknown."""

    memory_available_bytes: int | None
    disk_free_bytes: int | None


@dataclass
class RoomReader:
    """Attributes:
    folder: the data folder, whose disk is watched; it need not exist yet. A network disk may hang.
    """

    folder: Path

    def read(self) -> Room:
        return Room(psutil.virtual_memory().available, disk_free_bytes(self.folder))


def disk_free_bytes(folder: Path) -> int | None:
    """Free space for this user on the disk that holds `folder`, or would hold it."""
    for existing in (folder, *folder.parents):
        try:
            return shutil.disk_usage(existing).free
        except FileNotFoundError:
            continue
        except OSError:  # a network disk that is away, for one
            return None
    return None
