"""Updates: a pseudo-gradient (base weights - trained weights) as integers in units of 2**-36.

`int8` writes for each chunk of 4,096 coordinates a level and for each coordinate a code of -127 … 127; a coordinate is
code x level. A level is a u16, exponent (5 bits) above mantissa (11 bits), for ``mantissa << exponent`` with an
exponent of at most 18, so that every coordinate is an integer below 2**36 in size (127 * 2047 * 2**18 < 2**36).
`fp16` writes each coordinate as IEEE binary16 below 1 in size; its smallest step is 2**-24.

Sums of such integers do not depend on their order, which is what makes merges the same bytes everywhere.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.block_file import BlockFormat, BlockReader
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_range, block_size, chunk_count
from sparewatt.numeric.merkle import MerkleRoot
from sparewatt.numeric.weights import Floats, Weights, as_bytes, as_floats
from sparewatt.work.version import BlobRef

CodecName = Literal["int8", "fp16"]
Units = NDArray[np.int64]

UNIT_BITS: Final = 36
CODE_MOST: Final = 127
MANTISSA_BITS: Final = 11
EXPONENT_MOST: Final = 18
_MANTISSA_MOST: Final = (1 << MANTISSA_BITS) - 1
_LEVEL_MOST: Final = _MANTISSA_MOST << EXPONENT_MOST
_UNIT: Final = 2.0**UNIT_BITS
_CODECS: Final[dict[CodecName, int]] = {"int8": 1, "fp16": 2}

UPDATE_FORMAT: Final = BlockFormat(
    noun="update",
    magic=b"SPWUPDTE",
    block_bytes={
        _CODECS["int8"]: lambda coordinates: 2 * chunk_count(coordinates) + coordinates,
        _CODECS["fp16"]: lambda coordinates: 2 * coordinates,
    },
)


@dataclass(frozen=True)
class EncodedUpdate:
    """Attributes:
    payload: hash and size of the bytes written.
    delta_root: Merkle root over each 4,096 coordinates of the exact pseudo-gradient, little-endian fp32.
    """

    payload: BlobRef
    delta_root: str


def update_bytes(codec: CodecName, coordinates: int) -> int:
    """Length of an update's payload."""
    return UPDATE_FORMAT.file_bytes(_CODECS[codec], coordinates)


def encode_update(base: Weights, trained: Weights, codec: CodecName, sink: BinaryIO) -> EncodedUpdate:
    """Write ``base - trained`` to `sink`, block by block.

    Args:
        base, trained: flat fp32 weights of equal length; only read.
        sink: written from its current position on, in order; syncing it is the caller's.

    Raises:
        IntegrityError: ``weights.size``; ``update.not_finite``; ``update.too_large`` when a weight moved by about 1 or
            more, which no inner loop with a sound learning rate does.
    """
    base_floats = as_floats(base)
    coordinates = len(base_floats)
    trained_floats = as_floats(trained, coordinates)
    encode_block = _ENCODERS[codec]
    root = MerkleRoot()
    hasher = hashlib.sha256()
    size = 0

    def write(data: bytes) -> None:
        nonlocal size
        hasher.update(data)
        size += len(data)
        sink.write(data)

    write(UPDATE_FORMAT.head(_CODECS[codec], coordinates))
    for index in range(block_count(coordinates)):
        first, end = block_range(index, coordinates)
        delta = _delta(base_floats[first:end], trained_floats[first:end], index)
        for chunk in range(0, end - first, CHUNK_COORDINATES):
            root.add(as_bytes(delta[chunk : chunk + CHUNK_COORDINATES]))
        write(encode_block(delta))
    return EncodedUpdate(payload=BlobRef(sha256=hasher.hexdigest(), size=size), delta_root=root.hexdigest())


