"""How each codec writes one block of a pseudo-gradient, and reads it.

A decoder trusts nothing: its bytes have a length that the codec allows, and all else it checks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import CHUNK_COORDINATES, chunk_count
from sparewatt.numeric.levels import UNIT, Units, levels_at_least, levels_near, read_levels
from sparewatt.numeric.sparse import (
    Places,
    by_chunk,
    decode_all_places,
    encode_places,
    kept_in_block,
    largest_places,
    pack_bits,
    places_bytes,
    plane_bytes,
    unpack_planes,
)
from sparewatt.numeric.weights import Floats

INT8_MOST: Final = 127
INT4_MOST: Final = 7
# The largest exponents with which a coordinate stays below 2**36: 127 * 2047 * 2**18, 7 * 2047 * 2**22, 2047 * 2**25.
INT8_EXPONENT_MOST: Final = 18
INT4_EXPONENT_MOST: Final = 22
TOPK_EXPONENT_MOST: Final = 25
_LEVELS_A_CHUNK: Final = 2
# Each level with either sign.
_KINDS_A_CHUNK: Final = 2 * _LEVELS_A_CHUNK
# Bits of fp32: 1, 1/2, and what turns a number of at least 2**-14 into one of binary16 that is 13 bits to the left:
# 113 less in the exponent, half a unit more.
_ONE: Final = np.uint32(0x3F80_0000)
_HALF: Final = np.uint32(0x3F00_0000)
_REBASE: Final = np.uint32((113 << 23) - 0xFFF)
# Bits of binary16: all but the sign, infinity, 1, and 2**-14.
_HALF_SIZE: Final = np.uint16(0x7FFF)
_HALF_INFINITE: Final = 0x7C00
_HALF_ONE: Final = 0x3C00
_HALF_SMALLEST_NORMAL: Final = np.uint32(0x400)


@dataclass(frozen=True)
class Sparse:
    """Coordinates that a block names, ascending, and what they are in units of 2**-36."""

    places: Places
    units: Units


@dataclass(frozen=True)
class SparseBlocks:
    """The same block of several updates as it is written.

    Attributes:
        places: a row for each update, ascending.
        kinds: for each of them, which of all `numbers` it is.
        levels: for each update and chunk the low and the high one.
    """

    places: Places
    kinds: Places
    levels: Units

    def numbers(self, factors: Sequence[int]) -> Units:
        """What coordinates can be: for each update and chunk its levels times the update's factor, then the same with
        the other sign."""
        scaled = self.levels * np.array(factors, dtype=np.int64)[:, None, None]
        return np.concatenate((scaled, -scaled), axis=2).reshape(-1)


class Malformed(Exception):
    """Bytes that no encoder writes; `part` says which. Never leaves `numeric`."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class BlockCodec(Protocol):
    """One codec; `number` stands for it in files."""

    @property
    def number(self) -> int: ...

    def measure(self, coordinates: int, kept: int) -> tuple[int, int]:
        """Least and most bytes of a block; see `block_file.Measure`."""
        ...

    def encode(self, values: Floats, kept: int) -> bytes:
        """Bytes that stand for `values` as nearly as the codec can.

        Raises:
            IntegrityError: ``update.too_large``.
        """
        ...

    def decode(self, data: bytes, coordinates: int, kept: int) -> Units | Sparse:
        """What the bytes stand for: every coordinate, or those that are named.

        Raises:
            Malformed, IntegrityError: ``update.not_finite``, ``update.too_large``.
        """
        ...


