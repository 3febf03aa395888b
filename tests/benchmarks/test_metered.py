"""The wire between an engine and its coordinator counts what passes, and holds it to a rate."""

import asyncio
import time

import pytest

from benchmarks.metered import Bucket, wire

SENT, ANSWERED = b"x" * 70_000, b"y" * 30_000


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything, then answer and hang up."""
    received = await reader.read()
    assert received == SENT
    writer.write(ANSWERED)
    await writer.drain()
    writer.close()


async def _exchange(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(SENT)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_both_directions_are_counted_over_all_connections() -> None:
    async def counted() -> tuple[int, int]:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        async with server, wire(server.sockets[0].getsockname()[1]) as between:
            answers = await asyncio.gather(_exchange(between.port), _exchange(between.port))
            assert answers == [ANSWERED, ANSWERED]
            return between.up, between.down

    assert asyncio.run(counted()) == (2 * len(SENT), 2 * len(ANSWERED))


def test_what_goes_up_is_held_to_its_rate() -> None:
    async def taken() -> float:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        async with server, wire(server.sockets[0].getsockname()[1], up_bytes_per_s=2 * len(SENT)) as between:
            began = time.monotonic()
            await _exchange(between.port)
            return time.monotonic() - began

    assert asyncio.run(taken()) >= 0.5


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_no_rate_is_no_limit(rate: float) -> None:
    async def take() -> None:
        bucket = Bucket(rate)
        async with asyncio.timeout(5.0):
            await bucket.take(10**12)

    asyncio.run(take())


def test_a_bucket_lets_no_more_through_than_its_rate_however_it_is_asked() -> None:
    async def taken() -> float:
        bucket = Bucket(10_000.0)
        began = time.monotonic()
        await asyncio.gather(*(bucket.take(200) for _ in range(10)))
        return time.monotonic() - began

    assert asyncio.run(taken()) >= 0.2


def test_where_nobody_listens_a_connection_ends() -> None:
    async def refused() -> bytes:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with wire(port) as between:
            reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
            found = await reader.read()
            writer.close()
            return found

    assert asyncio.run(refused()) == b""


def test_a_side_that_is_cut_off_ends_the_other_one() -> None:
    async def cut() -> bytes:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server, wire(server.sockets[0].getsockname()[1]) as between:
            reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
            async with asyncio.timeout(30.0):
                found = await reader.read()
            writer.close()
            return found

    assert asyncio.run(cut()) == b""


def test_connections_that_are_open_at_the_end_are_closed_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def left_open() -> bytes:
        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(wait, "127.0.0.1", 0)
        async with server:
            async with wire(server.sockets[0].getsockname()[1]) as between:
                reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
                writer.write(b"x")
                while between.up == 0:
                    await asyncio.sleep(0)
            async with asyncio.timeout(30.0):
                found = await reader.read()
            writer.close()
            return found

    assert asyncio.run(left_open()) == b""
    assert caplog.records == []
