"""Weighted sums of many dense updates, as products of matrices that are exact.

A coordinate is code x level of its chunk, so the weighted sum over updates of one chunk is a row of coefficients
(factor x level) times a matrix of codes, which a library for linear algebra forms faster than one pass of integers for
each update. float64 holds integers up to 2**53 exactly, in whatever order they are added and with or without fused
operations: codes have 7 bits, so coefficients that add up to less than 2**46 are taken as they are. Larger ones (each
below 2**49, of a chunk with a coordinate of about 0.1) are taken as two rows of at most 25 bits each; products with
codes then have 32 bits, and 2**10 updates of them 42. Where a codec's codes come as multiples of a unit, a power of
two, coefficients are divided by it, which changes no digit of a product.

Codes go from files straight into one array with a row for each update, half a block at a time, so that what is read is
still in a cache when it is checked and multiplied.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import BLOCK_COORDINATES, CHUNK_COORDINATES, block_size, chunk_count
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader, update_errors
from sparewatt.numeric.levels import Units
from sparewatt.numeric.update_blocks import Dense

# float64 codes of one chunk of 16 updates are 512 KiB: half of what a core's own cache commonly holds.
UPDATES_AT_A_TIME: Final = 16
# Half a block of 256 updates; of more updates less is read at a time.
_READ_BYTES: Final = 32 << 20
# Codes are at most 127 in size, so with coefficients that add up to less than this no sum reaches 2**53.
_FLOAT_BELOW: Final = 1 << 46
_HALF_BITS: Final = 25
_HALF_MASK: Final = (1 << _HALF_BITS) - 1
_NO_CODE: Final = -128
_LOWER_HALF: Final = 0xF


class DenseSum:
    """The weighted sum of updates of a codec with levels and codes.

    Args:
        updates: readers, at least one and at most 2**10.
        factors: one for each, at most 2**16.
    """

    def __init__(self, codec: Dense, updates: Sequence[UpdateReader], factors: Sequence[int]) -> None:
        self._codec = codec
        self._updates = updates
        self._factors = np.array(factors, dtype=np.int64)
        most = BLOCK_COORDINATES // CHUNK_COORDINATES // 2
        self._chunks = min(most, max(1, _READ_BYTES // (len(updates) * CHUNK_COORDINATES)))
        packed = codec.code_bytes(self._chunks * CHUNK_COORDINATES)
        self._packed = np.empty((len(updates), packed), dtype=np.uint8)

    def quotient(self, index: int, divisor: float) -> NDArray[np.float64]:
        """Block `index` of the sum, divided once.

        Raises:
            IntegrityError: ``update.malformed``.
        """
        size, planes = block_size(index, self._updates[0].coordinates), self._codec.planes
        rows = rows_of(self._levels(index, size) * self._factors[:, None]) / self._codec.code_unit
        quotient = np.empty((len(rows), CHUNK_COORDINATES // planes, planes), dtype=np.float64)
        for first in range(0, len(rows), self._chunks):
            part = quotient[first : first + self._chunks]
            codes = self._codes(index, size, first)
            sums = weighted(rows[first : first + self._chunks], codes)
            # Coordinates that share a byte lie side by side, and their codes in planes.
            np.divide(sums.reshape(len(part), planes, -1), divisor, out=part.swapaxes(1, 2))
        return quotient.reshape(-1)[:size]

    def _levels(self, index: int, size: int) -> Units:
        """For each update and chunk."""
        packed = np.empty((len(self._updates), 2 * chunk_count(size)), dtype=np.uint8)
        for update, row in zip(self._updates, packed, strict=True):
            update.read_written(index, 0, row.data)
        with update_errors():
            return self._codec.levels(packed.data).reshape(len(packed), -1)

    def _codes(self, index: int, size: int, first: int) -> NDArray[np.int8]:
        """For each update and some chunks from `first` on; zeros after the last one; good until the next call."""
        chunks = min(self._chunks, chunk_count(size) - first)
        begin, end = (self._codec.code_bytes(count) for count in (first * CHUNK_COORDINATES, size))
        packed = self._packed[:, : self._codec.code_bytes(chunks * CHUNK_COORDINATES)]
        written, rest = packed[:, : end - begin], packed[:, end - begin :]
        for update, row in zip(self._updates, written, strict=True):
            update.read_written(index, 2 * chunk_count(size) + begin, row.data)
        rest[:] = 0
        # An odd number of codes that share bytes leaves half of the last byte, where nothing may stand.
        odd = size % self._codec.planes and begin + written.shape[1] == end
        codes = self._codec.spread(packed.reshape(len(packed), chunks, -1))
        if codes.min() == _NO_CODE or (odd and written[:, -1].max() > _LOWER_HALF):
            raise UPDATE_FORMAT.malformed("codes")
        return codes


def rows_of(coefficients: Units) -> NDArray[np.float64]:
    """For each chunk one row of coefficients, or two, high and low, where with one sums would not be exact.

    Args:
        coefficients: for each update and chunk factor x level.
    """
    if coefficients.sum(axis=0).max() < _FLOAT_BELOW:
        return coefficients.T[:, None].astype(np.float64)
    halves = np.stack((coefficients >> _HALF_BITS, coefficients & _HALF_MASK))
    return np.ascontiguousarray(halves.transpose(2, 0, 1), dtype=np.float64)


def weighted(rows: NDArray[np.float64], codes: NDArray[np.int8]) -> Units | NDArray[np.float64]:
    """For each chunk the sum over updates of coefficient x code, exactly: float64 of one row, int64 of two.

    Args:
        rows: for each chunk, as of `rows_of`.
        codes: for each update and chunk.
    """
    sums = np.empty((*rows.shape[:2], codes.shape[2]), dtype=np.float64)
    for chunk, row in enumerate(rows):
        for first in range(0, len(codes), UPDATES_AT_A_TIME):
            some = slice(first, first + UPDATES_AT_A_TIME)
            matrix = codes[some, chunk].astype(np.float64)
            if first == 0:
                np.matmul(row[:, some], matrix, out=sums[chunk])
            else:
                sums[chunk] += np.matmul(row[:, some], matrix)
    if rows.shape[1] == 1:
        return sums[:, 0]
    whole = sums.astype(np.int64)
    total: Units = (whole[:, 0] << _HALF_BITS) + whole[:, 1]
    return total
