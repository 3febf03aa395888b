"""Cheap validation of an update's payload: what a gateway checks before it accepts."""

from dataclasses import dataclass
from math import isqrt
from typing import BinaryIO, Final

import numpy as np

from sparewatt.numeric.codec import Units, UpdateReader
from sparewatt.numeric.moment_layout import NUMBER_BYTES
from sparewatt.numeric.moments import check_numbers
from sparewatt.numeric.update_blocks import Sparse
from sparewatt.work.manifest import CodecSpec

# A coordinate below 2**36 is split in two halves, whose squares and products sum up exactly in int64.
_HALF_BITS: Final = 18


@dataclass(frozen=True)
class UpdateFacts:
    """What a well-formed payload says, in units of 2**-36.

    Attributes:
        norm_units: L2 norm, rounded down.
        largest_units: largest coordinate in size.
        nonzero: coordinates that are not zero.
    """

    coordinates: int
    norm_units: int
    largest_units: int
    nonzero: int


def validate_update(source: BinaryIO, codec: CodecSpec, coordinates: int, moment_numbers: int = 0) -> UpdateFacts:
    """Read a whole payload, a block at a time (about 8 MiB of memory), and state what it holds.

    Args:
        moment_numbers: of second moments, which stand behind the blocks where the run shares them.

    Raises:
        IntegrityError: ``update.malformed``, ``update.coordinates``, ``update.not_finite``, ``update.too_large``,
            ``moments.malformed``.
    """
    reader = UpdateReader(source, codec, coordinates, NUMBER_BYTES * moment_numbers)
    check_numbers(reader.moments, moment_numbers)
    squares = largest = nonzero = 0
    for index in range(reader.blocks):
        found = reader.read(index)
        block = found.units if isinstance(found, Sparse) else found
        squares += sum_of_squares(block)
        largest = max(largest, int(np.abs(block).max()))
        nonzero += int(np.count_nonzero(block))
    return UpdateFacts(coordinates, isqrt(squares), largest, nonzero)


def sum_of_squares(units: Units) -> int:
    """Exact sum of squares of at most 2**18 integers below 2**36 in size, in any order."""
    high, low = units >> _HALF_BITS, units & ((1 << _HALF_BITS) - 1)
    return (
        (int(np.dot(high, high)) << 2 * _HALF_BITS) + (int(np.dot(high, low)) << _HALF_BITS + 1) + int(np.dot(low, low))
    )
