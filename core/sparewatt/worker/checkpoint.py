"""A checkpoint: an unfinished assignment with all that its next inner step depends on.

Three arrays of fp32 in flat order follow the header: the weights, and the first and the second moment of AdamW. With
the assignment's data and its base they make the rest of it the same, to the bit on a CPU, as if it had never stopped.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from sparewatt.errors import IntegrityError
from sparewatt.work.bounds import Count, Identifier, Positive, Sha256
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.areas import ResidualMark, TrainedMark
from sparewatt.worker.kept_file import KeptFormat

_ARRAYS: Final = 3
_FLOAT_BYTES: Final = 4
_PASSED_BYTES: Final = 1 << 22
# A keyframe and the longest chain of patches that an engine keeps.
WAY_MOST: Final = 129


class CheckpointHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint holds.

    Attributes:
        base: the version that was trained from.
        way: blobs that make the base: a keyframe, then patches; empty where that is not known.
        inner_steps: completed.
        tokens, loss_first_micro, loss_last_micro, train_milliseconds: of those, for the update.
        seed: of the assignment.
        next_sequence: place in the assignment's order of the first sequence that is not trained.
        micro_batch_sequences: into such pieces the batch was cut; another cut sums gradients in another order.
        optimiser_steps: AdamW's own count.
        coordinates: of each array.
        residual: of the device; None where the codec keeps none, or none was there.
    """

    run: Sha256
    assignment_id: Identifier
    base: VersionId
    way: Annotated[tuple[BlobRef, ...], msgspec.Meta(max_length=WAY_MOST)]
    inner_steps: Positive
    tokens: Positive
    loss_first_micro: int
    loss_last_micro: int
    train_milliseconds: Count
    seed: Count
    next_sequence: Positive
    micro_batch_sequences: Positive
    optimiser_steps: Count
    coordinates: Positive
    residual: ResidualMark | None = None

    @property
    def mark(self) -> TrainedMark:
        """The header as the trainable area says it."""
        return TrainedMark(
            self.assignment_id,
            self.inner_steps,
            self.tokens,
            self.loss_first_micro,
            self.loss_last_micro,
            self.train_milliseconds,
        )


CHECKPOINT: Final = KeptFormat(b"SPWCKPNT", 1, CheckpointHeader)


def checkpoint_bytes(coordinates: int) -> int:
    """What a checkpoint of a model with so many parameters takes on the disk, at most."""
    return CHECKPOINT.bytes_on_disk(_ARRAYS * _FLOAT_BYTES * coordinates)


def read_weights(path: Path, assignment_id: str, base: VersionId, weights: memoryview) -> TrainedMark:
    """Fill `weights` with those of an assignment's checkpoint, without what only an optimiser needs; what they are.

    Raises:
        StorageError: ``kept.unreadable``.
        IntegrityError: ``kept.damaged``, ``kept.other``.
    """
    header = CHECKPOINT.read_header(path)
    for part, found, wanted in (
        ("assignment", header.assignment_id, assignment_id),
        ("base", header.base, base),
        ("model", _FLOAT_BYTES * header.coordinates, weights.nbytes),
    ):
        if found != wanted:
            raise IntegrityError("kept.other", part=part)
    # The rest is read, since the hash is over all of it, again and again into the same place.
    passed = memoryview(bytearray(min(_PASSED_BYTES, weights.nbytes)))
    left = (_ARRAYS - 1) * weights.nbytes
    places = [passed[: min(len(passed), left - first)] for first in range(0, left, len(passed))]
    return CHECKPOINT.read(path, [weights, *places]).mark


def check_fits(
    header: CheckpointHeader,
    *,
    assignment_id: str,
    base: VersionId,
    seed: int,
    inner_steps: int,
    batch_sequences: int,
    coordinates: int,
) -> None:
    """Whether a checkpoint is of this assignment and this model, and something is left to do.

    Raises:
        IntegrityError: ``kept.other`` with the first part that does not fit.
    """
    expected = {
        "assignment": (header.assignment_id, assignment_id),
        "base": (header.base, base),
        "seed": (header.seed, seed),
        "position": (header.next_sequence, header.inner_steps * batch_sequences),
        "model": (header.coordinates, coordinates),
    }
    wrong = [part for part, (found, wanted) in expected.items() if found != wanted]
    if header.inner_steps >= inner_steps:
        wrong.append("steps")
    if wrong:
        raise IntegrityError("kept.other", part=wrong[0])
