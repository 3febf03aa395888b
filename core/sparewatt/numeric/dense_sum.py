"""Weighted sums of many dense updates, as products of matrices that are exact.

A coordinate is code x level of its chunk, so the weighted sum over updates of one chunk is a row of coefficients
(factor x level) times a matrix of codes, which a library for linear algebra forms faster than one pass of integers for
each update. float32 holds integers up to 2**24 exactly, in whatever order they are added and with or without fused
operations: so a row takes, of the codes of 16 updates, coefficients of 13 bits with codes of 7, and of 17 with codes of
3. Of the coefficients of a chunk only the leading bits are kept, as many as the codec says, which two rows hold for
`int8` and one for `int4`: the places that are cut off are the same for all updates of the chunk, and set by the largest
of them. Sums of rows and of more updates are float64: below 2**43 with 2**10 updates, and exact, too.

Blocks go from files straight into one array with a row for each update, so that what is read is still in a cache when
it is checked and multiplied.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import BLOCK_COORDINATES, CHUNK_COORDINATES, block_size, chunk_count
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader, update_errors
from sparewatt.numeric.levels import Units
from sparewatt.numeric.update_blocks import Dense
from sparewatt.numeric.weights import FLOAT, Floats

Sums = NDArray[np.float64]

# With more, a row could hold fewer bits; float32 codes of a chunk are then 256 KiB, a quarter of a core's own cache.
UPDATES_AT_A_TIME: Final = 16
# Steps over fewer chunks are short beside a call, over more they leave the cache.
_CHUNKS_AT_A_TIME: Final = 16
# A block of 128 updates; of more updates less is read at a time.
_READ_BYTES: Final = 32 << 20
_FLOAT_BITS: Final = 24
_LEVEL_BYTES: Final = 2
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
        most = BLOCK_COORDINATES // CHUNK_COORDINATES
        self._chunks = min(most, max(1, _READ_BYTES // (len(updates) * CHUNK_COORDINATES)))
        self._head = _LEVEL_BYTES * most
        written = self._head + codec.code_bytes(self._chunks * CHUNK_COORDINATES)
        self._written = np.empty((len(updates), written), dtype=np.uint8)

    def quotient(self, index: int, divisor: float) -> Sums:
        """Block `index` of the sum, divided once.

        Raises:
            IntegrityError: ``update.malformed``.
        """
        size, planes = block_size(index, self._updates[0].coordinates), self._codec.planes
        quotient = np.empty((chunk_count(size), CHUNK_COORDINATES // planes, planes), dtype=np.float64)
        packed = self._read(index, size, 0)
        coefficients = self._levels(len(quotient)) * self._factors[:, None]
        kept, cut = leading(coefficients, self._codec.coefficient_bits)
        rows = rows_of(kept, self._codec)
        # Powers of two change no digit of a quotient.
        divisors = np.ldexp(divisor * self._codec.code_unit, -cut)[:, None, None]
        for first in range(0, len(quotient), self._chunks):
            if first > 0:
                packed = self._read(index, size, first)
            some = slice(first, first + self._chunks)
            self._divide(packed, rows[some], divisors[some], quotient[some])
        return quotient.reshape(-1)[:size]

    def _read(self, index: int, size: int, first: int) -> NDArray[np.uint8]:
        """For each update and some chunks from `first` on their packed codes, zeros after the last; good until the next
        call. With the first chunk come all levels."""
        chunks = min(self._chunks, chunk_count(size) - first)
        begin, end = (self._codec.code_bytes(count) for count in (first * CHUNK_COORDINATES, size))
        packed = self._written[:, self._head :][:, : self._codec.code_bytes(chunks * CHUNK_COORDINATES)]
        count = min(end - begin, packed.shape[1])
        levels = _LEVEL_BYTES * chunk_count(size)
        ahead = 0 if first else levels
        for update, row in zip(self._updates, self._written, strict=True):
            update.read_written(index, levels + begin - ahead, row[self._head - ahead : self._head + count].data)
        packed[:, count:] = 0
        # An odd number of codes that share bytes leaves half of the last byte, where nothing may stand.
        if size % self._codec.planes and begin + count == end and packed[:, count - 1].max() > _LOWER_HALF:
            raise UPDATE_FORMAT.malformed("codes")
        return packed.reshape(len(packed), chunks, -1)

    def _levels(self, chunks: int) -> Units:
        """For each update and chunk."""
        packed = np.ascontiguousarray(self._written[:, self._head - _LEVEL_BYTES * chunks : self._head])
        with update_errors():
            return self._codec.levels(packed.data).reshape(len(packed), chunks)

    def _divide(self, packed: NDArray[np.uint8], rows: Floats, divisors: Sums, quotient: Sums) -> None:
        for first in range(0, len(quotient), _CHUNKS_AT_A_TIME):
            some = slice(first, first + _CHUNKS_AT_A_TIME)
            codes = self._codec.spread(packed[:, some])
            if codes.min() == _NO_CODE:
                raise UPDATE_FORMAT.malformed("codes")
            sums = weighted(rows[some], codes)
            # Coordinates that share a byte lie side by side, and their codes in planes.
            planes = sums.reshape(len(sums), self._codec.planes, -1)
            np.divide(planes, divisors[some], out=quotient[some].swapaxes(1, 2))


def leading(coefficients: Units, bits: int) -> tuple[Units, NDArray[np.int32]]:
    """For each update and chunk the leading bits, halves up, and for each chunk how many places are cut off: so many
    that of its largest coefficient `bits` remain (or a power of two with one more).

    Args:
        coefficients: for each update and chunk factor x level.
    """
    _, most = np.frexp(coefficients.max(axis=0).astype(np.float64))
    cut = np.maximum(most - np.int32(bits), np.int32(0))
    half: Units = (np.int64(1) << cut) >> 1
    return (coefficients + half) >> cut, cut


def rows_of(coefficients: Units, codec: Dense) -> Floats:
    """For each chunk as many rows of coefficients as the codec's need; products of each with the codes of
    `UPDATES_AT_A_TIME` are exact.

    Args:
        coefficients: for each update and chunk, as of `leading`.
    """
    bits = _FLOAT_BITS - (UPDATES_AT_A_TIME - 1).bit_length() - codec.code_most.bit_length()
    count = codec.coefficient_bits // bits
    rows = np.empty((coefficients.shape[1], count, coefficients.shape[0]), dtype=FLOAT)
    for number in range(count):
        digits = coefficients >> bits * number
        if number < count - 1:
            digits &= (1 << bits) - 1
        rows[:, number] = (digits << bits * number).T
    return rows


def weighted(rows: Floats, codes: NDArray[np.int8]) -> Sums:
    """For each chunk the sum over updates of coefficient x code, exactly.

    Args:
        rows: for each chunk, as of `rows_of`.
        codes: for each update and chunk.
    """
    total = np.empty((len(rows), codes.shape[2]), dtype=np.float64)
    sums = np.empty((*rows.shape[:2], codes.shape[2]), dtype=FLOAT)
    for first in range(0, len(codes), UPDATES_AT_A_TIME):
        some = slice(first, first + UPDATES_AT_A_TIME)
        for chunk, row in enumerate(rows):
            np.matmul(row[:, some], codes[some, chunk].astype(FLOAT), out=sums[chunk])
        for number in range(rows.shape[1]):
            if first == number == 0:
                total[:] = sums[:, 0]
            else:
                total += sums[:, number]
    return total
