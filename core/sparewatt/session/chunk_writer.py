"""Writing the chunks of a download in a thread, while more come."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial as bound
from queue import SimpleQueue
from threading import Thread
from typing import Final

from sparewatt.blobs.partial import PartialBlob
from sparewatt.session import events as event

# With the four that may be on their way they are eight chunks a download: 2 MiB, which hold at most eight blocks of the
# connection's buffer and mostly three.
UNWRITTEN_CHUNKS_MOST: Final = 4
# A note costs several fsyncs; a crash costs what came since the last one.
NOTE_SECONDS: Final = 1.0

Chunks = Sequence[event.ChunkReceived]


class ChunkWriter:
    """Hands chunks to a thread of its own, so that the network does not wait for the disk.

    While the disk keeps up, the thread tells the event loop nothing, for each wake costs both of them a tenth of a
    chunk: the loop looks at what is written when it has more.

    Args:
        partial: written to by nobody else until `end` has returned.
    """

    def __init__(self, partial: PartialBlob) -> None:
        self._partial = partial
        self._loop = asyncio.get_running_loop()
        self._to_write: SimpleQueue[Chunks] = SimpleQueue()
        self._thread: Thread | None = None
        # Counted up here, and there by the thread alone.
        self._taken = self._written = 0
        self._ended = True
        self._waited_for = False
        self._syncing = False
        self._noted_at = self._loop.time()
        self._progress = asyncio.Event()
        self._failure: BaseException | None = None

    def has_room(self, count: int) -> bool:
        """Whether `write` may be given so many chunks now."""
        return self._failure is None and self._taken + count - self._written <= UNWRITTEN_CHUNKS_MOST

    def write(self, chunks: Chunks) -> None:
        """Takes these over, at once."""
        if self._thread is None:
            self._ended = False
            self._thread = Thread(target=self._run, name="download")
            self._thread.start()
        self._taken += len(chunks)
        self._to_write.put(chunks)

    async def until_room(self) -> None:
        """Returns when so few are unwritten that more may come.

        Raises:
            StorageError: one of them could not be written.
        """
        await self._until(lambda: self._failure is not None or self._taken - self._written <= UNWRITTEN_CHUNKS_MOST)

    async def end(self) -> None:
        """Returns when no thread touches the blob any more; raises like `until_room`."""
        self._to_write.put(())
        await self._until(lambda: self._ended and not self._syncing)

    # In the thread

    def _run(self) -> None:
        try:
            while chunks := self._to_write.get():
                for chunk in chunks:
                    self._partial.write(chunk.index, chunk.data, sync=False)
                self._written += len(chunks)
                if self._partial.sync_due and not self._syncing:
                    self._syncing = True
                    self._loop.call_soon_threadsafe(self._sync)
                if self._waited_for:
                    self._loop.call_soon_threadsafe(self._progress.set)
        except BaseException as error:  # noqa: BLE001 - raised where the chunks come from
            self._failure = error
        finally:
            self._loop.call_soon_threadsafe(self._thread_ended)

    # In the event loop

    def _thread_ended(self) -> None:
        self._ended = True
        self._progress.set()

    def _sync(self) -> None:
        """A disk takes as long as a network: what has come is made durable while more comes."""
        note = self._loop.time() - self._noted_at >= NOTE_SECONDS
        if note:
            self._noted_at = self._loop.time()
        self._loop.run_in_executor(None, bound(self._partial.sync, note=note)).add_done_callback(self._synced)

    def _synced(self, running: asyncio.Future[None]) -> None:
        self._syncing = False
        self._failure = self._failure or running.exception()
        self._progress.set()

    async def _until(self, reached: Callable[[], bool]) -> None:
        # Said before each look, so that the thread either is seen to be so far or wakes this.
        self._waited_for = True
        while not reached():
            self._progress.clear()
            if not reached():
                await self._progress.wait()
        self._waited_for = False
        if self._failure is not None:
            raise self._failure