class UpdateReader:
    """The numbers of an update's payload, one block at a time.

    Args:
        source: seekable payload; see `BlockReader`.
        codec: what the manifest asks for.
        coordinates: the model's parameter count.

    Raises:
        IntegrityError: ``update.malformed``, ``update.coordinates``.
    """

    def __init__(self, source: BinaryIO, codec: CodecName, coordinates: int) -> None:
        self._blocks = BlockReader(UPDATE_FORMAT, source, coordinates)
        if self._blocks.codec != _CODECS[codec]:
            raise UPDATE_FORMAT.malformed("codec")
        self._decode = _DECODERS[codec]
        self.coordinates: Final = coordinates
        self.blocks: Final = block_count(coordinates)

    def block(self, index: int) -> Units:
        """Coordinates of block `index` in units of 2**-36: int64, each below 2**36 in size.

        Raises:
            IntegrityError: ``update.malformed`` with part ``levels`` or ``codes``; ``update.not_finite``;
                ``update.too_large``.
        """
        return self._decode(self._blocks.read_block(index), block_size(index, self.coordinates))


def _delta(base: Floats, trained: Floats, index: int) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        delta: Floats = np.subtract(base, trained)
    if not np.isfinite(delta).all():
        raise IntegrityError("update.not_finite", block=index)
    return delta


def _padded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` as rows of one chunk each; the last is filled with zeros."""
    rows = np.zeros((chunk_count(len(values)), CHUNK_COORDINATES), dtype=np.float64)
    rows.reshape(-1)[: len(values)] = values
    return rows


def _encode_int8(delta: Floats) -> bytes:
    units = _padded(delta.astype(np.float64) * _UNIT)
    needed = np.ceil(np.abs(units).max(axis=1) / CODE_MOST)
    if needed.max() > _LEVEL_MOST:
        raise IntegrityError("update.too_large")
    levels, packed = _levels_at_least(needed.astype(np.int64))
    codes = np.rint(units / np.maximum(levels, 1)[:, None])
    np.clip(codes, -CODE_MOST, CODE_MOST, out=codes)
    return packed.astype("<u2").tobytes() + codes.reshape(-1)[: len(delta)].astype(np.int8).tobytes()


def _levels_at_least(needed: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The smallest levels that are not below `needed`, and their u16 spelling."""
    _, bits = np.frexp(needed.astype(np.float64))
    exponent: NDArray[np.int64] = np.maximum(bits.astype(np.int64) - MANTISSA_BITS, 0)
    mantissa: NDArray[np.int64] = (needed + (np.int64(1) << exponent) - 1) >> exponent
    carried = mantissa > _MANTISSA_MOST
    mantissa[carried] >>= 1
    exponent[carried] += 1
    return mantissa << exponent, exponent << MANTISSA_BITS | mantissa


def _decode_int8(data: bytes, coordinates: int) -> Units:
    chunks = chunk_count(coordinates)
    packed = np.frombuffer(data, dtype="<u2", count=chunks).astype(np.int64)
    codes = np.frombuffer(data, dtype=np.int8, offset=2 * chunks)
    mantissa, exponent = packed & _MANTISSA_MOST, packed >> MANTISSA_BITS
    # Every level has one spelling: the smallest exponent that can write it.
    loose = (exponent > 0) & (mantissa <= _MANTISSA_MOST >> 1)
    if exponent.max() > EXPONENT_MOST or loose.any():
        raise UPDATE_FORMAT.malformed("levels")
    if codes.min() < -CODE_MOST:
        raise UPDATE_FORMAT.malformed("codes")
    levels: Units = np.repeat(mantissa << exponent, CHUNK_COORDINATES)[:coordinates]
    np.multiply(levels, codes, out=levels)
    return levels


def _encode_fp16(delta: Floats) -> bytes:
    with np.errstate(over="ignore", under="ignore"):
        halves = delta.astype("<f2")
    if (np.abs(halves) >= 1).any():
        raise IntegrityError("update.too_large")
    # Adding zero turns -0 into +0.
    return (halves + np.float16(0)).astype("<f2").tobytes()


def _decode_fp16(data: bytes, coordinates: int) -> Units:
    halves = np.frombuffer(data, dtype="<f2", count=coordinates)
    if not np.isfinite(halves).all():
        raise IntegrityError("update.not_finite")
    if (np.abs(halves) >= 1).any():
        raise IntegrityError("update.too_large")
    return (halves.astype(np.float64) * _UNIT).astype(np.int64)


_ENCODERS: Final[dict[CodecName, Callable[[Floats], bytes]]] = {"int8": _encode_int8, "fp16": _encode_fp16}
_DECODERS: Final[dict[CodecName, Callable[[bytes, int], Units]]] = {"int8": _decode_int8, "fp16": _decode_fp16}
