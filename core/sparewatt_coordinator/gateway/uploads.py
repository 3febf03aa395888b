"""Payloads on their way in, one writer each. Blocking: every method is called from a thread of the file pool."""

import threading
from pathlib import Path
from typing import Final

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.errors import ConflictError
from sparewatt.wire.transfer import ChunkMap, chunk_count
from sparewatt.work.version import BlobRef

OPEN_MOST: Final = 1_024


class Uploads:
    """Partial payloads by their hash, kept open while a session sends them."""

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self._open: dict[str, PartialBlob] = {}
        self._lock = threading.Lock()

    def open(self, payload: BlobRef) -> bytes:
        """Bitmap of the chunks that are here already.

        Raises:
            ConflictError: ``upload.in_use`` when another session sends the same payload, ``upload.too_many``.
            StorageError: ``storage.full`` or ``storage.unusable``.
        """
        with self._lock:
            if payload.sha256 in self._open:
                raise ConflictError("upload.in_use")
            if len(self._open) >= OPEN_MOST:
                raise ConflictError("upload.too_many", most=OPEN_MOST)
            if self._blobs.has(payload.sha256):
                return _all_there(payload)
            partial = self._blobs.partial(payload)
            self._open[payload.sha256] = partial
            return partial.have.bitmap()

    def write(self, payload: BlobRef, index: int, data: bytes | memoryview) -> None:
        """Store one chunk."""
        with self._lock:
            partial = self._open.get(payload.sha256)
        if partial is not None:
            partial.write(index, data)

    def finish(self, payload: BlobRef) -> Path:
        """Check the hash, make the payload durable, and say where it is.

        Raises:
            IntegrityError: ``blob.hash``; what arrived is thrown away.
            StorageError: ``storage.full`` or ``storage.unusable``; what arrived is kept.
        """
        with self._lock:
            partial = self._open.pop(payload.sha256, None)
        if partial is not None:
            try:
                partial.finish()
            finally:
                partial.close()
        return self._blobs.path(payload.sha256)

    def close(self, payload: BlobRef) -> None:
        """The session is over; what arrived is kept for the next one."""
        with self._lock:
            partial = self._open.pop(payload.sha256, None)
        if partial is not None:
            partial.close()


def _all_there(payload: BlobRef) -> bytes:
    every = ChunkMap(payload.size)
    for index in range(chunk_count(payload.size)):
        every.add(index)
    return every.bitmap()
