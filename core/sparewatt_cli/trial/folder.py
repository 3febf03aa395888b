"""The throwaway folder of a trial, which is removed even when the trial could not do it itself."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

PREFIX: Final = "sparewatt-try-"
_LOCK: Final = "in-use.lock"


@contextmanager
def throwaway_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new private folder under `parent` (default: the system's temporary folder), gone afterwards.

    A trial that was killed could not remove its own folder. The system released its lock, though, and so the next
    trial knows the folder for a leftover and removes it.
    """
    where = parent if parent is not None else Path(tempfile.gettempdir())
    remove_leftovers(where)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
    try:
        with FileLock(folder / _LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove folders of trials that are gone; those in use and those of other users stay."""
    for folder in parent.glob(PREFIX + "*"):
        lock = folder / _LOCK
        try:
            # A folder without its lock is only just being made, or not ours to judge.
            if folder.is_symlink() or not lock.is_file():
                continue
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
