"""Files of the blobs that engines fetch now, to be read from the system's memory without a thread."""

import os
import sys
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Final

FILES_MOST: Final = 8


class HotFiles:
    """Keeps the files that were read last open. Safe to use from several threads.

    A file that was deleted is noticed and closed at its next reading; until then, or until other files take its place,
    the disk keeps its bytes. Where the system cannot say that a read would wait for the disk, nothing is ever kept.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()
        self._closed = False

    def keep(self, name: str, path: Path) -> None:
        """Opens a file for `read_now`; blocks. FileNotFoundError or another OSError when it cannot."""
        if sys.platform != "linux":
            return
        with self._lock:
            if name in self._files:
                return
        file = os.open(path, os.O_RDONLY)
        with self._lock:
            if self._closed or name in self._files:
                os.close(file)
                return
            self._files[name] = file
            if len(self._files) > FILES_MOST:
                os.close(self._files.popitem(last=False)[1])

    def read_now(self, name: str, offset: int, room: memoryview) -> bool:
        """Fills the room with the bytes at the offset, if all of them are in memory; else it holds anything.

        Does not block.
        """
        if sys.platform != "linux":
            return False
        with self._lock:
            file = self._files.get(name)
            if file is None:
                return False
            self._files.move_to_end(name)
            if not os.fstat(file).st_nlink:
                os.close(self._files.pop(name))
                return False
            try:
                return os.preadv(file, [room], offset, os.RWF_NOWAIT) == len(room)
            except OSError:
                # Not in memory, or no such reads on this file system: who reads it in a thread hears of real trouble.
                return False

    def close(self) -> None:
        """Closes all; nothing is kept any more."""
        with self._lock:
            self._closed = True
            while self._files:
                os.close(self._files.popitem()[1])
