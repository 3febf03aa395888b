"""What goes wrong with a chunk where it arrives ends the session like everything else that goes wrong in it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sparewatt.clock import SystemClock
from sparewatt.session import events as event
from sparewatt.session.link import Link
from sparewatt.session.protocol import SessionProtocol
from sparewatt.testing.run import FakeRun, private_key
from sparewatt.testing.transport import FakeCoordinator, FakeCoordinatorSession, MemoryTransport, transport_pair
from sparewatt.wire.codec import encode_chunk
from sparewatt.wire.messages import CHUNK_BYTES, Chunk
from sparewatt.work.version import BlobRef

RUN = FakeRun()
BLOB = BlobRef(sha256="ab" * 32, size=6 * CHUNK_BYTES)
Told = event.SessionRefused | event.SessionFailed | None


def chunk(transfer: int, index: int) -> bytes:
    return encode_chunk(Chunk(transfer=transfer, index=index, data=bytes(CHUNK_BYTES)))


def with_session(test: Callable[[Link, MemoryTransport, "asyncio.Task[Told]"], Awaitable[None]]) -> None:
    """Runs `test` with a session that stands, the coordinator's end of its connection, and the task that serves it."""

    async def run() -> None:
        near, far = transport_pair()
        clock = SystemClock()
        link = Link(near, SessionProtocol(RUN.terms(), private_key(7), "0c" * 32, clock.monotonic()), clock)
        standing = asyncio.Event()

        async def hear(told: event.Event) -> None:
            if isinstance(told, event.Connected):
                standing.set()

        serving = asyncio.create_task(link.serve(hear))
        coordinator = FakeCoordinatorSession(FakeCoordinator(RUN))
        async with asyncio.timeout(20):
            while not coordinator.active:
                for answer in coordinator.receive(await far.receive()):
                    await far.send(answer)
            await standing.wait()
            await test(link, far, serving)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(run())


def test_a_chunk_is_taken_before_the_sender_goes_on_and_its_acknowledgement_is_sent() -> None:
    async def test(link: Link, far: MemoryTransport, serving: "asyncio.Task[Told]") -> None:
        del serving
        taken: list[int] = []

        def take(told: event.ChunkReceived) -> bool:
            taken.append(told.index)
            link.acknowledge(told.transfer, (told.index,))
            return True

        with link.fetching(BLOB, b"\0", take):
            assert '"fetch"' in str(await far.receive())
            for index in range(6):
                await far.send(chunk(1, index))
                assert taken == list(range(index + 1))
            assert [await far.receive() for _ in range(6)] == [
                f'{{"type":"ack","transfer":1,"index":{index}}}' for index in range(6)
            ]

    with_session(test)


def test_a_chunk_that_is_not_taken_waits_in_the_inbox() -> None:
    async def test(link: Link, far: MemoryTransport, serving: "asyncio.Task[Told]") -> None:
        del serving
        with link.fetching(BLOB, b"\0", lambda _: False) as inbox:
            await far.receive()
            await far.send(chunk(1, 3))
            told = await inbox.get()
            assert isinstance(told, event.ChunkReceived)
            assert (told.index, told.data) == (3, bytes(CHUNK_BYTES))

    with_session(test)


def test_a_sender_that_does_not_wait_ends_the_session() -> None:
    async def test(link: Link, far: MemoryTransport, serving: "asyncio.Task[Told]") -> None:
        with link.fetching(BLOB, b"\0", lambda _: True) as inbox:
            await far.receive()
            for index in range(5):
                await far.send(chunk(1, index))
            ended = await serving
            assert isinstance(ended, event.SessionFailed)
            assert ended.error.error_id == "session.window"
            assert await inbox.get() == ended

    with_session(test)


def test_a_bug_where_a_chunk_is_taken_is_raised_by_who_serves_the_session() -> None:
    async def test(link: Link, far: MemoryTransport, serving: "asyncio.Task[Told]") -> None:
        def take(_: event.ChunkReceived) -> bool:
            raise ZeroDivisionError

        with link.fetching(BLOB, b"\0", take):
            await far.receive()
            await far.send(chunk(1, 0))
            with pytest.raises(ZeroDivisionError):
                await serving

    with_session(test)
