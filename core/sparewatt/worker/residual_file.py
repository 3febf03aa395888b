"""A device's residual on the disk, for as long as it is the newest: whoever changes it removes the file first.

So a file that is there is never an older residual, and after a crash in between there is none.
"""

from pathlib import Path
from typing import Final

import msgspec

from sparewatt.durable import remove_file, storage_errors
from sparewatt.errors import IntegrityError, SparewattError
from sparewatt.work.bounds import Positive, Sha256
from sparewatt.worker.areas import (
    RESIDUAL_BYTES_PER_COORDINATE,
    RESIDUAL_HEADER_BYTES,
    ResidualMark,
    residual_mark,
    restore_residual,
)
from sparewatt.worker.kept_file import KeptFormat


class ResidualHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose residual follows, of so many coordinates, 2 bytes each (bfloat16)."""

    run: Sha256
    device: str
    mark: ResidualMark
    coordinates: Positive


RESIDUAL: Final = KeptFormat(b"SPWRESID", 1, ResidualHeader)
NAME: Final = "residual"


def residual_bytes(coordinates: int) -> int:
    """What a residual of so many coordinates takes on the disk, at most."""
    return RESIDUAL.bytes_on_disk(RESIDUAL_BYTES_PER_COORDINATE * coordinates)


def keep_residual(path: Path, run: str, device: str, area: memoryview) -> int:
    """Write what the area holds; the bytes written, 0 when it holds nothing whole or the file is there already.

    Raises:
        StorageError: ``storage.full``, ``storage.unusable``.
    """
    mark = residual_mark(area)
    if mark is None:
        return 0
    numbers = area[RESIDUAL_HEADER_BYTES:]
    header = ResidualHeader(run, device, mark, len(numbers) // RESIDUAL_BYTES_PER_COORDINATE)
    if _says(path, header):
        return 0
    return RESIDUAL.write(path, header, [numbers])


def _says(path: Path, header: ResidualHeader) -> bool:
    try:
        return RESIDUAL.read_header(path) == header
    except SparewattError:
        return False


def take_residual(path: Path, run: str, device: str, area: memoryview) -> ResidualMark | None:
    """Fill a fresh area from the file; None when there is none, or it is another run's or device's.

    Raises:
        StorageError: ``kept.unreadable``.
        IntegrityError: ``kept.damaged``. The area holds no residual then.
    """
    if not path.exists():
        return None
    numbers = area[RESIDUAL_HEADER_BYTES:]
    header = RESIDUAL.read_header(path)
    if (header.run, header.device) != (run, device):
        return None
    if header.coordinates * RESIDUAL_BYTES_PER_COORDINATE != len(numbers):
        raise IntegrityError("kept.damaged", part="coordinates")
    RESIDUAL.read(path, [numbers])
    restore_residual(area, header.mark)
    return header.mark


def outdated(path: Path) -> None:
    """The residual is about to change: what the disk has of it goes first.

    Raises:
        StorageError: ``storage.unusable``.
    """
    with storage_errors(path.parent):
        remove_file(path)
