"""The memory that a worker and its engine share; it is the engine's and outlives every worker.

The *base* area is a version's weights and nothing else, so that the engine can hash it as it lies. The *trainable*
area begins with a header that says what its weights are:

    offset  size  field
         0     8  sequence: odd while weights are being copied in
         8     8  inner_steps completed
        16     8  tokens trained
        24    16  assignment id
        40     8  loss of the first inner step, 1e-6
        48     8  loss of the last completed one
        56     4  milliseconds of training
        60     4  CRC-32 of bytes 0 … 59

A worker trains on weights of its own and copies them here between two inner steps; it does not train here, because a
kill in the middle of an optimiser step would leave weights of two steps mixed, and nothing would show it. For 0.8 M
parameters on one core the copy takes 0.1 ms and an inner step of 2,048 tokens 210 ms (41 M: 18 ms). Two alternating
copies would save the work even when a kill falls into the 0.05 % of the time that is spent copying, but take twice the
memory.

With error feedback a third area, *residual*, keeps what updates left out (`numeric.residual`), behind a header:

    offset  size  field
         0     8  sequence: odd while the residual is being changed
         8     8  branch of the last update's base
        16     8  its number
        24    36  zero
        60     4  CRC-32 of bytes 0 … 59

A residual whose change was cut off, or that belongs to another branch, is forgotten: never is an older one taken.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from sparewatt.permit import PERMIT_BYTES
from sparewatt.process.memory import Area, create
from sparewatt.work.bounds import Count, Positive
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.work.version import VersionId

TRAINABLE_HEADER_BYTES: Final = 64
RESIDUAL_HEADER_BYTES: Final = 64
RESIDUAL_BYTES_PER_COORDINATE: Final = 2

_FIELDS: Final = struct.Struct("<QQQ16sqqI")
_RESIDUAL_FIELDS: Final = struct.Struct("<QQQ36x")
_CHECK: Final = struct.Struct("<I")


@dataclass(frozen=True)
class WorkerAreas:
    """The areas of one device; `residual` only where the run's codec has error feedback."""

    base: Area
    trainable: Area
    permit: Area
    residual: Area | None = None

    @property
    def all(self) -> tuple[Area, ...]:
        return (self.base, self.trainable, self.permit, *(() if self.residual is None else (self.residual,)))

    @property
    def descriptors(self) -> tuple[int, ...]:
        return tuple(descriptor for area in self.all for descriptor in area.descriptors)

    def close(self) -> None:
        for area in self.all:
            area.close()


@dataclass(frozen=True)
class TrainedMark:
    """What the weights in a trainable area are: those of `assignment_id` after `inner_steps`.

    The rest is what an update has to say of them.
    """

    assignment_id: str
    inner_steps: int
    tokens: int
    loss_first_micro: int = 0
    loss_last_micro: int = 0
    train_milliseconds: int = 0


class ResidualMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which residual a device has: that of its last update, trained from version `number` of `branch`.

    Attributes:
        generation: grows with every update; of two residuals of one device the larger is the newer.
    """

    branch: Count
    number: Count
    generation: Positive


def create_areas(spec: ModelSpec, codec: CodecSpec, residual: Area | None = None) -> WorkerAreas:
    """Areas for a model of `spec` whose updates are written by `codec`, zeroed.

    Args:
        residual: of the same model and codec, where one was kept.

    Raises:
        StorageError: ``area.create``.
        IntegrityError: as `work.model.tensors`.
    """
    coordinates = parameter_count(spec)
    weights_bytes = 4 * coordinates
    feedback = codec.error_feedback == "decay"
    if feedback and residual is None:
        residual = create(RESIDUAL_HEADER_BYTES + RESIDUAL_BYTES_PER_COORDINATE * coordinates)
    return WorkerAreas(
        base=create(weights_bytes),
        trainable=create(TRAINABLE_HEADER_BYTES + weights_bytes),
        permit=create(PERMIT_BYTES),
        residual=residual if feedback else None,
    )


def read_mark(trainable: memoryview) -> TrainedMark | None:
    """What the area holds; None when nothing, or a copy that was not completed."""
    header = bytes(trainable[:TRAINABLE_HEADER_BYTES])
    sequence, inner_steps, tokens, assignment, loss_first, loss_last, milliseconds = _FIELDS.unpack_from(header)
    (check,) = _CHECK.unpack_from(header, _FIELDS.size)
    if sequence == 0 or sequence % 2 or check != zlib.crc32(header[: _FIELDS.size]):
        return None
    return TrainedMark(
        assignment_id=assignment.hex(),
        inner_steps=inner_steps,
        tokens=tokens,
        loss_first_micro=loss_first,
        loss_last_micro=loss_last,
        train_milliseconds=milliseconds,
    )


def forget(trainable: memoryview) -> None:
    """Make the area hold nothing: what it held was trained from another base than the next version."""
    trainable[:TRAINABLE_HEADER_BYTES] = bytes(TRAINABLE_HEADER_BYTES)


def begin_copy(trainable: memoryview) -> None:
    """Mark the area as being written."""
    (sequence,) = struct.unpack_from("<Q", trainable)
    struct.pack_into("<Q", trainable, 0, sequence + 1 + sequence % 2)


def end_copy(trainable: memoryview, mark: TrainedMark) -> None:
    """Mark the area as holding what `mark` says; follows `begin_copy`."""
    (sequence,) = struct.unpack_from("<Q", trainable)
    assignment = bytes.fromhex(mark.assignment_id)
    fields = _FIELDS.pack(
        sequence + 1,
        mark.inner_steps,
        mark.tokens,
        assignment,
        mark.loss_first_micro,
        mark.loss_last_micro,
        min(mark.train_milliseconds, 2**32 - 1),
    )
    check = _CHECK.pack(zlib.crc32(fields))
    # The sequence goes last: until it is even again, the header is that of an unfinished copy.
    trainable[8:TRAINABLE_HEADER_BYTES] = (fields + check)[8:]
    trainable[:8] = fields[:8]


def residual_base(residual: memoryview) -> tuple[int, int] | None:
    """Branch and number of the version that the residual's last update was trained from; None when it holds none."""
    header = bytes(residual[:RESIDUAL_HEADER_BYTES])
    sequence, branch, number = _RESIDUAL_FIELDS.unpack_from(header)
    (check,) = _CHECK.unpack_from(header, _RESIDUAL_FIELDS.size)
    if sequence == 0 or sequence % 2 or check != zlib.crc32(header[: _RESIDUAL_FIELDS.size]):
        return None
    return branch, number


def residual_mark(residual: memoryview) -> ResidualMark | None:
    """Which residual the area holds; None when none that is whole."""
    base = residual_base(residual)
    if base is None:
        return None
    (sequence,) = struct.unpack_from("<Q", residual)
    return ResidualMark(branch=base[0], number=base[1], generation=sequence // 2)


def restore_residual(residual: memoryview, mark: ResidualMark) -> None:
    """Mark the numbers behind the header, which were just read, as the residual `mark`."""
    _end_residual(residual, 2 * mark.generation, mark.branch, mark.number)


def begin_residual(residual: memoryview) -> None:
    """Mark the residual as being changed."""
    (sequence,) = struct.unpack_from("<Q", residual)
    struct.pack_into("<Q", residual, 0, sequence + 1 + sequence % 2)


def end_residual(residual: memoryview, base: VersionId) -> None:
    """Mark the residual as what is left after an update trained from `base`; follows `begin_residual`."""
    (sequence,) = struct.unpack_from("<Q", residual)
    _end_residual(residual, sequence + 1, base.branch, base.number)


def _end_residual(residual: memoryview, sequence: int, branch: int, number: int) -> None:
    fields = _RESIDUAL_FIELDS.pack(sequence, branch, number)
    residual[8:RESIDUAL_HEADER_BYTES] = (fields + _CHECK.pack(zlib.crc32(fields)))[8:]
    residual[:8] = fields[:8]
