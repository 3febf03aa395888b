"""Updates: a pseudo-gradient (base weights - trained weights) as integers in units of 2**-36.

Each coordinate is an integer below 2**36 in size, whatever the codec; sums of such integers do not depend on their
order, which is what makes merges the same bytes everywhere. How a block is written is `update_blocks`' matter.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Final, Literal

import numpy as np

from sparewatt.errors import IntegrityError
from sparewatt.numeric.block_file import BlockFormat, BlockReader
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_range, block_size
from sparewatt.numeric.levels import UNIT, UNIT_BITS, Units
from sparewatt.numeric.merkle import MerkleRoot
from sparewatt.numeric.moment_layout import NUMBER_BYTES
from sparewatt.numeric.residual import Residual
from sparewatt.numeric.update_blocks import INT4, INT8, TOPK, BlockCodec, Halves, Malformed, Sparse
from sparewatt.numeric.weights import Floats, Weights, as_bytes, as_floats
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import BlobRef

__all__ = ["UNIT_BITS", "UPDATE_FORMAT", "EncodedUpdate", "Units", "UpdateReader", "encode_update", "update_bytes_most"]

_OF_UNIT: Final = 1 / UNIT

CodecName = Literal["int8", "fp16", "int4", "topk"]

CODECS: Final[MappingProxyType[CodecName, BlockCodec]] = MappingProxyType(
    {"int8": INT8, "fp16": Halves(), "int4": INT4, "topk": TOPK}
)

UPDATE_FORMAT: Final = BlockFormat(
    noun="update", magic=b"SPWUPDTE", measures={codec.number: codec.measure for codec in CODECS.values()}
)


@dataclass(frozen=True)
class EncodedUpdate:
    """Attributes:
    payload: hash and size of the bytes written.
    delta_root: Merkle root over each 4,096 coordinates of the exact pseudo-gradient, little-endian fp32.
    residual_before_root, residual_after_root: the same over the device's residual; None without error feedback.
    """

    payload: BlobRef
    delta_root: str
    residual_before_root: str | None = None
    residual_after_root: str | None = None


def update_bytes_most(codec: CodecSpec, coordinates: int) -> int:
    """Length that no update's payload exceeds; for dense codecs the length of each."""
    return UPDATE_FORMAT.file_bytes_most(CODECS[codec.name].number, coordinates, codec.kept)


def encode_update(
    base: Weights,
    trained: Weights,
    codec: CodecSpec,
    sink: BinaryIO,
    residual: Residual | None = None,
    tail: bytes = b"",
) -> EncodedUpdate:
    """Write ``base - trained`` to `sink`, computed block by block.

    Args:
        base, trained: flat fp32 weights of equal length; only read.
        sink: written from its current position on, in order; syncing it is the caller's.
        residual: of this device, where the codec has error feedback; it is changed block by block, and of no use when
            an error is raised.
        tail: what follows the blocks.

    Raises:
        IntegrityError: ``weights.size``; ``update.not_finite``; ``update.too_large`` when a weight moved by about 1 or
            more, which no inner loop with a sound learning rate does.
    """
    base_floats = as_floats(base)
    encoder = _Encoder(base_floats, as_floats(trained, len(base_floats)), codec, residual)
    number, coordinates = CODECS[codec.name].number, len(base_floats)
    hasher = hashlib.sha256()
    size = 0

    def write(data: bytes) -> None:
        nonlocal size
        hasher.update(data)
        size += len(data)
        sink.write(data)

    if codec.name == "topk":
        # Lengths come before blocks and are known after them. A sparse payload is small: 0.16 bit a coordinate at 64.
        blocks = list(encoder.blocks())
        write(UPDATE_FORMAT.head(number, coordinates, list(map(len, blocks)), codec.kept))
        for block in blocks:
            write(block)
    else:
        write(UPDATE_FORMAT.head(number, coordinates))
        for block in encoder.blocks():
            write(block)
    write(tail)
    return EncodedUpdate(
        payload=BlobRef(sha256=hasher.hexdigest(), size=size),
        delta_root=encoder.delta_root.hexdigest(),
        residual_before_root=None if residual is None else encoder.before_root.hexdigest(),
        residual_after_root=None if residual is None else encoder.after_root.hexdigest(),
    )


