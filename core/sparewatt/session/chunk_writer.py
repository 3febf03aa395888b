"""Writing the chunks of a download in a thread, while more come."""

import asyncio
from collections.abc import Sequence
from functools import partial as bound
from typing import Final

from sparewatt.blobs.partial import PartialBlob
from sparewatt.session import events as event

# With the four that may be on their way they bound a download's memory to 2 MiB.
UNWRITTEN_CHUNKS_MOST: Final = 4
# A note costs several fsyncs; a crash costs what came since the last one.
NOTE_SECONDS: Final = 1.0


class ChunkWriter:
    """Hands chunks to a thread, all that have come together, so that the network does not wait for the disk.

    Args:
        partial: written to by nobody else until `end` has returned.
    """

    def __init__(self, partial: PartialBlob) -> None:
        self._partial = partial
        self._loop = asyncio.get_running_loop()
        self._waiting: list[event.ChunkReceived] = []
        self._unwritten = 0
        self._running: set[asyncio.Future[None]] = set()
        self._writing: asyncio.Future[None] | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._noted_at = self._loop.time()
        self._progress = asyncio.Event()
        self._failure: BaseException | None = None

    async def take(self, chunks: Sequence[event.ChunkReceived]) -> None:
        """Takes these over; returns when so few are unwritten that more may come.

        Raises:
            StorageError: one of them, or one before them, could not be written.
        """
        self._waiting += chunks
        self._unwritten += len(chunks)
        self._go_on()
        while self._unwritten > UNWRITTEN_CHUNKS_MOST and self._failure is None:
            await self._until_progress()
        self._raise_failure()

    async def end(self) -> None:
        """Returns when no thread touches the blob any more; raises like `take`."""
        while self._running:
            await self._until_progress()
        self._raise_failure()

    def _go_on(self) -> None:
        """Begins to write what waits, unless it is being written, and makes older chunks durable when it is time."""
        if self._failure is not None:
            return
        if self._writing is None and self._waiting:
            batch, self._waiting = self._waiting, []
            self._writing = self._in_thread(bound(_write, self._partial, batch))
            self._writing.add_done_callback(lambda _: self._written(len(batch)))
        if self._syncing is None and self._partial.sync_due:
            # A disk takes as long as a network: what has come is made durable while more comes.
            note = self._loop.time() - self._noted_at >= NOTE_SECONDS
            if note:
                self._noted_at = self._loop.time()
            self._syncing = self._in_thread(bound(self._partial.sync, note=note))
            self._syncing.add_done_callback(lambda _: self._synced())

    def _written(self, count: int) -> None:
        self._writing = None
        self._unwritten -= count
        self._go_on()

    def _synced(self) -> None:
        self._syncing = None

    def _in_thread(self, work: "bound[None]") -> asyncio.Future[None]:
        running = self._loop.run_in_executor(None, work)
        self._running.add(running)
        running.add_done_callback(self._done)
        return running

    def _done(self, running: asyncio.Future[None]) -> None:
        self._running.remove(running)
        self._failure = self._failure or running.exception()
        self._progress.set()

    async def _until_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _write(partial: PartialBlob, chunks: Sequence[event.ChunkReceived]) -> None:
    for chunk in chunks:
        partial.write(chunk.index, chunk.data, sync=False)