@dataclass(frozen=True)
class Dense:
    """`int8` and `int4`: a level for each chunk and a small code for each coordinate; a coordinate is code x level.

    Attributes:
        coefficient_bits: how many leading bits a sum keeps of what codes are multiplied by (`numeric.dense_sum`).
        planes: how many codes share a byte.
        spread: makes of packed codes (the last axis) a byte for each code, plane after plane and times `code_unit`, so
            that -128 stands for what is no code.
    """

    number: int
    code_most: int
    exponent_most: int
    coefficient_bits: int
    planes: int
    code_unit: int
    pack: Callable[[NDArray[np.int8]], bytes]
    unpack: Callable[[bytes | memoryview, int], NDArray[np.int8]]
    spread: Callable[[NDArray[np.uint8]], NDArray[np.int8]]

    def code_bytes(self, coordinates: int) -> int:
        """Bytes of the codes of so many coordinates."""
        return -(-coordinates // self.planes)

    def measure(self, coordinates: int, kept: int) -> tuple[int, int]:  # noqa: ARG002 - a dense block has one length
        size = 2 * chunk_count(coordinates) + self.code_bytes(coordinates)
        return size, size

    def encode(self, values: Floats, kept: int) -> bytes:  # noqa: ARG002 - all are
        rows = _rows(values)
        largest = np.abs(rows).max(axis=1).astype(np.float64) * UNIT
        needed = np.ceil(largest / self.code_most)
        if needed.max() > 2047 << self.exponent_most:
            raise IntegrityError("update.too_large")
        levels, packed = levels_at_least(needed.astype(np.int64))
        # A level in units is an integer below 2**36, so its quotient by UNIT is exact; and no level is so small that a
        # code would exceed the largest one.
        codes = np.divide(rows, (np.maximum(levels, 1) / UNIT)[:, None], dtype=np.float64)
        np.rint(codes, out=codes)
        return packed.astype("<u2").tobytes() + self.pack(codes.reshape(-1)[: len(values)].astype(np.int8))

    def decode(self, data: bytes, coordinates: int, kept: int) -> Units:  # noqa: ARG002 - all are
        levels_end = 2 * chunk_count(coordinates)
        levels = self.levels(data[:levels_end])
        codes = self.unpack(memoryview(data)[levels_end:], coordinates)
        if codes.min() < -self.code_most:
            raise Malformed("codes")
        units: Units = np.repeat(levels, CHUNK_COORDINATES)[:coordinates]
        np.multiply(units, codes, out=units)
        return units

    def levels(self, data: bytes | memoryview) -> Units:
        """The levels that a block begins with, or those of several.

        Raises:
            Malformed: ``levels``.
        """
        levels = read_levels(np.frombuffer(data, dtype="<u2"), self.exponent_most)
        if levels is None:
            raise Malformed("levels")
        return levels


class Halves:
    """`fp16`: every coordinate as IEEE binary16 below 1 in size."""

    number = 2

    def measure(self, coordinates: int, kept: int) -> tuple[int, int]:  # noqa: ARG002 - a dense block has one length
        return 2 * coordinates, 2 * coordinates

    def encode(self, values: Floats, kept: int) -> bytes:  # noqa: ARG002 - all are
        halves = nearest_halves(values)
        if halves is None:
            raise IntegrityError("update.too_large")
        return halves.tobytes()

    def decode(self, data: bytes, coordinates: int, kept: int) -> Units:  # noqa: ARG002 - all are
        halves = np.frombuffer(data, dtype="<u2", count=coordinates)
        largest = (halves & _HALF_SIZE).max()
        if largest >= _HALF_INFINITE:
            raise IntegrityError("update.not_finite")
        if largest >= _HALF_ONE:
            raise IntegrityError("update.too_large")
        units: Units = _HALF_UNITS[halves]
        return units


def nearest_halves(values: Floats) -> NDArray[np.uint16] | None:
    """The binary16 numbers next to finite `values`, ties to even, as their bits; None unless all are below 1 in size.

    In integers, since a processor's own conversion is ten times slower for numbers below 2**-14, and of those a
    pseudo-gradient consists. Such a number, which binary16 writes in units of 2**-24, is rounded by adding 1/2, whose
    last bit is just that. Of another the exponent is rebased and 13 bits of the mantissa are rounded off; from a
    smaller one this makes a number that is far too large, for its exponent falls below zero. So the less of both is
    right. Zero is always +0.
    """
    bits = values.view(np.uint32)
    small = np.abs(values)
    normal = small.view(np.uint32).copy()
    if normal.max() >= _ONE:
        return None
    small += np.float32(0.5)
    rounded = small.view(np.uint32)
    rounded -= _HALF
    odd = bits >> 13
    odd &= 1
    normal += odd
    normal -= _REBASE
    normal >>= 13
    normal += _HALF_SMALLEST_NORMAL
    halves = np.minimum(rounded, normal, out=rounded).astype("<u2")
    if halves.max() >= _HALF_ONE:
        return None
    signs = (bits >> 16).astype("<u2")
    signs &= ~_HALF_SIZE
    signs *= halves != 0
    halves |= signs
    return halves


class TopK:
    """`topk`: of every chunk the largest coordinates in size, each as its sign and one of two levels of its chunk.

    The levels are the mean of the kept sizes that are not above their common mean, and the mean of those above it; sums
    are taken in integers, so that every machine finds the same.
    """

    number = 4

    def measure(self, coordinates: int, kept: int) -> tuple[int, int]:
        least, most = places_bytes(coordinates, kept)
        beside = 2 * _LEVELS_A_CHUNK * chunk_count(coordinates) + 2 * plane_bytes(kept_in_block(coordinates, kept))
        return beside + least, beside + most

    def encode(self, values: Floats, kept: int) -> bytes:
        places = largest_places(values, kept)
        chosen = values[places]
        sizes = np.rint(np.abs(chosen).astype(np.float64) * UNIT)
        if sizes.max() > 2047 << TOPK_EXPONENT_MOST:
            raise IntegrityError("update.too_large")
        wanted, high = two_means(sizes.astype(np.int64), by_chunk(len(values), kept), chunk_count(len(values)))
        _, packed = levels_near(wanted)
        levels = packed.astype("<u2").tobytes()
        return levels + pack_bits(chosen < 0) + pack_bits(high) + encode_places(places, kept)

    def decode(self, data: bytes, coordinates: int, kept: int) -> Sparse:
        found = self.parts([data], coordinates, kept)
        return Sparse(found.places.reshape(-1), found.numbers([1]).take(found.kinds.reshape(-1)))

    def parts(self, blocks: Sequence[bytes], coordinates: int, kept: int) -> SparseBlocks:
        """Blocks of several updates without their numbers looked up, checked like `decode` checks one.

        Raises:
            Malformed: when one of them is.
        """
        chunks, count = chunk_count(coordinates), kept_in_block(coordinates, kept)
        bits_at = 2 * _LEVELS_A_CHUNK * chunks
        places_at = bits_at + 2 * plane_bytes(count)
        views = [memoryview(block) for block in blocks]
        packed = np.frombuffer(b"".join(view[:bits_at] for view in views), dtype="<u2")
        levels = read_levels(packed, TOPK_EXPONENT_MOST)
        bits = unpack_planes(b"".join(view[bits_at:places_at] for view in views), 2 * len(views), count)
        places = decode_all_places([view[places_at:] for view in views], coordinates, kept)
        if levels is None:
            raise Malformed("levels")
        if bits is None or places is None:
            raise Malformed("places")
        kinds = (bits[1::2] + _LEVELS_A_CHUNK * bits[0::2]).astype(np.int64)
        kinds += by_chunk(coordinates, kept, _KINDS_A_CHUNK)
        kinds += np.arange(0, _KINDS_A_CHUNK * chunks * len(views), _KINDS_A_CHUNK * chunks)[:, None]
        return SparseBlocks(places, kinds, levels.reshape(len(views), chunks, _LEVELS_A_CHUNK))


def two_means(sizes: Units, chunks: Places, count: int) -> tuple[Units, NDArray[np.bool_]]:
    """Two levels for each of `count` chunks, low and high in turn, and which sizes take the high one.

    Args:
        sizes: integers of at most 2**36, at most 4,096 in a chunk, so that their sums are exact.
        chunks: which chunk each belongs to.
    """
    totals, numbers = _sums(sizes, chunks, count), np.bincount(chunks, minlength=count)
    high = sizes * numbers[chunks] > totals[chunks]
    group = 2 * chunks + high
    sums, members = _sums(sizes, group, 2 * count), np.bincount(group, minlength=2 * count)
    return (sums + members // 2) // np.maximum(members, 1), high


def _sums(values: Units, groups: Places, count: int) -> Units:
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, groups, values)
    return sums


def _half_units() -> Units:
    """What each 16 bits are as a binary16 number, in units of 2**-36; 0 for those that are 1 or more in size."""
    units = np.zeros(1 << 16, dtype=np.int64)
    below_one = np.arange(_HALF_ONE, dtype="<u2").view("<f2").astype(np.float64)
    units[:_HALF_ONE] = below_one * UNIT
    units[0x8000 : 0x8000 + _HALF_ONE] = -units[:_HALF_ONE]
    return units


def _rows(values: Floats) -> Floats:
    """`values` as rows of one chunk each; the last is filled with zeros."""
    if len(values) % CHUNK_COORDINATES == 0:
        return values.reshape(-1, CHUNK_COORDINATES)
    rows = np.zeros((chunk_count(len(values)), CHUNK_COORDINATES), dtype=np.float32)
    rows.reshape(-1)[: len(values)] = values
    return rows


def pack_nibbles(codes: NDArray[np.int8]) -> bytes:
    """Codes of -8 … 7, two in a byte, the first in its low half; an odd last byte is filled with zero."""
    nibbles = np.zeros(2 * -(-len(codes) // 2), dtype=np.uint8)
    nibbles[: len(codes)] = codes.astype(np.uint8) & 0xF
    return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()


def unpack_nibbles(data: bytes | memoryview, count: int) -> NDArray[np.int8]:
    """`count` codes that `pack_nibbles` wrote.

    Raises:
        Malformed: ``codes`` when something else than zero fills the last byte.
    """
    # Both nibbles of a byte go to a byte of their own, and the sign of each from its fourth bit to all above.
    pairs = np.frombuffer(data, dtype=np.uint8).astype("<u2")
    pairs |= pairs << 4
    pairs &= 0x0F0F
    codes = pairs.view(np.int8)
    codes ^= 8
    codes -= 8
    if codes[count:].any():
        raise Malformed("codes")
    return codes[:count]


def spread_nibbles(packed: NDArray[np.uint8]) -> NDArray[np.int8]:
    """16 times the lower codes of the last axis of `packed`, then 16 times the upper ones."""
    planes = np.empty((*packed.shape[:-1], 2, packed.shape[-1]), dtype=np.uint8)
    # A product keeps its lowest 8 bits, which are the lower nibble moved up; numpy shifts bytes seven times slower.
    np.multiply(packed, 16, out=planes[..., 0, :])
    np.bitwise_and(packed, 0xF0, out=planes[..., 1, :])
    return planes.view(np.int8).reshape(*packed.shape[:-1], -1)


def _as_int8(data: bytes | memoryview, count: int) -> NDArray[np.int8]:
    return np.frombuffer(data, dtype=np.int8, count=count)


def _same_bytes(packed: NDArray[np.uint8]) -> NDArray[np.int8]:
    return packed.view(np.int8)


_HALF_UNITS: Final = _half_units()
INT8: Final = Dense(1, INT8_MOST, INT8_EXPONENT_MOST, 26, 1, 1, lambda codes: codes.tobytes(), _as_int8, _same_bytes)
INT4: Final = Dense(3, INT4_MOST, INT4_EXPONENT_MOST, 17, 2, 16, pack_nibbles, unpack_nibbles, spread_nibbles)
TOPK: Final = TopK()
