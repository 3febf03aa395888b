"""Sums of many dense updates, as products of matrices that are exact.

A coordinate is code x level of its chunk, so the weighted sum over updates of one chunk is a row of coefficients
(factor x level) times a matrix of codes, which a library for linear algebra forms faster than one pass of integers for
each update. float64 holds integers up to 2**53 exactly, in whatever order they are added and with or without fused
operations: codes have 7 bits, so coefficients that add up to less than 2**46 are taken as they are, and larger ones
(each below 2**49, of a chunk with a coordinate of about 0.1) as two rows of 25 bits each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import CHUNK_COORDINATES
from sparewatt.numeric.levels import Units

UPDATES_AT_A_TIME: Final = 16
# Codes are at most 127 in size, so with coefficients that add up to less than this no sum reaches 2**53.
_FLOAT_BELOW: Final = 1 << 46
_HALF_BITS: Final = 25
_HALF_MASK: Final = (1 << _HALF_BITS) - 1


@dataclass(frozen=True)
class DenseBlock:
    """A block as it is written: for each chunk a level in units of 2**-36, and for each coordinate a code."""

    levels: Units
    codes: NDArray[np.int8]


def weighted(blocks: Sequence[DenseBlock], factors: Sequence[int]) -> Units | NDArray[np.float64]:
    """The sum of factor x code x level for each coordinate, exactly; as float64 where that holds all of them.

    Args:
        blocks: at most `UPDATES_AT_A_TIME`, all of one length, whose sums are below 2**62.
        factors: one for each, at most 2**16.
    """
    assert len(blocks) <= UPDATES_AT_A_TIME, "more would not be exact"
    levels: Units = np.stack([block.levels for block in blocks], axis=1)
    coefficients = levels * np.array(factors, dtype=np.int64)
    if coefficients.sum(axis=1).max() < _FLOAT_BELOW:
        rows = coefficients[:, None].astype(np.float64)
        total = np.empty((len(rows), CHUNK_COORDINATES), dtype=np.float64)
        for chunk, matrix in enumerate(_matrices(blocks)):
            np.matmul(rows[chunk], matrix, out=total[chunk, None])
        return total.reshape(-1)[: len(blocks[0].codes)]
    rows = np.stack((coefficients >> _HALF_BITS, coefficients & _HALF_MASK), axis=1).astype(np.float64)
    whole = np.empty((len(rows), CHUNK_COORDINATES), dtype=np.int64)
    for chunk, matrix in enumerate(_matrices(blocks)):
        high, low = np.matmul(rows[chunk], matrix).astype(np.int64)
        np.left_shift(high, _HALF_BITS, out=whole[chunk])
        whole[chunk] += low
    return whole.reshape(-1)[: len(blocks[0].codes)]


def _matrices(blocks: Sequence[DenseBlock]) -> Iterator[NDArray[np.float64]]:
    """For each chunk the codes of all blocks, a row for each, and zeros after the last coordinate; one array, filled
    anew each time."""
    codes = np.stack([block.codes for block in blocks])
    # float64 codes of one chunk of 16 updates are 512 KiB: half of what a core's own cache commonly holds.
    matrix = np.empty((len(blocks), CHUNK_COORDINATES), dtype=np.float64)
    for first in range(0, codes.shape[1], CHUNK_COORDINATES):
        part = codes[:, first : first + CHUNK_COORDINATES]
        matrix[:, : part.shape[1]] = part
        matrix[:, part.shape[1] :] = 0
        yield matrix
