"""Patches: the exact difference between two versions, as small integer codes times a power of two for each chunk.

Code times scale is exact in fp32, and a version is made from the one before by a single fp32 addition in numpy: one
rounding, so threads, fused multiply-add, systems and library versions cannot make a difference.

Dense blocks (`int8`, `int4`) are one byte for each chunk (e, for a scale of 2**-e, e = 0 … 40) and one code for each
coordinate. A `topk` block names the coordinates that change, each by its sign and one of two codes of its chunk.
"""

from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric import bfloat16
from sparewatt.numeric.block_file import BlockFormat, BlockReader
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_range, block_size, chunk_count
from sparewatt.numeric.sparse import (
    by_chunk,
    decode_places,
    encode_places,
    kept_in_block,
    largest_places,
    pack_bits,
    places_bytes,
    plane_bytes,
    unpack_planes,
)
from sparewatt.numeric.update_blocks import (
    INT4_MOST,
    INT8_MOST,
    Malformed,
    pack_nibbles,
    two_means,
    unpack_nibbles,
)
from sparewatt.numeric.weights import Floats, Weights, as_floats
from sparewatt.work.manifest import DENSE_PATCH, PatchSpec

EXPONENT_MOST: Final = 40
_NUMBERS: Final = {"int8": 1, "int4": 2, "topk": 3}
_CODES_MOST: Final = {"int8": INT8_MOST, "int4": INT4_MOST}
# Of a chunk of a sparse block: e, the low and the high code.
_CHUNK_BYTES: Final = 3


def _measure_sparse(coordinates: int, kept: int) -> tuple[int, int]:
    least, most = places_bytes(coordinates, kept)
    beside = _CHUNK_BYTES * chunk_count(coordinates) + 2 * plane_bytes(kept_in_block(coordinates, kept))
    return beside + least, beside + most


def _exactly(size: int) -> tuple[int, int]:
    return size, size


