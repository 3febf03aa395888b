"""What every local connection must do, on whichever system this runs: Unix sockets here, named pipes on Windows."""

import asyncio
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from sparewatt.control.address import Address
from sparewatt.control.local_socket import control_address, listen, open_connection
from sparewatt.control.transport import Listener
from sparewatt.errors import ConflictError, UnavailableError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(bounded())


@asynccontextmanager
async def place() -> AsyncIterator[tuple[Address, Listener, "asyncio.Queue[Streams]"]]:
    """An address, a listener there that is not serving yet, and the queue in which accepted clients are to be put."""
    with tempfile.TemporaryDirectory(prefix="sw") as folder:  # pytest's own folders are too long for a socket
        address = control_address(Path(folder) / secrets.token_hex(4), None, folder)
        listener = listen(address)
        try:
            yield address, listener, asyncio.Queue()
        finally:
            listener.close()
            await listener.wait_closed()


async def hang_up(*ends: Streams) -> None:
    for _, writer in ends:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def test_bytes_go_both_ways_in_order_and_without_borders() -> None:
    async def work() -> None:
        async with place() as (address, listener, arrived):
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            client = await open_connection(address)
            server = await arrived.get()
            client[1].write(b"ab")
            client[1].write(b"cd")
            assert await server[0].readexactly(4) == b"abcd"
            server[1].write(b"efgh")
            assert await client[0].readexactly(1) == b"e"
            assert await client[0].readexactly(3) == b"fgh"
            await hang_up(client, server)

    run(work)


def test_much_more_than_a_buffer_arrives_whole_while_the_other_side_reads_slowly() -> None:
    async def work() -> None:
        data = secrets.token_bytes(3 << 20)
        async with place() as (address, listener, arrived):
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            client = await open_connection(address)
            server = await arrived.get()

            async def send() -> None:
                client[1].write(data)
                await client[1].drain()

            sending = asyncio.create_task(send())
            assert await server[0].readexactly(len(data)) == data
            await sending
            await hang_up(client, server)

    run(work)


def test_the_end_of_one_side_is_seen_by_the_other() -> None:
    async def work() -> None:
        async with place() as (address, listener, arrived):
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            client = await open_connection(address)
            server = await arrived.get()
            await hang_up(client)
            with suppress(ConnectionResetError):  # either is an end
                assert await server[0].read(1) == b""
            await hang_up(server)

    run(work)


def test_many_clients_at_once_each_have_a_connection_of_their_own() -> None:
    async def work() -> None:
        async with place() as (address, listener, arrived):
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            clients = await asyncio.gather(*(open_connection(address) for _ in range(12)))
            servers = [await arrived.get() for _ in clients]
            for number, (_, writer) in enumerate(clients):
                writer.write(bytes([number]))
            assert sorted([await reader.readexactly(1) for reader, _ in servers]) == [bytes([n]) for n in range(12)]
            await hang_up(*clients, *servers)

    run(work)


def test_a_client_that_leaves_at_once_does_not_keep_out_the_next() -> None:
    async def work() -> None:
        async with place() as (address, listener, arrived):
            early = await open_connection(address)
            await hang_up(early)
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            client = await open_connection(address)
            client[1].write(b"x")
            while True:
                server = await arrived.get()
                if await server[0].read(1) == b"x":
                    break
                await hang_up(server)
            await hang_up(client, server)

    run(work)


def test_after_the_close_nobody_answers_and_connections_stand() -> None:
    async def work() -> None:
        async with place() as (address, listener, arrived):
            await listener.serve(lambda *streams: arrived.put_nowait(streams))
            client = await open_connection(address)
            server = await arrived.get()
            listener.close()
            listener.close()
            with pytest.raises(UnavailableError) as caught:
                await open_connection(address)
            assert caught.value.error_id == "engine.not_running"
            server[1].write(b"still here")
            assert await client[0].readexactly(10) == b"still here"
            await hang_up(client, server)

    run(work)


def test_where_nobody_ever_listened_it_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(UnavailableError) as caught:
            await open_connection(control_address(tmp_path, None, str(tmp_path)))
        assert caught.value.error_id == "engine.not_running"

    run(work)


if sys.platform == "win32":  # elsewhere the engine's lock keeps a second one away, and a left-over is replaced

    def test_a_name_that_is_taken_is_refused() -> None:
        async def work() -> None:
            async with place() as (address, _, _arrived):
                with pytest.raises(ConflictError) as caught:
                    listen(address)
                assert caught.value.error_id == "control.pipe"

        run(work)
