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
_HALF_BITS: Final = 25
_HALF_MASK: Final = (1 << _HALF_BITS) - 1
# Codes of 8 chunks of 16 updates are 4 MiB as float64: what the caches of a core hold.
_CHUNKS_AT_A_TIME: Final = 8


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
    assert len(blocks) <= UPDATES_AT_A_TIME, "more would not be exact"
    chunks, count = len(blocks[0].levels), len(blocks)
    coefficients = np.stack([block.levels for block in blocks], axis=1) * np.array(factors, dtype=np.int64)
    whole = bool(coefficients.max() < _WHOLE_BELOW)
    parts = (coefficients,) if whole else (coefficients >> _HALF_BITS, coefficients & _HALF_MASK)
    left = np.stack(parts, axis=1).astype(np.float64)
    matrix = np.empty((_CHUNKS_AT_A_TIME, count, CHUNK_COORDINATES), dtype=np.float64)
    for first in range(0, chunks, _CHUNKS_AT_A_TIME):
        end = min(first + _CHUNKS_AT_A_TIME, chunks)
        part = slice(first * CHUNK_COORDINATES, end * CHUNK_COORDINATES)
        for number, block in enumerate(blocks):
            _spread(block.codes[part], matrix[: end - first, number])
        sums = np.matmul(left[first:end], matrix[: end - first])
        summed = sums[:, 0].astype(np.int64)
        if not whole:
            summed <<= _HALF_BITS
            summed += sums[:, 1].astype(np.int64)
        total[part] += summed.reshape(-1)[: len(total) - part.start]


def _spread(codes: NDArray[np.int8], rows: NDArray[np.float64]) -> None:
    """Write `codes` to rows of a chunk each; what they do not fill becomes 0."""
    full = len(codes) // CHUNK_COORDINATES
    rows[:full] = codes[: full * CHUNK_COORDINATES].reshape(full, CHUNK_COORDINATES)
    if full < len(rows):
        rest = codes[full * CHUNK_COORDINATES :]
        rows[full, : len(rest)] = rest
        rows[full, len(rest) :] = 0
