"""Messages with their own header arrive like all others, in their order, and a closed connection says so."""

import asyncio
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sparewatt.wire.codec import chunk_message, decode_chunk
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt_coordinator.gateway.socket import GatewaySocket, message_body
from sparewatt_coordinator.testing.certificates import certified

SIZES = (1, 117, 118, 65_527, 65_528, CHUNK_BYTES, CHUNK_BYTES)


def whole(index: int, size: int) -> bytearray:
    message, data = chunk_message(4, index, size)
    data[:] = bytes([index]) * size
    return message


@pytest.mark.parametrize("encrypted", [False, True])
def test_messages_of_every_size_arrive_between_others(tmp_path: Path, encrypted: bool) -> None:
    server_context, client_context = contexts(tmp_path) if encrypted else (None, None)

    async def send(socket: ServerConnection) -> None:
        assert isinstance(socket, GatewaySocket)
        for index, size in enumerate(SIZES):
            await socket.send(f"next is {index}")
            await socket.send_whole(whole(index, size))
        await socket.wait_closed()

    async def run() -> None:
        async with (
            asyncio.timeout(20),
            serve(
                send, "127.0.0.1", 0, create_connection=GatewaySocket, compression=None, ssl=server_context
            ) as server,
        ):
            port = server.sockets[0].getsockname()[1]
            url = f"{'wss' if encrypted else 'ws'}://127.0.0.1:{port}"
            async with connect(url, ssl=client_context, compression=None, proxy=None) as socket:
                for index, size in enumerate(SIZES):
                    assert await socket.recv() == f"next is {index}"
                    frame = await socket.recv()
                    assert isinstance(frame, bytes)
                    chunk = decode_chunk(frame)
                    assert (chunk.transfer, chunk.index, chunk.data) == (4, index, bytes([index]) * size)

    asyncio.run(run())


def test_a_closed_connection_takes_no_more() -> None:
    async def run() -> None:
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def send(socket: ServerConnection) -> None:
            assert isinstance(socket, GatewaySocket)
            await socket.wait_closed()
            try:
                await socket.send_whole(whole(0, 10))
            except ConnectionClosed:
                ended.set_result(True)

        async with (
            asyncio.timeout(20),
            serve(send, "127.0.0.1", 0, create_connection=GatewaySocket, compression=None) as server,
        ):
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None):
                pass
            assert await ended

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_what_a_message_says_is_behind_its_header(size: int) -> None:
    chunk = decode_chunk(message_body(whole(3, size)))
    assert (chunk.index, chunk.data) == (3, bytes([3]) * size)


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    _, certificate, key = certified(folder, ("127.0.0.1",))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return server, client
