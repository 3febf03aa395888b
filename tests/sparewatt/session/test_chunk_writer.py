"""Chunks are written behind the network's back, few at a time, and a disk that fails is heard of."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.errors import StorageError
from sparewatt.session import events as event
from sparewatt.session.chunk_writer import UNWRITTEN_CHUNKS_MOST, ChunkWriter
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.work.version import BlobRef

DATA = b"".join(bytes([each]) * CHUNK_BYTES for each in range(20)) + b"end"
BLOB = BlobRef(sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))


def chunk(index: int) -> event.ChunkReceived:
    data = DATA[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
    return event.ChunkReceived(transfer=1, blob=BLOB, index=index, data=memoryview(data), new=True)


class SlowDisk(PartialBlob):
    """A blob whose chunks are written when `go_on` is set, or never."""

    fails: str | None = None

    def __init__(self, blob: BlobRef, folder: Path, final: Path) -> None:
        super().__init__(blob, folder, final)
        self.go_on = threading.Event()

    def write(self, index: int, data: bytes | memoryview, *, sync: bool = True) -> None:
        assert self.go_on.wait(20)
        if self.fails is not None:
            raise StorageError(self.fails, folder="here")
        super().write(index, data, sync=sync)


def on_a_slow_disk(folder: Path, test: Callable[[SlowDisk, ChunkWriter], Awaitable[None]]) -> None:
    blobs = BlobFolder(folder)
    blobs.partial(BLOB).close()

    async def run() -> None:
        disk = SlowDisk(BLOB, folder / "incoming", blobs.path(BLOB.sha256))
        async with asyncio.timeout(20):
            try:
                await test(disk, ChunkWriter(disk))
            finally:
                disk.go_on.set()
        disk.close()

    asyncio.run(run())


def test_all_that_was_taken_is_there_at_the_end_in_any_order(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)

    async def run() -> None:
        partial = folder.partial(BLOB)
        writer = ChunkWriter(partial)
        for first in (10, 0, 20, 5, 15):
            writer.write([chunk(index) for index in range(first, min(first + 5, 21))])
            await writer.until_room()
        await writer.end()
        partial.finish()

    asyncio.run(run())
    assert folder.read(BLOB) == DATA


def test_no_more_is_taken_over_than_may_wait_for_the_disk(tmp_path: Path) -> None:
    async def test(disk: SlowDisk, writer: ChunkWriter) -> None:
        assert writer.has_room(UNWRITTEN_CHUNKS_MOST)
        writer.write([chunk(index) for index in range(UNWRITTEN_CHUNKS_MOST)])
        await writer.until_room()
        assert not writer.has_room(1)
        writer.write([chunk(UNWRITTEN_CHUNKS_MOST)])
        too_much = asyncio.ensure_future(writer.until_room())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not too_much.done()
        assert disk.have.present == 0
        disk.go_on.set()
        await too_much
        assert writer.has_room(0)
        await writer.end()
        assert disk.have.present == UNWRITTEN_CHUNKS_MOST + 1

    on_a_slow_disk(tmp_path, test)


def test_a_full_disk_is_heard_of_by_who_brings_the_next_chunk_and_at_the_end(tmp_path: Path) -> None:
    async def test(disk: SlowDisk, writer: ChunkWriter) -> None:
        disk.fails = "storage.full"
        writer.write([chunk(0)])
        disk.go_on.set()
        with pytest.raises(StorageError, match=r"storage\.full"):
            await writer.end()
        assert not writer.has_room(1)
        with pytest.raises(StorageError, match=r"storage\.full"):
            await writer.until_room()
        assert disk.have.present == 0

    on_a_slow_disk(tmp_path, test)


def test_the_end_waits_for_the_thread_although_its_caller_is_cancelled(tmp_path: Path) -> None:
    async def test(disk: SlowDisk, writer: ChunkWriter) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def downloading() -> None:
            try:
                writer.write([chunk(0), chunk(1)])
                begun.set()
                await asyncio.Event().wait()
            finally:
                await writer.end()
                ended.set()

        task = asyncio.ensure_future(downloading())
        await begun.wait()
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not ended.is_set()
        disk.go_on.set()
        await asyncio.gather(task, return_exceptions=True)
        assert ended.is_set()
        assert disk.have.present == 2

    on_a_slow_disk(tmp_path, test)
