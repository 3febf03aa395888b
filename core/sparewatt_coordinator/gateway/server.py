"""Sessions over websockets, on loopback."""

import asyncio
import errno
import ipaddress
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from sparewatt.errors import ConflictError, InputError, ProtocolError, UnavailableError
from sparewatt.signing import Signed
from sparewatt.wire.codec import UNAUTHENTICATED_BYTES_MOST, decode_chunk, decode_engine, encode, encode_chunk
from sparewatt.wire.messages import FRAME_BYTES_MOST, SUBPROTOCOL, Chunk
from sparewatt_coordinator.gateway import effects as e
from sparewatt_coordinator.gateway import page
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.carrier import Carrier
from sparewatt_coordinator.gateway.protocol import GatewaySession, Terms

HANDSHAKE_SECONDS: Final = 10.0
SEND_SECONDS_MOST: Final = 30.0
SILENT_HEARTBEATS: Final = 4
QUEUE_FRAMES_MOST: Final = 4
CONNECTIONS_MOST: Final = 12_000
HANDSHAKES_MOST: Final = 512
CLOSE_POLICY: Final = 1008
CLOSE_RESTART: Final = 1012


class GatewayServer:
    """Accepts connections and drives one `GatewaySession` each.

    Args:
        terms: of the run; every session starts from them.
    """

    def __init__(self, terms: Terms, books: Books, carrier: Carrier) -> None:
        self._terms = terms
        self._books = books
        self._carrier = carrier
        self._server: Server | None = None
        self._active: set[_Connection] = set()
        self._open = 0
        self._handshakes = 0

    @property
    def contributors_here(self) -> int:
        """Sessions that stand now."""
        return len(self._active)

    async def start(self, host: str, port: int) -> str:
        """Listen, and say under which websocket address.

        Raises:
            InputError: ``serve.not_loopback``.
            ConflictError: ``serve.port_in_use``.
            UnavailableError: ``serve.address``.
        """
        check_loopback(host)
        try:
            self._server = await serve(
                self._handle,
                host,
                port,
                select_subprotocol=_select_subprotocol,
                process_request=self._process_request,
                server_header=None,
                compression=None,
                open_timeout=HANDSHAKE_SECONDS,
                # Until a key was proved; then `_Connection` raises it.
                max_size=UNAUTHENTICATED_BYTES_MOST,
                max_queue=QUEUE_FRAMES_MOST,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConflictError("serve.port_in_use", port=port) from error
            raise UnavailableError("serve.address", host=host, number=error.errno or 0) from error
        bound = next(iter(self._server.sockets)).getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"ws://{shown}:{bound[1]}"

    def announce(self, announcement: Signed) -> None:
        """Tell every session; one that has not yet sent the last announcement skips it for this one."""
        for connection in self._active:
            connection.announce(announcement)

    async def stop(self) -> None:
        """Close every connection; what was accepted is in the books, the rest is offered again."""
        if self._server is not None:
            self._server.close(code=CLOSE_RESTART)
            await self._server.wait_closed()

    async def _handle(self, socket: ServerConnection) -> None:
        session = GatewaySession(self._terms, self._books.sign, secrets.token_hex(32), secrets.token_hex(16))
        connection = _Connection(socket, session, self._carrier)
        self._open += 1
        try:
            if not await self._handshake(connection):
                return
            self._active.add(connection)
            await connection.serve(SILENT_HEARTBEATS * self._terms.heartbeat_s)
        except (ConnectionClosed, TimeoutError):
            return
        finally:
            self._open -= 1
            self._active.discard(connection)
            await connection.close()

    async def _handshake(self, connection: "_Connection") -> bool:
        self._handshakes += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                return await connection.handshake()
        finally:
            self._handshakes -= 1

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Web pages of any origin are kept out; people get the run's page, probes an answer."""
        if "Origin" in request.headers:
            return connection.respond(HTTPStatus.FORBIDDEN, "Browsers have no part in this.\n")
        if "Upgrade" in request.headers:
            if self._open >= CONNECTIONS_MOST or self._handshakes >= HANDSHAKES_MOST:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Full.\n")
            return None
        path = urlsplit(request.path).path
        if path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/":
            return await self._page()
        return connection.respond(HTTPStatus.NOT_FOUND, "Nothing here.\n")

    async def _page(self) -> Response:
        text = await self._books.call(lambda store: page.render(store.run(), store.status()))
        body = text.encode()
        headers = Headers({**page.HEADERS, "Content-Length": str(len(body)), "Connection": "close"})
        return Response(HTTPStatus.OK, HTTPStatus.OK.phrase, headers, body)


class _Connection:
    """One websocket and its session; effects are carried out one after the other."""

    def __init__(self, socket: ServerConnection, session: GatewaySession, carrier: Carrier) -> None:
        self._socket = socket
        self._session = session
        self._carrier = carrier
        self._news: Signed | None = None
        self._telling: asyncio.Task[None] | None = None

    async def handshake(self) -> bool:
        """Whether the session became active."""
        while self._session.state not in ("active", "ended"):
            await self._take_frame(unauthenticated=True)
        return self._session.state == "active"

    async def serve(self, silence_seconds: float) -> None:
        """Until the session ends, the connection closes, or nothing was heard for too long."""
        self._socket.protocol.max_message_size = FRAME_BYTES_MOST
        while self._session.state == "active":
            async with asyncio.timeout(silence_seconds) as waiting:
                frame = await self._socket.recv()
                waiting.reschedule(None)
                await self._take(frame, unauthenticated=False)

    def announce(self, announcement: Signed) -> None:
        """Send it as soon as the contributor takes it; only the newest waits."""
        self._news = announcement
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self._carrier.close_uploads(self._session.payloads)
        await self._socket.close()

    async def _tell(self) -> None:
        try:
            while (news := self._news) is not None:
                self._news = None
                await self._carry_out(self._session.announce(news))
        except (ConnectionClosed, TimeoutError):
            # The connection's own loop notices the same and ends.
            return

    async def _take_frame(self, unauthenticated: bool) -> None:
        await self._take(await self._socket.recv(), unauthenticated)

    async def _take(self, frame: str | bytes, unauthenticated: bool) -> None:
        try:
            if isinstance(frame, bytes):
                effects = self._session.receive_chunk(decode_chunk(frame))
            else:
                effects = self._session.receive(decode_engine(frame, unauthenticated))
        except ProtocolError as error:
            effects = self._session.broken(error.error_id)
        await self._carry_out(effects)

    async def _carry_out(self, effects: Sequence[e.Effect]) -> None:
        """Effects in order, those that an outcome brings before the ones that wait."""
        waiting = list(reversed(effects))
        while waiting:
            effect = waiting.pop()
            match effect:
                case e.Send(message=message):
                    await self._send(encode(message))
                case e.SendChunk():
                    found = await self._carrier.chunk(effect)
                    if isinstance(found, Chunk):
                        await self._send(encode_chunk(found))
                    else:
                        waiting.extend(reversed(self._session.outcome(found)))
                case e.Close(reason=reason):
                    await self._socket.close(CLOSE_POLICY, reason)
                    return
                case _:
                    answer = await self._carrier.answer(effect)
                    waiting.extend(reversed(self._session.outcome(answer)))

    async def _send(self, frame: str | bytes) -> None:
        """Raises TimeoutError when the other side takes nothing for 30 s."""
        async with asyncio.timeout(SEND_SECONDS_MOST):
            await self._socket.send(frame)


def check_loopback(host: str) -> None:
    """Raises InputError ``serve.not_loopback``: beyond this computer a session needs TLS, which comes later."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InputError("serve.not_loopback", host=host)


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    wanted = Subprotocol(SUBPROTOCOL)
    if wanted not in offered:
        raise NegotiationError(f"only {SUBPROTOCOL} is spoken here")
    return wanted
