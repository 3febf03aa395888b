"""A blob on its way in: a sparse file and a durable note of which of its chunks are there.

The note never claims more than the disk holds: the file is fsynced first, then the note replaces the older one. A crash
therefore costs at most the chunks since the last note, and how often there is one is for the writer to say; a note that
is torn or belongs to another file is ignored.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from sparewatt.durable import replace_file, storage_errors, sync_folder
from sparewatt.errors import IntegrityError, ProtocolError
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.wire.transfer import ChunkMap, chunk_length
from sparewatt.work.version import BlobRef

# 4 MiB between two fsyncs: 1 % of the time at 40 MB/s on a disk that needs 1 ms for one; at most 100 of them a blob.
CHUNKS_BETWEEN_SYNCS: Final = 16
SYNCS_MOST: Final = 100
READ_BYTES: Final = 1 << 20


class PartialBlob:
    """One resumable download or upload. Blocking; used by one thread at a time, but for `sync` beside `write`.

    Args:
        blob: what is expected.
        folder: holds the ``.part`` file and its ``.have`` note; exists.
        final: where the blob goes when it is whole; on the same file system.

    Raises:
        StorageError: ``storage.full`` or ``storage.unusable``, from every method.
    """

    def __init__(self, blob: BlobRef, folder: Path, final: Path) -> None:
        self.blob: Final = blob
        self._part = folder / f"{blob.sha256}.part"
        self._note = folder / f"{blob.sha256}.have"
        self._final = final
        self._unsynced = self._unnoted = 0
        # Chunks mostly come in order: what came so is hashed on its way, and only the rest is read again at the end.
        self._hasher = hashlib.sha256()
        self._hashed = 0
        self._position = 0
        with storage_errors(folder):
            self.have: Final = self._recover()
            self._file = self._part.open("r+b" if self._part.exists() else "w+b", buffering=0)
        self._sync_every = max(CHUNKS_BETWEEN_SYNCS, self.have.chunks // SYNCS_MOST)

    @property
    def sync_due(self) -> bool:
        """Whether so many chunks came since the last `sync` that the disk should have them."""
        return self._unsynced >= self._sync_every

    def write(self, index: int, data: bytes | memoryview, *, sync: bool = True) -> None:
        """Stores a chunk of the right length; a repetition changes nothing.

        Args:
            sync: call `sync` when it is due; otherwise whoever writes does, perhaps from another thread.

        Raises:
            ProtocolError: ``transfer.length``.
        """
        expected = chunk_length(self.blob.size, index)
        if index < 0 or not data or len(data) != expected:
            raise ProtocolError("transfer.length", index=index, length=len(data), expected=expected)
        if index in self.have:
            return
        with storage_errors(self._part.parent):
            if self._position != index * CHUNK_BYTES:
                self._file.seek(index * CHUNK_BYTES)
            self._position = -1
            written = self._file.write(data)
            while written < len(data):
                written += self._file.write(data[written:])
            self._position = index * CHUNK_BYTES + written
        self.have.add(index)
        if index * CHUNK_BYTES == self._hashed:
            self._hasher.update(data)
            self._hashed += len(data)
        self._unsynced += 1
        self._unnoted += 1
        if sync and self.sync_due:
            self.sync()

    def sync(self, *, note: bool = True) -> None:
        """Makes every chunk so far durable; those that another thread writes meanwhile wait for the next time.

        Args:
            note: also write down that they are there, which a continuation after a crash needs.
        """
        self._unsynced = 0
        if note:
            self._unnoted = 0
        bitmap = self.have.bitmap()
        with storage_errors(self._part.parent):
            os.fsync(self._file.fileno())
            if note:
                replace_file(self._note, self._header(bitmap) + bitmap)

    def finish(self) -> None:
        """Checks the hash and puts the blob in its place; the partial files are gone afterwards.

        Raises:
            ProtocolError: ``transfer.incomplete`` when chunks are missing.
            IntegrityError: ``blob.hash``; everything received is thrown away, for none of it can be believed.
        """
        if not self.have.complete:
            raise ProtocolError("transfer.incomplete", missing=self.have.chunks - self.have.present)
        with storage_errors(self._part.parent):
            os.fsync(self._file.fileno())
            self._file.seek(self._hashed)
            while data := self._file.read(READ_BYTES):
                self._hasher.update(data)
            size = os.fstat(self._file.fileno()).st_size
            self._file.close()
            if self._hasher.hexdigest() != self.blob.sha256 or size != self.blob.size:
                self.discard()
                raise IntegrityError("blob.hash", blob=self.blob.sha256)
            self._part.replace(self._final)
            sync_folder(self._final.parent)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Keeps what is there for a later continuation."""
        if not self._file.closed:
            if self._unnoted:
                self.sync()
            self._file.close()

    def discard(self) -> None:
        """Forgets everything received."""
        self._file.close()
        with storage_errors(self._part.parent):
            self._note.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)

    def _header(self, bitmap: bytes) -> bytes:
        """Binds a note to its blob and detects a torn one."""
        identity = f"{self.blob.sha256} {self.blob.size} ".encode()
        return hashlib.sha256(identity + bitmap).digest()

    def _recover(self) -> ChunkMap:
        empty = ChunkMap(self.blob.size)
        if not (self._part.exists() and self._note.exists()):
            return empty
        note = self._note.read_bytes()
        try:
            found = ChunkMap(self.blob.size, note[32:])
        except ProtocolError:
            return empty
        identity = f"{self.blob.sha256} {self.blob.size} ".encode()
        intact = hashlib.sha256(identity + note[32:]).digest() == note[:32]
        return found if intact else empty
