"""A file of large arrays behind a small header, which is whole or is not believed; needs no numpy.

    offset  field (little-endian)
         0  magic (8 bytes), format (u16), zero (u16), length of the header (u32)
        16  header: canonical JSON
            arrays, one behind the other, as long as the reader expects and not a byte longer
            SHA-256 of everything before

A worker or an engine may be killed while it writes: the file appears under its name only when all of it is on the disk.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Generic, TypeVar

import msgspec

from sparewatt.durable import replacing, storage_errors
from sparewatt.errors import IntegrityError, StorageError
from sparewatt.plain_json import Unreadable, decoded

HEADER_BYTES_MOST: Final = 1 << 16
_FRONT: Final = struct.Struct("<8sHHI")
_HASH_BYTES: Final = 32
_PIECE_BYTES: Final = 1 << 22

H = TypeVar("H", bound=msgspec.Struct)


@dataclass(frozen=True)
class KeptFormat(Generic[H]):
    """One kind of file: its `magic`, the format's number, and what its header is."""

    magic: bytes
    number: int
    header: type[H]

    def bytes_on_disk(self, array_bytes: int) -> int:
        """What a file with so many bytes of arrays takes at most."""
        return _FRONT.size + HEADER_BYTES_MOST + array_bytes + _HASH_BYTES

    def write(self, path: Path, header: H, arrays: Iterable[memoryview]) -> int:
        """Write the file durably, or leave `path` as it was; its length.

        Raises:
            StorageError: ``storage.full``, ``storage.unusable``.
        """
        text = json.dumps(
            msgspec.to_builtins(header), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        assert len(text) <= HEADER_BYTES_MOST, "headers hold a bounded number of bounded fields"
        hasher, size = hashlib.sha256(), 0
        with storage_errors(path.parent), replacing(path) as file:
            for part in (memoryview(_FRONT.pack(self.magic, self.number, 0, len(text)) + text), *_bytes_of(arrays)):
                for first in range(0, len(part), _PIECE_BYTES):
                    piece = part[first : first + _PIECE_BYTES]
                    hasher.update(piece)
                    file.write(piece)
                size += len(part)
            file.write(hasher.digest())
        return size + _HASH_BYTES

    def read_header(self, path: Path) -> H:
        """What the file says it holds; its hash is not looked at.

        Raises:
            StorageError: ``kept.unreadable``.
            IntegrityError: ``kept.damaged``.
        """
        with _opened(path) as file:
            return self._header(file, hashlib.sha256())

    def read(self, path: Path, into: Iterable[memoryview]) -> H:
        """Fill the buffers `into` with the file's arrays; they hold nothing of use when an error is raised.

        Raises:
            StorageError: ``kept.unreadable``.
            IntegrityError: ``kept.damaged`` when the file is not of this kind, too short, too long or changed.
        """
        with _opened(path) as file:
            hasher = hashlib.sha256()
            header = self._header(file, hasher)
            for part in _bytes_of(into):
                for first in range(0, len(part), _PIECE_BYTES):
                    piece = part[first : first + _PIECE_BYTES]
                    if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
                        raise IntegrityError("kept.damaged", part="length")
                    hasher.update(piece)
            if file.read(_HASH_BYTES + 1) != hasher.digest():
                raise IntegrityError("kept.damaged", part="hash")
        return header

    def _header(self, file: BinaryIO, hasher: "hashlib._Hash") -> H:
        front = file.read(_FRONT.size)
        if len(front) < _FRONT.size:
            raise IntegrityError("kept.damaged", part="length")
        magic, number, zero, length = _FRONT.unpack(front)
        if (magic, number, zero) != (self.magic, self.number, 0) or length > HEADER_BYTES_MOST:
            raise IntegrityError("kept.damaged", part="format")
        text = file.read(length)
        hasher.update(front)
        hasher.update(text)
        try:
            return decoded(text, self.header)
        except Unreadable as error:
            raise IntegrityError("kept.damaged", part="header") from error


def _bytes_of(arrays: Iterable[memoryview]) -> Iterable[memoryview]:
    return (array.cast("B") if array.nbytes else memoryview(b"") for array in arrays)


def _opened(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
        return os.fdopen(descriptor, "rb")
    except OSError as error:
        raise StorageError("kept.unreadable", file=path.name, code=error.errno or 0) from error
