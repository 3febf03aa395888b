"""Sessions over websockets."""

import asyncio
import errno
import secrets
import ssl
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from sparewatt.clock import Clock
from sparewatt.errors import ConflictError, ProtocolError, UnavailableError
from sparewatt.signing import Signed
from sparewatt.wire.codec import UNAUTHENTICATED_BYTES_MOST, decode_chunk, decode_engine, encode
from sparewatt.wire.messages import FRAME_BYTES_MOST, SUBPROTOCOL
from sparewatt_coordinator.gateway import effects as e
from sparewatt_coordinator.gateway import page
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.carrier import Carrier
from sparewatt_coordinator.gateway.protocol import GatewaySession, Terms
from sparewatt_coordinator.gateway.socket import GatewaySocket

HANDSHAKE_SECONDS: Final = 10.0
SEND_SECONDS_MOST: Final = 30.0
CLOSE_SECONDS: Final = 2.0
SEEN_MOST: Final = 256
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
        origins: web origins that may connect; every other ``Origin`` is turned away.
    """

    def __init__(
        self, terms: Terms, books: Books, carrier: Carrier, clock: Clock, origins: frozenset[str] = frozenset()
    ) -> None:
        self._terms = terms
        self._books = books
        self._carrier = carrier
        self._clock = clock
        self._origins = origins
        self._servers: list[Server] = []
        self._revoked: set[str] = set()
        self._seen: dict[str, int] = {}
        self._active: set[_Connection] = set()
        self._open = 0
        self._handshakes = 0

    @property
    def contributors_here(self) -> int:
        """Sessions that stand now."""
        return len(self._active)

    @property
    def connected(self) -> frozenset[str]:
        """Public keys of the contributors whose sessions stand now."""
        return frozenset(each.contributor for each in self._active)

    async def start(
        self, listen: Iterable[tuple[str, int]], context: ssl.SSLContext | None
    ) -> tuple[tuple[str, int], ...]:
        """Listen on every host and port, and say which they became.

        Args:
            context: of TLS; None listens in the clear, which is for loopback and for a proxy.

        Raises:
            ConflictError: ``serve.port_in_use``.
            UnavailableError: ``serve.address``.
        """
        return tuple([await self._listen(host, port, context) for host, port in listen])

    async def _listen(self, host: str, port: int, context: ssl.SSLContext | None) -> tuple[str, int]:
        # asyncio refuses a time for a TLS handshake where there is none.
        handshake_seconds = None if context is None else HANDSHAKE_SECONDS
        try:
            server = await serve(
                self._handle,
                host,
                port,
                create_connection=GatewaySocket,
                select_subprotocol=_select_subprotocol,
                process_request=self._process_request,
                server_header=None,
                compression=None,
                open_timeout=HANDSHAKE_SECONDS,
                close_timeout=CLOSE_SECONDS,
                # Until a key was proved; then `_Connection` raises it.
                max_size=UNAUTHENTICATED_BYTES_MOST,
                max_queue=QUEUE_FRAMES_MOST,
                ssl=context,
                ssl_handshake_timeout=handshake_seconds,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConflictError("serve.port_in_use", port=port) from error
            raise UnavailableError("serve.address", host=host, number=error.errno or 0) from error
        self._servers.append(server)
        bound = next(iter(server.sockets)).getsockname()
        return bound[0], bound[1]

    def announce(self, announcement: Signed) -> None:
        """Tell every session; one that has not yet sent the last announcement skips it for this one."""
        for connection in self._active:
            connection.announce(announcement)

    async def revoke(self, contributor: str) -> None:
        """End every session of this key within 5 s, with words; the store lets it in no more."""
        self._revoked.add(contributor)
        ended = [each.refuse("contributor.revoked") for each in self._active if each.contributor == contributor]
        await asyncio.gather(*ended)

    async def note_seen(self) -> None:
        """Write down when contributors were last connected."""
        now = int(self._clock.unix() * 1000)
        seen, self._seen = self._seen | dict.fromkeys(self.connected, now), {}
        if seen:
            await self._books.call(lambda store: store.note_seen(seen))

    async def stop(self) -> None:
        """Close every connection; what was accepted is in the books, the rest is offered again."""
        await self.note_seen()
        for server in self._servers:
            server.close(code=CLOSE_RESTART)
        for server in self._servers:
            await server.wait_closed()

    async def _handle(self, socket: ServerConnection) -> None:
        assert isinstance(socket, GatewaySocket), "it was asked for"
        session = GatewaySession(self._terms, self._books.sign, secrets.token_hex(32), secrets.token_hex(16))
        connection = _Connection(socket, session, self._carrier)
        self._open += 1
        try:
            if not await self._handshake(connection):
                return
            self._active.add(connection)
            if connection.contributor in self._revoked:
                # It was let in a moment before, and is no more.
                await connection.refuse("contributor.revoked")
                return
            await connection.serve(SILENT_HEARTBEATS * self._terms.heartbeat_s)
        except (ConnectionClosed, TimeoutError):
            return
        finally:
            self._open -= 1
            if connection in self._active:
                self._active.remove(connection)
                self._seen[connection.contributor] = int(self._clock.unix() * 1000)
            await connection.close()
            if len(self._seen) >= SEEN_MOST:
                await self.note_seen()

    async def _handshake(self, connection: "_Connection") -> bool:
        self._handshakes += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                return await connection.handshake()
        finally:
            self._handshakes -= 1

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Web pages of any origin are kept out; people get the run's page, probes an answer."""
        if not self._origins.issuperset(request.headers.get_all("Origin")):
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

    def __init__(self, socket: GatewaySocket, session: GatewaySession, carrier: Carrier) -> None:
        self._socket = socket
        self._session = session
        self._carrier = carrier
        self._news: Signed | None = None
        self._telling: asyncio.Task[None] | None = None

    @property
    def contributor(self) -> str:
        return self._session.contributor

    async def refuse(self, reason: str) -> None:
        """End the session with words; a peer that does not listen is cut off."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._carry_out(self._session.refuse(reason))
        except (ConnectionClosed, TimeoutError):
            self._socket.transport.abort()

    async def handshake(self) -> bool:
        """Whether the session became active."""
        while self._session.state not in ("active", "ended"):
            await self._take_frame(unauthenticated=True)
        return self._session.state == "active"

    async def serve(self, silence_seconds: float) -> None:
        """Until the session ends, the connection closes, or nothing was heard for too long."""
        self._socket.protocol.max_message_size = FRAME_BYTES_MOST
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as waiting:
            while self._session.state == "active":
                waiting.reschedule(loop.time() + silence_seconds)
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
                case e.SendChunks():
                    # One after the other, so that each is still in the processor's cache when it is encrypted.
                    indices = effect.indices
                    while indices and (read := self._carrier.message_now(effect, indices[0])) is not None:
                        await self._send_whole((read,))
                        indices = indices[1:]
                    found = await self._carrier.messages(effect, indices)
                    if isinstance(found, e.Failed):
                        waiting.extend(reversed(self._session.outcome(found)))
                        continue
                    await self._send_whole(found)
                case e.Close(reason=reason):
                    await self._socket.close(CLOSE_POLICY, reason)
                    return
                case _:
                    answer = await self._carrier.answer(effect)
                    waiting.extend(reversed(self._session.outcome(answer)))

    async def _send_whole(self, messages: Sequence[bytearray]) -> None:
        """Raises like `_send`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as waiting:
            for message in messages:
                waiting.reschedule(loop.time() + SEND_SECONDS_MOST)
                await self._socket.send_whole(message)

    async def _send(self, frame: str) -> None:
        """Raises TimeoutError when the other side takes nothing for 30 s."""
        async with asyncio.timeout(SEND_SECONDS_MOST):
            await self._socket.send(frame)


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    wanted = Subprotocol(SUBPROTOCOL)
    if wanted not in offered:
        raise NegotiationError(f"only {SUBPROTOCOL} is spoken here")
    return wanted
