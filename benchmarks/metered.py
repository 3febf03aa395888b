"""A wire that counts, and that may be slow: a TCP proxy on the loopback between an engine and its coordinator."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

_READ_BYTES: Final = 16_384


class Bucket:
    """A token bucket: at most so many bytes each second, and `_READ_BYTES` at once; 0 for no limit."""

    def __init__(self, bytes_per_s: float) -> None:
        self._rate = bytes_per_s
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        """Wait until `count` bytes may pass."""
        if self._rate <= 0:
            return
        now = time.monotonic()
        self._free_at = max(now, self._free_at) + count / self._rate
        await asyncio.sleep(self._free_at - now)


@dataclass
class Wire:
    """Attributes:
    port: of the loopback, that leads to the coordinator.
    up, down: bytes of TCP payload that have passed, from the engine and to it.
    """

    port: int
    up: int = 0
    down: int = 0


@contextlib.asynccontextmanager
async def wire(to_port: int, up_bytes_per_s: float = 0, down_bytes_per_s: float = 0) -> AsyncIterator[Wire]:
    """Until the block ends; all connections together share one rate for each direction."""
    counted = Wire(0)
    up, down = Bucket(up_bytes_per_s), Bucket(down_bytes_per_s)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bucket: Bucket, count: Callable[[int], None]
    ) -> None:
        while data := await reader.read(_READ_BYTES):
            await bucket.take(len(data))
            count(len(data))
            writer.write(data)
            await writer.drain()
        # The other direction may still have something to say.
        writer.write_eof()

    def count_up(count: int) -> None:
        counted.up += count

    def count_down(count: int) -> None:
        counted.down += count

    async def connect_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        # A side that hangs up in the middle, or is not there, ends both directions: that is what each then sees.
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", to_port)
            writers.append(other_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(pump(reader, other_writer, up, count_up))
                both.create_task(pump(other_reader, writer, down, count_down))
        except* OSError:
            pass
        finally:
            for each in writers:
                each.close()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connect_through(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(meet, "127.0.0.1", 0, limit=2 * _READ_BYTES)
    counted.port = server.sockets[0].getsockname()[1]
    try:
        yield counted
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
