"""The file that keeps what the person wants just now, so that a restart does not undo a pause."""

from pathlib import Path
from typing import Final

import msgspec

from sparewatt.errors import StorageError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.settings.files import write_whole
from sparewatt.settings.intents import Intents

INTENTS_FILE: Final = "intents.json"


class IntentsStore:
    """Keeps the intents in a file of the data folder, under the engine's lock as the settings are.

    A file that cannot be read counts as a pause until the person resumes: their last word may have been "stop".

    Raises:
        StorageError: ``settings.read``.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / INTENTS_FILE
        self._intents = self._load()

    @property
    def intents(self) -> Intents:
        return self._intents

    def set(self, intents: Intents) -> None:
        """Keep new intents.

        Raises:
            StorageError: ``settings.write``; the new intents hold nevertheless, until the engine ends.
        """
        self.hold(intents)
        self.save()

    def hold(self, intents: Intents) -> None:
        """From now on these hold; `save` makes them outlive the engine."""
        self._intents = intents

    def save(self) -> None:
        """Keep what holds now. Blocking.

        Raises:
            StorageError: ``settings.write``.
        """
        write_whole(self._path, msgspec.json.encode(self._intents))

    def _load(self) -> Intents:
        try:
            with self._path.open("rb") as opened:
                data = opened.read(4096)
        except FileNotFoundError:
            return Intents()
        except OSError as error:
            raise StorageError("settings.read", path=str(self._path), reason=error.strerror or "") from error
        try:
            return decoded(data, Intents)
        except Unreadable:
            return Intents(paused_until_unix_s=0)
