"""Files of the blobs that engines fetch now, to be read from the system's memory without a thread."""

import os
from collections import OrderedDict
from collections.abc import Sequence
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
        if not hasattr(os, "RWF_NOWAIT"):
            return
        with self._lock:
            if name in self._files or self._closed:
                return
            self._files[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._files) > FILES_MOST:
                os.close(self._files.popitem(last=False)[1])

    def read_now(self, name: str, pieces: Sequence[tuple[int, memoryview]]) -> bool:
        """Fills each piece with the bytes at its offset, if all of them are in memory; else they hold anything.

        Does not block.
        """
        if not hasattr(os, "RWF_NOWAIT"):
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
                return all(os.preadv(file, [room], offset, os.RWF_NOWAIT) == len(room) for offset, room in pieces)
            except OSError:
                # Not in memory, or no such reads on this file system: who reads it in a thread hears of real trouble.
                return False

    def close(self) -> None:
        """Closes all; nothing is kept any more."""
        with self._lock:
            self._closed = True
            while self._files:
                os.close(self._files.popitem()[1])
