"""Starting the engine so that it outlives a desktop that crashes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

from sparewatt.errors import StorageError, UnavailableError
from sparewatt_desktop.platform.place import Place

LAST_BYTES: Final = 4_096
LAST_WORDS_MOST: Final = 200


class EngineStarter(Protocol):
    """Starts the engine of one data folder."""

    def start(self) -> None:
        """Begin to start it; returns at once.

        Raises:
            StorageError: ``storage.unusable`` when its folder cannot be made.
            UnavailableError: ``child.start`` when the system starts no program.
        """
        ...

    def ended(self) -> str | None:
        """The last words of a started engine that has ended; None while it runs, or when none was started."""
        ...


class EngineProcess:
    """The engine as ``python -m sparewatt.engine --desktop``.

    Args:
        arguments: further options of the engine.
    """

    def __init__(self, place: Place, arguments: tuple[str, ...] = ()) -> None:
        self._place = place
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._place.start_log
        folder = str(self._place.data_folder)
        command = [sys.executable, "-P", "-m", "sparewatt.engine", "--data-folder", folder, "--desktop"]
        try:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened = log.open("wb")
        except OSError as error:
            raise StorageError("storage.unusable", folder=folder, code=error.errno or 0) from error
        with opened:
            try:
                self._process = subprocess.Popen(
                    [*command, *self._arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=opened,
                    stderr=opened,
                    start_new_session=sys.platform != "win32",
                    creationflags=_detached_flags(),
                )
            except OSError as error:
                raise UnavailableError("child.start", program="engine", number=error.errno or 0) from error

    def ended(self) -> str | None:
        process = self._process
        if process is None or process.poll() is None:
            return None
        self._process = None
        return last_words(self._place.start_log) or f"exit code {process.returncode}"


def last_words(log: Path) -> str:
    """The last line that was written to a log, as far as it can be read."""
    try:
        with log.open("rb") as opened:
            opened.seek(0, os.SEEK_END)
            opened.seek(max(0, opened.tell() - LAST_BYTES))
            lines = opened.read(LAST_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:LAST_WORDS_MOST] for line in reversed(lines) if line.strip()), "")


def _detached_flags() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
