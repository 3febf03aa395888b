"""The micro-batch that a device was found to take with a model, kept in its work folder for its next worker."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

import msgspec

from sparewatt.durable import replace_file, storage_errors
from sparewatt.plain_json import Unreadable, decoded

FILE: Final = "micro-batch.json"
# Nothing keeps a computer from going through many runs; the oldest are found again when they are needed.
ENTRIES_MOST: Final = 16
_FILE_BYTES_MOST: Final = 16 * 1024

Size = Annotated[int, msgspec.Meta(ge=1, le=65_536)]


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    key: what it was found for, as `key` says.
    sequences: where the search ended; `sequences_most` is what memory allowed.
    """

    key: str
    sequences: Size
    sequences_most: Size


def key(device_name: str, *of: object) -> str:
    """A name for a device with all that a micro-batch depends on."""
    return hashlib.sha256(msgspec.json.encode((device_name, of))).hexdigest()


def recall(work_folder: Path, wanted: str) -> Remembered | None:
    """What is remembered under `wanted`; a file that cannot be read is none."""
    return next((each for each in _all(work_folder) if each.key == wanted), None)


def remember(work_folder: Path, found: Remembered) -> None:
    """Keep `found` in the place of what was there under its key.

    Raises:
        StorageError: ``storage.full``, ``storage.unusable``.
    """
    before = _all(work_folder)
    if found in before:
        return
    others = [each for each in before if each.key != found.key]
    with storage_errors(work_folder):
        replace_file(work_folder / FILE, msgspec.json.encode([*others, found][-ENTRIES_MOST:]))


def _all(work_folder: Path) -> tuple[Remembered, ...]:
    try:
        with (work_folder / FILE).open("rb") as file:
            return decoded(file.read(_FILE_BYTES_MOST), tuple[Remembered, ...])
    except (OSError, Unreadable):
        # It only saves a search.
        return ()