class _Encoder:
    """The blocks of one update, in order, and the roots over what they were made from."""

    def __init__(self, base: Floats, trained: Floats, codec: CodecSpec, residual: Residual | None) -> None:
        self._base = base
        self._trained = trained
        self._codec = codec
        self._residual = residual
        self.delta_root = MerkleRoot()
        self.before_root = MerkleRoot()
        self.after_root = MerkleRoot()

    def blocks(self) -> Iterator[bytes]:
        """Every block's bytes."""
        coordinates = len(self._base)
        for index in range(block_count(coordinates)):
            first, end = block_range(index, coordinates)
            delta = _delta(self._base[first:end], self._trained[first:end], index)
            for chunk in range(0, end - first, CHUNK_COORDINATES):
                self.delta_root.add(as_bytes(delta[chunk : chunk + CHUNK_COORDINATES]))
            if self._residual is None:
                yield CODECS[self._codec.name].encode(delta, self._codec.kept)
            else:
                yield self._with_residual(self._residual, delta, first)

    def _with_residual(self, residual: Residual, delta: Floats, first: int) -> bytes:
        codec, kept = CODECS[self._codec.name], self._codec.kept
        self._add_residual(self.before_root, residual, first, len(delta))
        summed = residual.add_to(delta, first)
        data = codec.encode(summed, kept)
        sent = codec.decode(data, len(delta), kept)
        if isinstance(sent, Sparse):
            summed[sent.places] -= (sent.units * _OF_UNIT).astype(np.float32)
        else:
            summed -= (sent * _OF_UNIT).astype(np.float32)
        residual.keep(summed, first)
        self._add_residual(self.after_root, residual, first, len(delta))
        return data

    def _add_residual(self, root: MerkleRoot, residual: Residual, first: int, count: int) -> None:
        for chunk in range(0, count, CHUNK_COORDINATES):
            root.add(residual.bytes_of(first + chunk, min(CHUNK_COORDINATES, count - chunk)))


class UpdateReader:
    """The numbers of an update's payload, one block at a time.

    Args:
        source: seekable payload; see `BlockReader`.
        codec: what the manifest asks for.
        coordinates: the model's parameter count.
        tail_bytes: what follows the blocks, as long as it is for every update of the run.

    Raises:
        IntegrityError: ``update.malformed``, ``update.coordinates``.
    """

    def __init__(self, source: BinaryIO, codec: CodecSpec, coordinates: int, tail_bytes: int = 0) -> None:
        self._codec = CODECS[codec.name]
        self._kept = codec.kept
        self._blocks = BlockReader(UPDATE_FORMAT, source, coordinates, self._codec.number, codec.kept, tail_bytes)
        self.coordinates: Final = coordinates
        self.blocks: Final = block_count(coordinates)

    def read(self, index: int) -> Units | Sparse:
        """What block `index` holds, as its codec has it; int64 in units of 2**-36, each below 2**36 in size.

        Raises:
            IntegrityError: ``update.malformed`` with part ``levels``, ``codes`` or ``places``; ``update.not_finite``;
                ``update.too_large``.
        """
        with update_errors():
            return self._codec.decode(self._blocks.read_block(index), block_size(index, self.coordinates), self._kept)

    def written(self, index: int) -> bytes:
        """Block `index` as it is written, of a length that its codec allows."""
        return self._blocks.read_block(index)

    def read_written(self, index: int, first: int, into: memoryview) -> None:
        """Fill `into` with bytes of block `index` as it is written, from byte `first` on; they must lie in it."""
        self._blocks.read_into(index, first, into)

    def moments(self, first: int, count: int) -> bytes:
        """`count` numbers of the second moments behind the blocks, as they stand there (`numeric.moments`)."""
        return self._blocks.read_tail(NUMBER_BYTES * first, NUMBER_BYTES * count)

    def block(self, index: int) -> Units:
        """All coordinates of block `index`; errors as of `read`."""
        found = self.read(index)
        if not isinstance(found, Sparse):
            return found
        units = np.zeros(block_size(index, self.coordinates), dtype=np.int64)
        units[found.places] = found.units
        return units


@contextmanager
def update_errors() -> Iterator[None]:
    """Give what is malformed in a block the id and part of a malformed update."""
    try:
        yield
    except Malformed as error:
        raise UPDATE_FORMAT.malformed(error.part) from error


def _delta(base: Floats, trained: Floats, index: int) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        delta: Floats = np.subtract(base, trained)
    if not np.isfinite(delta).all():
        raise IntegrityError("update.not_finite", block=index)
    return delta
