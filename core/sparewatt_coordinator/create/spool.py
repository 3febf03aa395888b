"""Documents on their way to shards, on disk: put in any order, taken out each once, in the order of their SHA-256.

The order is that of no file and no folder, so any run of documents is a fair sample. Documents lie in files by the
first bits of their digest, each small enough to be held in memory: 32 MiB for up to 32 GiB of tokens, and in proportion
beyond. A record is the digest, the bytes of text and the count of tokens (u32 each), then the tokens.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from sparewatt.durable import storage_errors
from sparewatt_coordinator.create.tokens import Unsigned

PART_BYTES: Final = 32 * 1024 * 1024
PARTS_MOST: Final = 1_024
_BUFFER_BYTES: Final = 32 * 1024
_RECORD: Final = struct.Struct("<32sII")


@dataclass(frozen=True)
class Document:
    """Attributes:
    text_bytes: of the text that its tokens stand for.
    """

    text_bytes: int
    tokens: Unsigned


@dataclass(frozen=True)
class Held:
    """What is in a spool, equal documents counted once."""

    documents: int
    text_bytes: int
    tokens: int


class Spool:
    """Args:
        folder: empty; whoever made it removes it.
        expected_bytes: of tokens, about; decides how many files there are.

    Raises:
        StorageError: ``storage.full``, ``storage.unusable``, from every method.
    """

    def __init__(self, folder: Path, dtype: np.dtype[np.unsignedinteger], expected_bytes: int) -> None:
        self.dtype: Final = dtype
        self._folder = folder
        self._buffers = [bytearray() for _ in range(min(PARTS_MOST, max(1, -(-expected_bytes // PART_BYTES))))]

    @property
    def parts(self) -> int:
        """Of which `part` gives one at a time."""
        return len(self._buffers)

    def add(self, document: bytes, tokens: Unsigned) -> None:
        """Put in one document of at most 4 GiB."""
        digest = hashlib.sha256(document).digest()
        # The most significant bits, so that parts in their order are documents in their order.
        part = int.from_bytes(digest[:4], "big") * self.parts >> 32
        buffer = self._buffers[part]
        buffer += _RECORD.pack(digest, len(document), len(tokens))
        buffer += tokens.astype(self.dtype, copy=False).tobytes()
        if len(buffer) >= _BUFFER_BYTES:
            self._flush(part)

    def held(self) -> Held:
        """Count what was put in; reads the heads of records only."""
        documents = text_bytes = tokens = 0
        for part in range(self.parts):
            self._flush(part)
            seen: set[bytes] = set()
            with storage_errors(self._folder), self._path(part).open("rb") as file:
                while head := file.read(_RECORD.size):
                    digest, text, count = _RECORD.unpack(head)
                    file.seek(count * self.dtype.itemsize, 1)
                    if digest not in seen:
                        seen.add(digest)
                        documents, text_bytes, tokens = documents + 1, text_bytes + text, tokens + count
        return Held(documents, text_bytes, tokens)

    def part(self, number: int) -> Iterator[Document]:
        """The documents of one part; those of all parts in turn are all documents in the order of their digests."""
        self._flush(number)
        with storage_errors(self._folder), self._path(number).open("rb") as file:
            records = dict(self._records(file))
        for digest in sorted(records):
            yield records[digest]

    def _records(self, file: BinaryIO) -> Iterator[tuple[bytes, Document]]:
        while head := file.read(_RECORD.size):
            digest, text_bytes, count = _RECORD.unpack(head)
            tokens = np.frombuffer(file.read(count * self.dtype.itemsize), dtype=self.dtype)
            yield digest, Document(text_bytes, tokens)

    def _flush(self, part: int) -> None:
        with storage_errors(self._folder), self._path(part).open("ab") as file:
            file.write(self._buffers[part])
        self._buffers[part].clear()

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:04d}"
