"""Real websockets on the loopback: what is open, what is counted, and every way in which it is not a coordinator."""

import asyncio
import hashlib
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.session.connection import BACKOFF_MOST_SECONDS, WebsocketDial, backoff_seconds
from sparewatt.wire.messages import SUBPROTOCOL
from sparewatt_coordinator.testing.certificates import certified


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_grows_and_is_bounded(attempt: int, fraction: float) -> None:
    wait = backoff_seconds(attempt, fraction)
    assert 0.5 <= wait <= BACKOFF_MOST_SECONDS
    assert wait <= backoff_seconds(attempt + 1, fraction)


def test_back_off_is_spread_over_half_of_its_time() -> None:
    assert [backoff_seconds(attempt, 0.0) for attempt in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0]
    assert backoff_seconds(3, 0.5) == 6.0


async def echo(connection: ServerConnection) -> None:
    async for frame in connection:
        await connection.send(frame)


def with_server(
    test: Callable[[str], Awaitable[None]],
    handler: Callable[[ServerConnection], Awaitable[None]] = echo,
    subprotocol: str = SUBPROTOCOL,
) -> None:
    async def run() -> None:
        async with serve(
            handler, "127.0.0.1", 0, subprotocols=[Subprotocol(subprotocol)], select_subprotocol=None
        ) as server:
            port = server.sockets[0].getsockname()[1]
            async with asyncio.timeout(10):
                await test(f"ws://127.0.0.1:{port}")

    asyncio.run(run())


def test_frames_go_both_ways_and_are_counted_with_their_headers() -> None:
    async def test(url: str) -> None:
        transport = await WebsocketDial()(url)
        for frame in ("text", b"x" * 200, b"y" * 300_000):
            await transport.send(frame)
            assert await transport.receive() == frame
        assert transport.bytes_down == (4 + 2) + (200 + 4) + (300_000 + 10)
        assert transport.bytes_up == transport.bytes_down + 3 * 4
        await transport.close()
        with pytest.raises(UnavailableError, match=r"connection\.lost"):
            await transport.send("late")

    with_server(test)


def test_encrypted_frames_of_every_size_arrive_whole_and_in_order(tmp_path: Path) -> None:
    _, certificate, key = certified(tmp_path, ("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    public = load_pem_x509_certificate(certificate.read_bytes()).public_key()
    pin = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    frames = [os.urandom(size) for size in (1, 125, 126, 65_535, 65_536, 262_152, 320 * 1024, 7) * 5]

    async def burst(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    async def run() -> None:
        mine = [Subprotocol(SUBPROTOCOL)]
        async with serve(burst, "127.0.0.1", 0, subprotocols=mine, ssl=context) as server, asyncio.timeout(20):
            port = server.sockets[0].getsockname()[1]
            transport = await WebsocketDial()(f"wss://127.0.0.1:{port}", pin)
            for frame in frames:
                assert await transport.receive() == frame
            await transport.close()

    asyncio.run(run())


def test_who_listens_has_binary_frames_as_they_come_and_leaves_the_rest_in_order() -> None:
    frames: list[str | bytes] = ["one", b"two", b"leave", b"three", "four", b"five"]

    async def burst(connection: ServerConnection) -> None:
        await connection.recv()
        for frame in frames:
            await connection.send(frame)
        await connection.recv()
        await connection.send(b"six" * 100_000)
        await connection.wait_closed()

    async def test(url: str) -> None:
        transport = await WebsocketDial()(url)
        taken: list[bytes] = []

        def take(frame: bytes) -> bool:
            if bytes(frame) == b"leave":
                return False
            taken.append(bytes(frame))
            return True

        transport.listen(take)
        assert transport.send_now("begin")
        received = [await transport.receive() for _ in range(len(frames) - len(taken))]
        # What came while another waited for `receive` was not taken, so both are in order and nothing is lost.
        while len(received) + len(taken) < len(frames):
            received.append(await transport.receive())
        assert received == [each for each in frames if each not in taken]
        assert taken == [each for each in frames if each in taken]
        transport.listen(None)
        assert transport.send_now("go on")
        assert await transport.receive() == b"six" * 100_000
        assert transport.bytes_down == sum(2 + len(each) for each in frames) + 10 + 300_000
        assert transport.bytes_up == (2 + 4 + 5) + (2 + 4 + 5)
        await transport.close()

    with_server(test, burst)


def test_binary_frames_reach_who_listens_although_nobody_receives() -> None:
    async def burst(connection: ServerConnection) -> None:
        await connection.recv()
        for number in range(20):
            await connection.send(bytes([number]) * 100_000)
        await connection.wait_closed()

    async def test(url: str) -> None:
        transport = await WebsocketDial()(url)
        taken: list[bytes] = []
        all_came = asyncio.Event()

        def take(frame: bytes) -> bool:
            taken.append(bytes(frame))
            if len(taken) == 20:
                all_came.set()
            return True

        transport.listen(take)
        await transport.send("begin")
        await all_came.wait()
        assert taken == [bytes([number]) * 100_000 for number in range(20)]
        await transport.close()

    with_server(test, burst)


def test_nothing_is_sent_at_once_to_who_does_not_read_or_is_gone() -> None:
    enough = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        await enough.wait()
        connection.transport.abort()

    async def test(url: str) -> None:
        transport = await WebsocketDial()(url)
        sent = 0
        while transport.send_now("x" * 60_000):
            sent += 1
            assert sent < 10_000, "the system takes some MiB, not more"
        before = transport.bytes_up
        assert not transport.send_now("late")
        assert transport.bytes_up == before
        enough.set()
        with pytest.raises(UnavailableError, match=r"connection\.lost"):
            await transport.receive()
        assert not transport.send_now("later")
        await transport.close()

    with_server(test, deaf)


def test_a_frame_above_320_kib_ends_the_connection() -> None:
    async def too_much(connection: ServerConnection) -> None:
        await connection.send(bytes(320 * 1024 + 1))
        await connection.wait_closed()

    async def test(url: str) -> None:
        transport = await WebsocketDial()(url)
        with pytest.raises(UnavailableError, match=r"connection\.lost"):
            await transport.receive()

    with_server(test, too_much)


def test_a_server_of_another_subprotocol_is_no_coordinator() -> None:
    async def test(url: str) -> None:
        with pytest.raises(ProtocolError):
            await WebsocketDial()(url)

    with_server(test, subprotocol="sparewatt.v9")


def test_a_server_without_websockets_is_no_coordinator() -> None:
    async def run() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, asyncio.timeout(10):
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ProtocolError, match=r"connection\.not_coordinator"):
                await WebsocketDial()(f"ws://127.0.0.1:{port}")

    asyncio.run(run())


def test_nobody_there_is_unreachable() -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(UnavailableError, match=r"connection\.unreachable"):
            await WebsocketDial()(f"ws://127.0.0.1:{port}")

    asyncio.run(run())
