"""The file that keeps the person's settings.

Whoever opens a store for writing holds the engine's lock of the data folder (`sparewatt.host.lock`): a running
engine is the only writer, and without one the command line writes under the same lock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from sparewatt.errors import ConflictError, InputError, SparewattError, StorageError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.settings.files import write_whole
from sparewatt.settings.values import VALUES_MOST, Settings, option_at

SETTINGS_FILE: Final = "settings.json"
SCHEMA_VERSION: Final = 1
FILE_BYTES_MOST: Final = 256 * 1024
# More changes than anybody makes, and a number that every reader of JSON can hold.
REVISION_MOST: Final = 2**53

Texts = dict[str, str]
# From a schema version to the next. A step may rename, drop or rewrite values, never refuse.
MIGRATIONS: Final[Mapping[int, Callable[[Texts], Texts]]] = MappingProxyType({})


class _File(msgspec.Struct, frozen=True):
    schema: int
    revision: int
    values: Texts


@dataclass(frozen=True)
class Quarantined:
    """The file could not be used as it was; it is kept at `path`, and only what could be read counts.

    Attributes:
        dropped: addresses of the values that were lost; empty when the file as a whole could not be read.
    """

    path: Path
    dropped: tuple[str, ...]


# More names would not fit into a sentence; the file that is kept aside has them all.
DROPPED_SHOWN: Final = 10


def quarantine_error(quarantined: Quarantined | None) -> StorageError | None:
    """What there is to tell the person: ``settings.damaged``, or ``settings.dropped`` with the names of the values."""
    if quarantined is None:
        return None
    path = str(quarantined.path)
    if not quarantined.dropped:
        return StorageError("settings.damaged", path=path)
    keys = ", ".join(each[:60] for each in quarantined.dropped[:DROPPED_SHOWN])
    return StorageError("settings.dropped", path=path, keys=keys)


class SettingsStore:
    """Reads the settings once, then holds and saves them.

    Args:
        hold_newer: begin although a newer version wrote the file. Its limits cannot be known, so the settings are then
            `Settings.unknown`; the file is left as it is, and every change is refused with `newer`.

    Attributes:
        quarantined: what was wrong with the file when it was opened, or None.
        newer: ``settings.newer`` where the file is held, or None.

    Raises:
        InputError: ``settings.newer`` unless the file is to be held.
        StorageError: ``settings.read`` or ``settings.write``.
    """

    def __init__(self, folder: Path, *, hold_newer: bool = False) -> None:
        self._path = folder / SETTINGS_FILE
        self.newer: InputError | None = None
        self._hold_newer = hold_newer
        self._settings, self.quarantined = self._load()

    @property
    def trouble(self) -> SparewattError | None:
        """What there is to tell the person about their file, or None."""
        return self.newer or quarantine_error(self.quarantined)

    @property
    def settings(self) -> Settings:
        return self._settings

    def set(self, revision: int, address: str, text: str) -> Settings:
        """Set one value; the settings are saved when this returns. Setting the value it has changes nothing.

        Raises:
            ConflictError: ``settings.revision`` when `revision` is not the current one.
            InputError: ``settings.unknown``, ``settings.value``, ``settings.hours``, ``settings.too_many``,
                ``settings.newer``.
            StorageError: ``settings.write``; then nothing has changed.
        """
        return self._save(revision, self._settings.changed(address, text))

    def reset(self, revision: int, address: str) -> Settings:
        """Set one value back to its default; errors as of `set`."""
        return self._save(revision, self._settings.reset(address))

    def _save(self, revision: int, changed: Settings) -> Settings:
        if self.newer is not None:
            raise self.newer
        if revision != self._settings.revision:
            raise ConflictError("settings.revision", seen=revision, current=self._settings.revision)
        if changed.texts == self._settings.texts:
            return self._settings
        file = _File(SCHEMA_VERSION, changed.revision, dict(sorted(changed.texts.items())))
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
        self._settings = changed
        return changed

    def _load(self) -> tuple[Settings, Quarantined | None]:
        try:
            with self._path.open("rb") as opened:
                data = opened.read(FILE_BYTES_MOST + 1)
        except FileNotFoundError:
            return Settings(), None
        except OSError as error:
            raise StorageError("settings.read", path=str(self._path), reason=error.strerror or "") from error
        try:
            file = decoded(data, _File)
        except Unreadable:
            return Settings(), self._quarantine(data, ())
        if file.schema > SCHEMA_VERSION:
            newer = InputError("settings.newer", path=str(self._path), schema=min(file.schema, REVISION_MOST))
            if not self._hold_newer:
                raise newer
            self.newer = newer
            return Settings(unknown=True), None
        if file.schema < 1 or not 0 <= file.revision <= REVISION_MOST or len(file.values) > VALUES_MOST:
            return Settings(), self._quarantine(data, ())
        texts = file.values
        for version in range(file.schema, SCHEMA_VERSION):
            texts = MIGRATIONS[version](texts)
        kept, dropped = _checked(texts)
        settings = Settings(file.revision, MappingProxyType(kept))
        return settings, self._quarantine(data, dropped) if dropped else None

    def _quarantine(self, data: bytes, dropped: tuple[str, ...]) -> Quarantined:
        # One file, overwritten by the next: a disk must not fill with them.
        path = self._path.with_name(f"{self._path.name}.damaged")
        write_whole(path, data)
        return Quarantined(path, dropped)


def _checked(texts: Texts) -> tuple[Texts, tuple[str, ...]]:
    kept: Texts = {}
    dropped: list[str] = []
    for address, text in texts.items():
        try:
            option = option_at(address)
            kept[address] = option.text(option.parse(text))
        except InputError:
            dropped.append(address)
    return kept, tuple(dropped)
