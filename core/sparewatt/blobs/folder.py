"""A folder of blobs under their SHA-256, with a limit on what it may hold. Blocking: call it from a thread.

<root>/ab/ab12…          a whole blob, hashed before it got this name
<root>/incoming/…        partial blobs and files on their way in
"""

import hashlib
import os
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from sparewatt.blobs.partial import READ_BYTES, PartialBlob
from sparewatt.durable import make_folder, storage_errors, sync_folder
from sparewatt.errors import IntegrityError, StorageError
from sparewatt.work.version import BlobRef


class BlobFolder:
    """Content-addressed files, durable when a method has returned.

    When `bytes_most` is given, adding a blob first removes the blobs that were used least recently, but never a
    pinned one. Safe to use from several threads of one process.

    Args:
        root: made when it does not exist, with mode 0700.
        bytes_most: what whole and partial blobs may take together; None for no limit.

    Raises:
        StorageError: ``storage.full`` (the disk), ``storage.cache_full`` (the limit, everything left is pinned) or
            ``storage.unusable``, from every method.
    """

    def __init__(self, root: Path, bytes_most: int | None = None) -> None:
        self.root: Final = root
        self.bytes_most: Final = bytes_most
        self._incoming = root / "incoming"
        self._pins: Counter[str] = Counter()
        self._lock = threading.Lock()
        with storage_errors(root):
            make_folder(self._incoming)

    def path(self, sha256: str) -> Path:
        """Where the blob is or would be; whether it is there says `has`."""
        return self.root / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the whole blob is here; counts as a use of it."""
        path = self.path(sha256)
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        except OSError:
            # A folder that can be read but not written still has the blob.
            return path.is_file()
        return True

    def held_bytes(self, blobs: Iterable[BlobRef]) -> int:
        """How much of these is here; looking is no use of them."""
        return sum(blob.size for blob in blobs if self.path(blob.sha256).is_file())

    def add_bytes(self, data: bytes) -> BlobRef:
        """Stores `data`; storing it again changes nothing."""
        blob = BlobRef(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        if not self.has(blob.sha256):
            self._make_room(blob.size)
            with storage_errors(self.root):
                temporary = self._temporary_path()
                with temporary.open("wb") as file:
                    file.write(data)
                    _sync(file)
                self._place(temporary, blob)
        return blob

    def add_file(self, source: Path) -> BlobRef:
        """Stores a copy of the file at `source`, read in pieces of 1 MiB."""
        with storage_errors(self.root):
            size = source.stat().st_size
        self._make_room(size)
        hasher = hashlib.sha256()
        copied = 0
        with storage_errors(self.root):
            temporary = self._temporary_path()
            with source.open("rb") as reader, temporary.open("wb") as writer:
                while data := reader.read(READ_BYTES):
                    hasher.update(data)
                    writer.write(data)
                    copied += len(data)
                _sync(writer)
            blob = BlobRef(sha256=hasher.hexdigest(), size=copied)
            self._place(temporary, blob)
        return blob

    def take_file(self, source: Path) -> BlobRef:
        """Makes the file at `source` a blob without copying it: it lies on the same disk, and nobody has it open."""
        with storage_errors(self.root):
            size = source.stat().st_size
        self._make_room(size)
        with storage_errors(self.root):
            with source.open("r+b") as file:
                hasher = hashlib.file_digest(file, "sha256")
                os.fsync(file.fileno())
            blob = BlobRef(sha256=hasher.hexdigest(), size=size)
            self._place(source, blob)
        return blob

    def read(self, blob: BlobRef, bytes_most: int = 1 << 26) -> bytes:
        """The bytes of a small blob, hashed again.

        Raises:
            IntegrityError: ``blob.hash`` when the file was damaged; it is removed, so that it can be fetched again.
            StorageError: ``storage.blob_missing``, or ``storage.blob_large`` above `bytes_most`.
        """
        if not self.has(blob.sha256):
            raise StorageError("storage.blob_missing", blob=blob.sha256)
        if blob.size > bytes_most:
            raise StorageError("storage.blob_large", size=blob.size, most=bytes_most)
        with storage_errors(self.root):
            with self.path(blob.sha256).open("rb") as file:
                data = file.read(blob.size + 1)
            if hashlib.sha256(data).hexdigest() != blob.sha256:
                self.remove(blob.sha256)
                raise IntegrityError("blob.hash", blob=blob.sha256)
        return data

    def partial(self, blob: BlobRef) -> PartialBlob:
        """Starts or continues taking in a blob; `PartialBlob.finish` makes it whole. At most one at a time of each."""
        self._make_room(blob.size, keep_partial=blob.sha256)
        final = self.path(blob.sha256)
        with storage_errors(self.root):
            make_folder(final.parent)
        return PartialBlob(blob, self._incoming, final)

    def remove(self, sha256: str) -> None:
        """Removes the whole blob if it is here."""
        with storage_errors(self.root):
            self.path(sha256).unlink(missing_ok=True)

    def pin(self, sha256: str) -> None:
        """Keeps the blob until as many `unpin` calls; pins live in memory only."""
        with self._lock:
            self._pins[sha256] += 1

    def unpin(self, sha256: str) -> None:
        """Takes one pin back."""
        with self._lock:
            self._pins[sha256] -= 1
            if self._pins[sha256] <= 0:
                del self._pins[sha256]

    def clean(self) -> int:
        """Removes files whose adding was cut off by a crash, and says how many; only while nobody adds any."""
        abandoned = list(self._incoming.glob("*.adding"))
        with storage_errors(self.root):
            for path in abandoned:
                path.unlink(missing_ok=True)
        return len(abandoned)

    def size_bytes(self) -> int:
        """What whole and partial blobs take on the disk."""
        return sum(size for _, size, _ in self._entries())

    def free_bytes(self) -> int:
        """Free space of the disk."""
        with storage_errors(self.root):
            return shutil.disk_usage(self.root).free

    def _make_room(self, needed: int, keep_partial: str = "") -> None:
        if self.bytes_most is None:
            return
        with self._lock:
            pinned = set(self._pins)
        entries = [entry for entry in self._entries() if not keep_partial or keep_partial not in entry[2].name]
        held = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if held + needed <= self.bytes_most:
                return
            if path.name.split(".")[0] not in pinned:
                with storage_errors(self.root):
                    path.unlink(missing_ok=True)
                held -= size
        if held + needed > self.bytes_most:
            raise StorageError("storage.cache_full", needed=needed, held=held, most=self.bytes_most)

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(last use, bytes on disk, path) of every file; sparse parts count what they really take."""
        found: list[tuple[float, int, Path]] = []
        with storage_errors(self.root):
            for path in self.root.glob("*/*"):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                size = min(status.st_size, getattr(status, "st_blocks", 1 << 62) * 512)
                found.append((status.st_mtime, size, path))
        return found

    def _temporary_path(self) -> Path:
        return self._incoming / f"{secrets.token_hex(16)}.adding"

    def _place(self, temporary: Path, blob: BlobRef) -> None:
        final = self.path(blob.sha256)
        make_folder(final.parent)
        temporary.replace(final)
        sync_folder(final.parent)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