PATCH_FORMAT: Final = BlockFormat(
    noun="patch",
    magic=b"SPWPATCH",
    measures={
        _NUMBERS["int8"]: lambda coordinates, _: _exactly(chunk_count(coordinates) + coordinates),
        _NUMBERS["int4"]: lambda coordinates, _: _exactly(chunk_count(coordinates) + -(-coordinates // 2)),
        _NUMBERS["topk"]: _measure_sparse,
    },
)


def patch_bytes_most(coordinates: int, spec: PatchSpec = DENSE_PATCH) -> int:
    """Length that no patch exceeds; for dense ones the length of each."""
    return PATCH_FORMAT.file_bytes_most(_NUMBERS[spec.name], coordinates, spec.kept)


def patch_head(coordinates: int, lengths: list[int], spec: PatchSpec = DENSE_PATCH) -> bytes:
    """What stands before the blocks of a patch, which have these lengths."""
    return PATCH_FORMAT.head(_NUMBERS[spec.name], coordinates, lengths, spec.kept)


def encode_block(wanted: NDArray[np.float64], spec: PatchSpec = DENSE_PATCH) -> tuple[bytes, Floats]:
    """One block of a patch that comes as close to `wanted` as its codes allow.

    What it leaves out (coordinates that are not kept, what lies beyond the largest code, all rounding) stays in the
    coordinator's remainder.

    Args:
        wanted: finite changes of up to 2**18 coordinates.

    Returns:
        The block's bytes and the change that they stand for (fp32, exact).
    """
    if spec.name == "topk":
        return _encode_sparse(wanted, spec.kept)
    chunks, most = chunk_count(len(wanted)), _CODES_MOST[spec.name]
    rows = np.zeros((chunks, CHUNK_COORDINATES), dtype=np.float64)
    rows.reshape(-1)[: len(wanted)] = wanted
    exponents = _exponents(np.abs(rows).max(axis=1), most)
    codes = np.rint(np.ldexp(rows, exponents[:, None].astype(np.int32)))
    np.clip(codes, -most, most, out=codes)
    narrow = codes.reshape(-1)[: len(wanted)].astype(np.int8)
    packed = narrow.tobytes() if spec.name == "int8" else pack_nibbles(narrow)
    return exponents.tobytes() + packed, _change(exponents, narrow)


class PatchReader:
    """A patch whose frame was checked; see `BlockReader` for `source`.

    Raises:
        IntegrityError: ``patch.malformed``, ``patch.coordinates``.
    """

    def __init__(self, source: BinaryIO, coordinates: int, spec: PatchSpec = DENSE_PATCH) -> None:
        self._blocks = BlockReader(PATCH_FORMAT, source, coordinates, _NUMBERS[spec.name], spec.kept)
        self._spec = spec
        self.coordinates: Final = coordinates
        self.blocks: Final = block_count(coordinates)

    def change(self, index: int) -> Floats:
        """What block `index` adds, fp32.

        Raises:
            IntegrityError: ``patch.malformed`` with part ``scales``, ``codes`` or ``places``.
        """
        data, size = self._blocks.read_block(index), block_size(index, self.coordinates)
        try:
            return _decode_sparse(data, size, self._spec.kept) if self._spec.kept else self._decode_dense(data, size)
        except Malformed as error:
            raise PATCH_FORMAT.malformed(error.part) from error

    def _decode_dense(self, data: bytes, size: int) -> Floats:
        chunks, most = chunk_count(size), _CODES_MOST[self._spec.name]
        exponents = _checked_exponents(data[:chunks])
        packed = data[chunks:]
        codes = np.frombuffer(packed, dtype=np.int8) if self._spec.name == "int8" else unpack_nibbles(packed, size)
        if codes.min() < -most:
            raise Malformed("codes")
        return _change(exponents, codes)


def apply_patch(source: BinaryIO, weights: Weights, spec: PatchSpec = DENSE_PATCH, *, rounded: bool = False) -> None:
    """Turn `weights` (flat, writable fp32) into the next version, in place and block by block.

    Args:
        rounded: the next version's weights are rounded to bfloat16 (`OuterSpec.rounds_weights`).

    When an error is raised, the blocks before the damaged one are changed already: the weights are then of no version.

    Raises:
        IntegrityError: ``patch.malformed``, ``patch.coordinates``, ``weights.size``.
    """
    flat = as_floats(weights)
    reader = PatchReader(source, len(flat), spec)
    for index in range(reader.blocks):
        first, end = block_range(index, len(flat))
        add_change(flat[first:end], reader.change(index), out=flat[first:end])
        if rounded:
            flat[first:end] = bfloat16.rounded(flat[first:end])


def add_change(weights: Floats, change: Floats, out: Floats | None = None) -> Floats:
    """``weights + change`` in fp32: the one addition by which versions follow each other."""
    # A hostile patch may overflow; the version's hash will tell.
    with np.errstate(over="ignore", invalid="ignore"):
        added: Floats = np.add(weights, change, out=out, dtype=np.float32)
        return added


def _encode_sparse(wanted: NDArray[np.float64], kept: int) -> tuple[bytes, Floats]:
    places = largest_places(wanted, kept)
    chosen, chunks, count = wanted[places], by_chunk(len(wanted), kept), chunk_count(len(wanted))
    # In units of 2**-40 and no larger than a code can be, sums of 4,096 sizes stay below 2**59 and are exact.
    sizes = np.rint(np.ldexp(np.minimum(np.abs(chosen), INT8_MOST), EXPONENT_MOST)).astype(np.int64)
    means, high = two_means(sizes, chunks, count)
    levels = np.ldexp(means.astype(np.float64), -EXPONENT_MOST).reshape(count, 2)
    exponents = _exponents(levels.max(axis=1), INT8_MOST)
    codes = np.rint(np.ldexp(levels, exponents[:, None].astype(np.int32))).astype(np.uint8)
    negative = chosen < 0
    head = np.concatenate((exponents[:, None], codes), axis=1).tobytes()
    data = head + pack_bits(negative) + pack_bits(high) + encode_places(places, kept)
    signed = codes[chunks, high.astype(np.int64)].astype(np.int8)
    change = np.zeros(len(wanted), dtype=np.float32)
    change[places] = _scaled(np.where(negative, -signed, signed), exponents[chunks])
    return data, change


def _decode_sparse(data: bytes, coordinates: int, kept: int) -> Floats:
    count, plane = chunk_count(coordinates), plane_bytes(kept_in_block(coordinates, kept))
    signs_at = _CHUNK_BYTES * count
    table = np.frombuffer(data, dtype=np.uint8, count=signs_at).reshape(count, _CHUNK_BYTES)
    exponents, codes = _checked_exponents(table[:, 0].tobytes()), table[:, 1:]
    if codes.max() > INT8_MOST:
        raise Malformed("codes")
    named = kept_in_block(coordinates, kept)
    bits = unpack_planes(memoryview(data)[signs_at:], 2, named)
    places = decode_places(data[signs_at + 2 * plane :], coordinates, kept)
    if bits is None or places is None:
        raise Malformed("places")
    negative, high = bits
    chunks = by_chunk(coordinates, kept)
    signed = codes[chunks, high].astype(np.int8)
    change = np.zeros(coordinates, dtype=np.float32)
    change[places] = _scaled(np.where(negative, -signed, signed), exponents[chunks])
    return change


def _exponents(largest: NDArray[np.float64], code_most: int) -> NDArray[np.uint8]:
    """For every chunk the largest e with which its largest change needs no larger code."""
    # frexp: largest / most = m * 2**bits with m below 1, so 2**bits is a scale that suffices.
    _, bits = np.frexp(largest / code_most)
    return np.clip(-bits.astype(np.int64), 0, EXPONENT_MOST).astype(np.uint8)


def _checked_exponents(data: bytes) -> NDArray[np.uint8]:
    exponents = np.frombuffer(data, dtype=np.uint8)
    if exponents.max() > EXPONENT_MOST:
        raise Malformed("scales")
    return exponents


def _change(exponents: NDArray[np.uint8], codes: NDArray[np.int8]) -> Floats:
    return _scaled(codes, np.repeat(exponents, CHUNK_COORDINATES)[: len(codes)])


def _scaled(codes: NDArray[np.int8], exponents: NDArray[np.uint8]) -> Floats:
    """Each code times 2**-exponent, exact in fp32."""
    scales = np.ldexp(np.float32(1), -np.arange(EXPONENT_MOST + 1, dtype=np.int32))
    change: Floats = np.multiply(codes, scales[exponents], dtype=np.float32)
    return change
