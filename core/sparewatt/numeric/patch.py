"""Patches: the exact difference between two versions, as codes -127 … 127 times a power of two for each chunk.

A block is one byte for each chunk (e, for a scale of 2**-e, e = 0 … 40) and one code for each coordinate. Code times
scale is exact in fp32, and a version is made from the one before by a single fp32 addition in numpy: one rounding, so
threads, fused multiply-add, systems and library versions cannot make a difference.
"""

from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.block_file import BlockFormat, BlockReader
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_range, block_size, chunk_count
from sparewatt.numeric.weights import Floats, Weights, as_floats

CODE_MOST: Final = 127
EXPONENT_MOST: Final = 40
DENSE_INT8: Final = 1

PATCH_FORMAT: Final = BlockFormat(
    noun="patch",
    magic=b"SPWPATCH",
    block_bytes={DENSE_INT8: lambda coordinates: chunk_count(coordinates) + coordinates},
)


def patch_bytes(coordinates: int) -> int:
    """Length of a patch."""
    return PATCH_FORMAT.file_bytes(DENSE_INT8, coordinates)


def patch_head(coordinates: int) -> bytes:
    """What stands before the blocks of every patch of a model with `coordinates`."""
    return PATCH_FORMAT.head(DENSE_INT8, coordinates)


def encode_block(wanted: NDArray[np.float64]) -> tuple[bytes, Floats]:
    """One block of a patch that comes as close to `wanted` as its codes allow.

    What lies beyond 127 is cut off and stays in the coordinator's remainder, as does all rounding.

    Args:
        wanted: finite changes of up to 2**18 coordinates.

    Returns:
        The block's bytes and the change that they stand for (fp32, exact).
    """
    chunks = chunk_count(len(wanted))
    rows = np.zeros((chunks, CHUNK_COORDINATES), dtype=np.float64)
    rows.reshape(-1)[: len(wanted)] = wanted
    # frexp: largest / 127 = m * 2**bits with m below 1, so 2**bits is a scale that suffices.
    _, bits = np.frexp(np.abs(rows).max(axis=1) / CODE_MOST)
    exponents = np.clip(-bits.astype(np.int64), 0, EXPONENT_MOST).astype(np.uint8)
    codes = np.rint(np.ldexp(rows, exponents[:, None].astype(np.int32)))
    np.clip(codes, -CODE_MOST, CODE_MOST, out=codes)
    narrow = codes.reshape(-1)[: len(wanted)].astype(np.int8)
    return exponents.tobytes() + narrow.tobytes(), _change(exponents, narrow)


class PatchReader:
    """A patch whose frame was checked; see `BlockReader` for `source`.

    Raises:
        IntegrityError: ``patch.malformed``, ``patch.coordinates``.
    """

    def __init__(self, source: BinaryIO, coordinates: int) -> None:
        self._blocks = BlockReader(PATCH_FORMAT, source, coordinates)
        self.coordinates: Final = coordinates
        self.blocks: Final = block_count(coordinates)

    def change(self, index: int) -> Floats:
        """What block `index` adds, fp32.

        Raises:
            IntegrityError: ``patch.malformed`` with part ``scales`` or ``codes``.
        """
        data = self._blocks.read_block(index)
        chunks = chunk_count(block_size(index, self.coordinates))
        exponents = np.frombuffer(data, dtype=np.uint8, count=chunks)
        codes = np.frombuffer(data, dtype=np.int8, offset=chunks)
        if exponents.max() > EXPONENT_MOST:
            raise PATCH_FORMAT.malformed("scales")
        if codes.min() < -CODE_MOST:
            raise PATCH_FORMAT.malformed("codes")
        return _change(exponents, codes)


def apply_patch(source: BinaryIO, weights: Weights) -> None:
    """Turn `weights` (flat, writable fp32) into the next version, in place and block by block.

    When an error is raised, the blocks before the damaged one are changed already: the weights are then of no version.

    Raises:
        IntegrityError: ``patch.malformed``, ``patch.coordinates``, ``weights.size``.
    """
    flat = as_floats(weights)
    reader = PatchReader(source, len(flat))
    for index in range(reader.blocks):
        first, end = block_range(index, len(flat))
        add_change(flat[first:end], reader.change(index), out=flat[first:end])


def add_change(weights: Floats, change: Floats, out: Floats | None = None) -> Floats:
    """``weights + change`` in fp32: the one addition by which versions follow each other."""
    # A hostile patch may overflow; the version's hash will tell.
    with np.errstate(over="ignore", invalid="ignore"):
        added: Floats = np.add(weights, change, out=out, dtype=np.float32)
        return added


def _change(exponents: NDArray[np.uint8], codes: NDArray[np.int8]) -> Floats:
    scales = np.ldexp(np.float32(1), -exponents.astype(np.int32))
    repeated = np.repeat(scales, CHUNK_COORDINATES)[: len(codes)]
    change: Floats = np.multiply(codes, repeated, dtype=np.float32)
    return change
