"""The frame that updates and patches share: a header, a table of lengths, and independent blocks of 2**18 coordinates.

    offset  size  field (little-endian)
         0     8  magic
         8     2  format, 1
        10     2  codec
        12     4  coordinates of a chunk, 4,096
        16     8  coordinates
        24     4  blocks
        28     4  kept: coordinates that are written of a full chunk; 0 where all are
        32  4 each  length of every block in bytes
         …        the blocks

Every field is checked before anything is allocated by it; a block is read when it is asked for.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_size

FORMAT: Final = 1
HEADER: Final = struct.Struct("<8sHHIQII")
_LENGTH: Final = struct.Struct("<I")
_LENGTHS_AT_A_TIME: Final = 16_384

# Of a block with so many coordinates, of which so many are kept in a full chunk: the least and the most bytes.
Measure = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class BlockFormat:
    """One kind of block file.

    Attributes:
        noun: ``update`` or ``patch``; error ids begin with it.
        measures: codec → how long its blocks may be.
    """

    noun: str
    magic: bytes
    measures: Mapping[int, Measure]

    def malformed(self, part: str) -> IntegrityError:
        """The error for bytes that are no such file; `part` says where."""
        return IntegrityError(f"{self.noun}.malformed", part=part)

    def file_bytes_most(self, codec: int, coordinates: int, kept: int = 0) -> int:
        """Length that no file of a model with `coordinates` exceeds; for dense codecs the length of each."""
        blocks = block_count(coordinates)
        measure = self.measures[codec]
        full, last = (measure(block_size(index, coordinates), kept)[1] for index in (0, blocks - 1))
        return HEADER.size + _LENGTH.size * blocks + (blocks - 1) * full + last

    def head(self, codec: int, coordinates: int, lengths: Sequence[int] | None = None, kept: int = 0) -> bytes:
        """Header and table of lengths.

        Args:
            lengths: of all blocks; not needed where the codec leaves no choice.
        """
        blocks = block_count(coordinates)
        if lengths is None:
            measure = self.measures[codec]
            lengths = [measure(block_size(index, coordinates), kept)[1] for index in range(blocks)]
        header = HEADER.pack(self.magic, FORMAT, codec, CHUNK_COORDINATES, coordinates, blocks, kept)
        return header + b"".join(map(_LENGTH.pack, lengths))


class BlockReader:
    """A block file whose frame was checked.

    Args:
        source: seekable and readable; read only while a method runs, and it stays the caller's to close.
        coordinates: what the run's model has.
        codec, kept: what the run's manifest asks for.
        tail_bytes: what follows the last block and is read by `read_tail`.

    Raises:
        IntegrityError: ``<noun>.malformed`` with the part, ``<noun>.coordinates`` when it is for another model.
    """

    def __init__(
        self, form: BlockFormat, source: BinaryIO, coordinates: int, codec: int, kept: int = 0, tail_bytes: int = 0
    ) -> None:
        self._form = form
        self._source = source
        self.coordinates: Final = coordinates
        header = self._read(0, HEADER.size, "header")
        magic, version, found_codec, chunk, found, blocks, found_kept = HEADER.unpack(header)
        if magic != form.magic:
            raise form.malformed("magic")
        if version != FORMAT or chunk != CHUNK_COORDINATES:
            raise form.malformed("format")
        if (found_codec, found_kept) != (codec, kept):
            raise form.malformed("codec")
        if found != coordinates:
            raise IntegrityError(f"{form.noun}.coordinates", found=found, expected=coordinates)
        if blocks != block_count(coordinates):
            raise form.malformed("blocks")
        self._lengths = self._checked_lengths(blocks, form.measures[codec], kept)
        self._offsets = list(accumulate(self._lengths, initial=HEADER.size + _LENGTH.size * blocks))
        if source.seek(0, 2) != self._offsets[-1] + tail_bytes:
            raise form.malformed("length")

    def read_block(self, index: int) -> bytes:
        """The bytes of block `index`, of a length that its codec allows."""
        return self._read(self._offsets[index], self._lengths[index], "block")

    def read_into(self, index: int, first: int, into: memoryview) -> None:
        """Fill `into` with bytes of block `index` from byte `first` of it on; they must lie in it."""
        assert first + len(into) <= self._lengths[index], "a block has no more bytes"
        self._source.seek(self._offsets[index] + first)
        # Every buffered file has `readinto`, though `BinaryIO` does not name it.
        if self._source.readinto(into) != len(into):  # type: ignore[attr-defined]
            raise self._form.malformed("block")

    def read_tail(self, first: int, size: int) -> bytes:
        """`size` bytes of what follows the last block, from byte `first` of it."""
        return self._read(self._offsets[-1] + first, size, "tail")

    def _checked_lengths(self, blocks: int, measure: Measure, kept: int) -> list[int]:
        lengths: list[int] = []
        for start in range(0, blocks, _LENGTHS_AT_A_TIME):
            count = min(_LENGTHS_AT_A_TIME, blocks - start)
            table = self._read(HEADER.size + _LENGTH.size * start, _LENGTH.size * count, "lengths")
            for index, (length,) in enumerate(_LENGTH.iter_unpack(table), start):
                least, most = measure(block_size(index, self.coordinates), kept)
                if not least <= length <= most:
                    raise self._form.malformed("lengths")
                lengths.append(length)
        return lengths

    def _read(self, offset: int, size: int, part: str) -> bytes:
        self._source.seek(offset)
        data = self._source.read(size)
        if len(data) != size:
            raise self._form.malformed(part)
        return data
