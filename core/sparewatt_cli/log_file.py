"""The engine's log: written by the engine in the background, read from its end here."""

from pathlib import Path
from typing import Final

from sparewatt.errors import StorageError

# Enough for the longest request of lines; a log file is at most this long by its rotation.
READ_BYTES_MOST: Final = 8 * 2**20
ROTATE_BYTES: Final = 2 * 2**20


def last_lines(log: Path, count: int) -> list[str]:
    """The last `count` lines of `log`; none when there is no log.

    Raises:
        StorageError: ``file.unreadable``.
    """
    try:
        with log.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, size - READ_BYTES_MOST))
            lines = opened.read(READ_BYTES_MOST).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError("file.unreadable", path=str(log), reason=error.strerror or "") from error
    return lines[-count:]


def rotate(log: Path) -> None:
    """Before an engine starts: put a log that has grown long aside, where it replaces the one before.

    Raises:
        StorageError: ``file.unwritable``.
    """
    try:
        if log.exists() and log.stat().st_size > ROTATE_BYTES:
            log.replace(log.with_suffix(".log.1"))
    except OSError as error:
        raise StorageError("file.unwritable", path=str(log), reason=error.strerror or "") from error
