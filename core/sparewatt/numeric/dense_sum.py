"""Sums of many dense updates, as products of matrices that are exact.

A coordinate is code x level of its chunk, so the weighted sum over updates of one chunk is a row of coefficients
(factor x level) times a matrix of codes, which a library for linear algebra forms faster than one pass of integers for
each update. float64 holds integers up to 2**53 exactly, in whatever order they are added and with or without fused
operations: codes have 7 bits and 16 updates add 4, so coefficients below 2**42 are taken as they are, and larger ones
(below 2**49, of a chunk with a coordinate of about 0.1) as two rows of 25 bits each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import CHUNK_COORDINATES
from sparewatt.numeric.levels import Units

UPDATES_AT_A_TIME: Final = 16
_WHOLE_BELOW: Final = 1 << 42
# Codes are at most 127 in size, so with coefficients that add up to less than this no sum reaches 2**53.
_FLOAT_BELOW: Final = 1 << 46
_HALF_BITS: Final = 25
_HALF_MASK: Final = (1 << _HALF_BITS) - 1


@dataclass(frozen=True)
class DenseBlock:
    """A block as it is written: for each chunk a level in units of 2**-36, and for each coordinate a code."""

    levels: Units
    codes: NDArray[np.int8]


def add_weighted(total: Units, blocks: Sequence[DenseBlock], factors: Sequence[int]) -> None:
    """Add to `total` the sum of factor x code x level.

    Args:
        total: one integer for each coordinate; what is added to it is below 2**62.
        blocks: at most `UPDATES_AT_A_TIME`, all of the length of `total`.
        factors: one for each, at most 2**16.
    """
    coefficients = _coefficients(blocks, factors)
    whole = bool(coefficients.max() < _WHOLE_BELOW)
    parts = (coefficients,) if whole else (coefficients >> _HALF_BITS, coefficients & _HALF_MASK)
    for number, products in enumerate(_products(parts, blocks)):
        sums = products[: len(total)].astype(np.int64)
        total += sums if whole or number else np.left_shift(sums, _HALF_BITS, out=sums)


def weighted(blocks: Sequence[DenseBlock], factors: Sequence[int]) -> NDArray[np.float64] | None:
    """The sum of factor x code x level for each coordinate, where float64 holds all of them exactly; None elsewhere.
    Arguments as of `add_weighted`."""
    coefficients = _coefficients(blocks, factors)
    if coefficients.sum(axis=1).max() >= _FLOAT_BELOW:
        return None
    sums: NDArray[np.float64] = _products((coefficients,), blocks)[0]
    return sums[: len(blocks[0].codes)]


def _coefficients(blocks: Sequence[DenseBlock], factors: Sequence[int]) -> Units:
    """Factor x level, a row for each chunk."""
    assert len(blocks) <= UPDATES_AT_A_TIME, "more would not be exact"
    levels: Units = np.stack([block.levels for block in blocks], axis=1)
    return levels * np.array(factors, dtype=np.int64)


def _products(parts: Sequence[Units], blocks: Sequence[DenseBlock]) -> NDArray[np.float64]:
    """For each part, each chunk's coefficients times its codes, to the end of the last chunk; codes are read once."""
    rows = np.stack(parts, axis=1).astype(np.float64)
    chunks, _, count = rows.shape
    sums = np.empty((len(parts), chunks, CHUNK_COORDINATES), dtype=np.float64)
    codes = np.stack([block.codes for block in blocks])
    # float64 codes of one chunk of 16 updates are 512 KiB: half of what a core's own cache commonly holds.
    matrix = np.empty((count, CHUNK_COORDINATES), dtype=np.float64)
    for chunk in range(chunks):
        part = codes[:, chunk * CHUNK_COORDINATES : (chunk + 1) * CHUNK_COORDINATES]
        matrix[:, : part.shape[1]] = part
        matrix[:, part.shape[1] :] = 0
        np.matmul(rows[chunk], matrix, out=sums[:, chunk])
    return sums.reshape(len(parts), -1)
