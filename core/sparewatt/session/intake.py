"""Chunks of a download on their way from the connection to the disk, while nothing has to be waited for."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from sparewatt.session import events as event
from sparewatt.session.chunk_writer import ChunkWriter
from sparewatt.session.traffic import Traffic

# An acknowledgement costs both sides as much time as a third of a chunk, so two chunks share one where the second comes
# within 1 ms: on a way slower than 250 MB/s each has its own, and none waits for what is not there.
CHUNKS_TOGETHER: Final = 2
PATIENCE_SECONDS: Final = 0.001


class Acknowledges(Protocol):
    """A session, of which no more is needed here."""

    def acknowledge(self, transfer: int, indices: Sequence[int]) -> None: ...


class Intake:
    """Acknowledges chunks where they arrive and gives them to the writer.

    Args:
        lacking: how many chunks are to come.
    """

    def __init__(self, link: Acknowledges, writer: ChunkWriter, traffic: Traffic, lacking: int) -> None:
        self._link = link
        self._writer = writer
        self._traffic = traffic
        self._lacking = lacking
        self._loop = asyncio.get_running_loop()
        self._together: list[event.ChunkReceived] = []
        self._patience: asyncio.TimerHandle | None = None

    def take(self, chunk: event.ChunkReceived) -> bool:
        """Takes the chunk over, unless the disk or the person's limits have to be waited for first."""
        if not (self._traffic.downloads_freely and self._writer.has_room(len(self._together) + 1)):
            self.go_on()
            return False
        self._together.append(chunk)
        self._lacking -= 1
        if len(self._together) == CHUNKS_TOGETHER or not self._lacking:
            self.go_on()
        elif self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self.go_on)
        return True

    async def wait_and_take(self, chunk: event.ChunkReceived) -> None:
        """Takes over a chunk that `take` left, when the disk and the limits let it; StorageError from the disk."""
        self._lacking -= 1
        self._writer.write((chunk,))
        await self._writer.until_room()
        await self._traffic.downloaded(len(chunk.data))
        self._link.acknowledge(chunk.transfer, (chunk.index,))

    def go_on(self) -> None:
        """Acknowledges and hands over what was taken."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._together:
            chunks, self._together = self._together, []
            # In this order the next chunks are on their way before the thread wants the interpreter.
            self._link.acknowledge(chunks[0].transfer, [chunk.index for chunk in chunks])
            self._writer.write(chunks)
