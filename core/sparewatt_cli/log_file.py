"""The engine's log, read from its end; the engine writes and rotates it."""

from pathlib import Path
from typing import Final

from sparewatt.errors import StorageError

# More than the engine lets a log grow to before it rotates it.
READ_BYTES_MOST: Final = 8 * 2**20


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


def last_words(log: Path) -> str:
    """The last line of `log` that has a letter in it, at most 200 characters; empty where there is none.

    A traceback ends with what went wrong, but one of a group of errors puts a frame of lines around it.
    """
    try:
        lines = last_lines(log, 50)
    except StorageError:
        return ""
    return next((line.strip(" |+-")[:200] for line in reversed(lines) if any(map(str.isalpha, line))), "")
