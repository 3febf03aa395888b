"""A device's residual around the encoding of one update."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sparewatt.numeric.residual import MISSED_MOST, Residual
from sparewatt.process.memory import Area
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import (
    RESIDUAL_BYTES_PER_COORDINATE,
    RESIDUAL_HEADER_BYTES,
    ResidualMark,
    begin_residual,
    end_residual,
    residual_base,
    residual_mark,
)
from sparewatt.worker.residual_file import NAME, outdated


@contextmanager
def residual_for(area: Area | None, codec: CodecSpec, base: VersionId, work_folder: Path) -> Iterator[Residual | None]:
    """The residual to encode an update from `base` with; None where the codec keeps none.

    Left without an error, it is what that update left out. Left by an error, or by a kill, it is forgotten, and so is
    what the work folder has of it.

    Raises:
        IntegrityError: ``weights.size``.
        StorageError: ``storage.unusable``.
    """
    if area is None or codec.error_feedback == "none":
        yield None
        return
    memory = area.view
    before = residual_base(memory)
    numbers = memory[RESIDUAL_HEADER_BYTES:]
    missed = 1
    if before is not None and before[0] == base.branch and 0 <= base.number - before[1] <= MISSED_MOST:
        missed = max(1, base.number - before[1])
    else:
        np.frombuffer(numbers, dtype=np.uint8)[:] = 0
    outdated(work_folder / NAME)
    begin_residual(memory)
    yield Residual(numbers, len(numbers) // RESIDUAL_BYTES_PER_COORDINATE, codec.decay_micro, missed)
    end_residual(memory, base)


def forget_older(area: Area | None, than: ResidualMark | None) -> None:
    """Forget a residual of a generation before `than`: whatever brought it there, it was sent once already."""
    found = None if area is None else residual_mark(area.view)
    if area is not None and found is not None and than is not None and found.generation < than.generation:
        begin_residual(area.view)
