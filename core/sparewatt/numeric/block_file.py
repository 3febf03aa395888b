"""The frame that updates and patches share: a header, a table of lengths, and independent blocks of 2**18 coordinates.

    offset  size  field (little-endian)
         0     8  magic
         8     2  format, 1
        10     2  codec
        12     4  coordinates of a chunk, 4,096
        16     8  coordinates
        24     4  blocks
        28     4  zero
        32  4 each  length of every block in bytes
         …        the blocks

Every field is checked before anything is allocated by it; a block is read when it is asked for.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import CHUNK_COORDINATES, block_count, block_size

FORMAT: Final = 1
HEADER: Final = struct.Struct("<8sHHIQII")
_LENGTH: Final = struct.Struct("<I")
_LENGTHS_AT_A_TIME: Final = 16_384


@dataclass(frozen=True)
class BlockFormat:
    """One kind of block file.

    Attributes:
        noun: ``update`` or ``patch``; error ids begin with it.
        block_bytes: for every codec the length of a block by its number of coordinates.
    """

    noun: str
    magic: bytes
    block_bytes: Mapping[int, Callable[[int], int]]

    def malformed(self, part: str) -> IntegrityError:
        """The error for bytes that are no such file; `part` says where."""
        return IntegrityError(f"{self.noun}.malformed", part=part)

    def file_bytes(self, codec: int, coordinates: int) -> int:
        """Length of a whole file."""
        return self.block_offset(codec, coordinates, block_count(coordinates))

    def block_offset(self, codec: int, coordinates: int, index: int) -> int:
        """Where block `index` begins; all blocks before the last are full."""
        table_end = HEADER.size + _LENGTH.size * block_count(coordinates)
        if index == 0:
            return table_end
        measure = self.block_bytes[codec]
        full = measure(block_size(0, coordinates))
        return table_end + (index - 1) * full + measure(block_size(index - 1, coordinates))

    def head(self, codec: int, coordinates: int) -> bytes:
        """Header and table of lengths of a file with `coordinates`."""
        blocks = block_count(coordinates)
        measure = self.block_bytes[codec]
        header = HEADER.pack(self.magic, FORMAT, codec, CHUNK_COORDINATES, coordinates, blocks, 0)
        return header + b"".join(_LENGTH.pack(measure(block_size(index, coordinates))) for index in range(blocks))


class BlockReader:
    """A block file whose frame was checked.

    Args:
        source: seekable and readable; read only while a method runs, and it stays the caller's to close.
        coordinates: what the run's model has.

    Raises:
        IntegrityError: ``<noun>.malformed`` with the part, ``<noun>.coordinates`` when it is for another model.
    """

    def __init__(self, form: BlockFormat, source: BinaryIO, coordinates: int) -> None:
        self._form = form
        self._source = source
        self.coordinates: Final = coordinates
        header = self._read(0, HEADER.size, "header")
        magic, version, self.codec, chunk, found, blocks, zero = HEADER.unpack(header)
        if magic != form.magic:
            raise form.malformed("magic")
        if version != FORMAT or chunk != CHUNK_COORDINATES or zero != 0:
            raise form.malformed("format")
        if self.codec not in form.block_bytes:
            raise form.malformed("codec")
        if found != coordinates:
            raise IntegrityError(f"{form.noun}.coordinates", found=found, expected=coordinates)
        if blocks != block_count(coordinates):
            raise form.malformed("blocks")
        if source.seek(0, 2) != form.file_bytes(self.codec, coordinates):
            raise form.malformed("length")
        self._check_lengths(blocks)

    def read_block(self, index: int) -> bytes:
        """The bytes of block `index`, of exactly the length its codec says."""
        form = self._form
        first = form.block_offset(self.codec, self.coordinates, index)
        size = form.block_bytes[self.codec](block_size(index, self.coordinates))
        return self._read(first, size, "block")

    def _check_lengths(self, blocks: int) -> None:
        measure = self._form.block_bytes[self.codec]
        for start in range(0, blocks, _LENGTHS_AT_A_TIME):
            count = min(_LENGTHS_AT_A_TIME, blocks - start)
            table = self._read(HEADER.size + _LENGTH.size * start, _LENGTH.size * count, "lengths")
            for index, (length,) in enumerate(_LENGTH.iter_unpack(table), start):
                if length != measure(block_size(index, self.coordinates)):
                    raise self._form.malformed("lengths")

    def _read(self, offset: int, size: int, part: str) -> bytes:
        self._source.seek(offset)
        data = self._source.read(size)
        if len(data) != size:
            raise self._form.malformed(part)
        return data
