"""A websocket to a coordinator: frames both ways, bytes counted, failures named."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from cryptography.exceptions import UnsupportedAlgorithm
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidURI,
    NegotiationError,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from sparewatt.errors import InputError, IntegrityError, ProtocolError, UnavailableError
from sparewatt.session.receive_buffer import ReceiveBuffer
from sparewatt.wire.messages import FRAME_BYTES_MOST, SUBPROTOCOL

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
QUEUED_FRAMES_MOST: Final = 4
BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_MOST_SECONDS: Final = 30.0


class Transport(Protocol):
    """An open connection that carries whole frames, text or binary, in order."""

    async def send(self, frame: str | bytes) -> None:
        """Hands a frame over; waits while the peer does not read. UnavailableError ``connection.lost``."""
        ...

    async def receive(self) -> str | bytes:
        """The next frame. Raises UnavailableError ``connection.lost``."""
        ...

    def listen(self, take: Callable[[bytes], bool] | None) -> None:
        """Lets `take` have every binary frame as it comes, without the wait for the one who calls `receive`.

        Args:
            take: whether it has dealt with a frame. One that it leaves, or that comes while others wait for
                `receive`, waits behind them; None leaves them all.
        """
        ...

    def send_now(self, frame: str) -> bool:
        """Hands a short frame over, unless that would need a wait; then False, and nothing was sent.

        Only while no `send` is under way, for the frame would go before its.
        """
        ...

    async def close(self) -> None:
        """Ends the connection; doing it again changes nothing."""
        ...

    @property
    def bytes_up(self) -> int: ...

    @property
    def bytes_down(self) -> int: ...


class Dial(Protocol):
    async def __call__(self, url: str, pin: str | None = None) -> Transport:
        """Opens a connection.

        Args:
            pin: SHA-256 of the public key that the other side's certificate must hold; None asks the system's
                authorities whether it is who it should be.

        Raises:
            UnavailableError: ``connection.unreachable``.
            IntegrityError: ``connection.certificate`` when no authority vouches for the other side,
                ``connection.pin`` when it holds another key, ``connection.tls`` when no encryption can be agreed on.
            ProtocolError: ``connection.not_coordinator`` when something else answers, ``connection.subprotocol`` when
                it speaks another version.
            InputError: ``connection.address``.
        """
        ...


def backoff_seconds(attempt: int, fraction: float) -> float:
    """How long to wait before connecting again.

    Args:
        attempt: failures in a row, from 0.
        fraction: evenly random in [0, 1), so that many engines do not come back at once.

    Returns:
        Between half and all of 1, 2, 4 … 30 s.
    """
    most = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(attempt, 16))
    return most * (0.5 + 0.5 * fraction)


class WebsocketDial:
    """Opens websockets, outbound only.

    Args:
        proxy: address of a proxy; None connects directly, whatever the environment says.
    """

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = proxy
        self._certified: ssl.SSLContext | None = None
        self._pinned: ssl.SSLContext | None = None

    async def __call__(self, url: str, pin: str | None = None) -> Transport:
        other_key = asyncio.Event()
        context = await self._context(pin) if url.startswith("wss:") else None
        try:
            connection = await connect(
                url,
                create_connection=_holding_key(pin, other_key.set),
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                max_size=FRAME_BYTES_MOST,
                max_queue=QUEUED_FRAMES_MOST,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                user_agent_header="sparewatt",
                proxy=self._proxy,
                ssl=context,
            )
        except ssl.SSLCertVerificationError as error:
            raise IntegrityError("connection.certificate", url=url) from error
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            # The line was cut in the middle of the handshake, which says nothing about who is there.
            raise UnavailableError("connection.unreachable", url=url) from error
        except ssl.SSLError as error:
            raise IntegrityError("connection.tls", url=url) from error
        except NegotiationError as error:
            raise ProtocolError("connection.subprotocol", url=url) from error
        except (InvalidHandshake, InvalidMessage) as error:
            if other_key.is_set():
                raise IntegrityError("connection.pin", url=url) from error
            raise ProtocolError("connection.not_coordinator", url=url) from error
        except InvalidURI as error:
            raise InputError("connection.address", url=url) from error
        except (OSError, TimeoutError, EOFError) as error:
            if other_key.is_set():
                raise IntegrityError("connection.pin", url=url) from error
            raise UnavailableError("connection.unreachable", url=url) from error
        if connection.subprotocol != SUBPROTOCOL:
            await connection.close()
            raise ProtocolError("connection.subprotocol", url=url)
        assert isinstance(connection, _BufferedConnection)
        return WebsocketTransport(connection)

    async def _context(self, pin: str | None) -> ssl.SSLContext:
        """Made once of each kind: reading the system's authorities takes a disk."""
        kept = self._pinned if pin is not None else self._certified
        if kept is not None:
            return kept
        if pin is None:
            made = self._certified = await asyncio.to_thread(ssl.create_default_context)
        else:
            made = self._pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # The key alone is checked, by `_holding_key`: who holds it needs no name, no date and no authority.
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        return made


class _BufferedConnection(ClientConnection, asyncio.BufferedProtocol):
    """A connection that decrypts straight into the buffer it reads from.

    asyncio otherwise makes 256 KiB of fresh memory for each TLS record of 16 KiB, and joins the records.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = ReceiveBuffer()
        self.take: Callable[[bytes], bool] | None = None
        # Not promised by websockets; the tests of this module would notice another way of reading.
        self.protocol.reader.buffer = cast(bytearray, self._received)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio asks so
        self._room = self._received.room()
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(cast(bytes, self._room[:nbytes]))

    def process_event(self, event: Request | Response | Frame) -> None:
        """Gives a whole binary message away where it was parsed: a task that waits for it costs more than it does."""
        if (
            self.take is not None
            and isinstance(event, Frame)
            and event.opcode is Opcode.BINARY
            and event.fin
            and not len(self.recv_messages.frames)
            and self.take(cast(bytes, event.data))
        ):
            return
        super().process_event(event)


def _holding_key(pin: str | None, found_other: Callable[[], None]) -> type[ClientConnection]:
    """A connection that looks at the other side's key when TLS stands, before a byte of ours goes through it.

    Args:
        found_other: called before a connection to whoever holds another key is cut.
    """
    if pin is None:
        return _BufferedConnection

    class PinnedConnection(_BufferedConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if _key_sha256(transport) != pin:
                found_other()
                self.transport.abort()

    return PinnedConnection


def _key_sha256(transport: asyncio.BaseTransport) -> str | None:
    """Of the other side's public key; None without TLS."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    session = transport.get_extra_info("ssl_object")
    certificate = None if session is None else session.getpeercert(binary_form=True)
    if not certificate:
        return None
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class WebsocketTransport:
    """Frames over one websocket. Bytes are those of data frames with their headers, before TLS."""

    def __init__(self, connection: _BufferedConnection) -> None:
        self._connection = connection
        self.bytes_up = 0
        self.bytes_down = 0

    async def send(self, frame: str | bytes) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise _lost(error) from error
        # A client's frames are masked with four bytes more (RFC 6455, 5.2).
        self.bytes_up += _framed(frame) + 4

    async def receive(self) -> str | bytes:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            raise _lost(error) from error
        self.bytes_down += _framed(frame)
        return frame

    def listen(self, take: Callable[[bytes], bool] | None) -> None:
        def counted(frame: bytes) -> bool:
            assert take is not None
            taken = take(frame)
            if taken:
                self.bytes_down += _framed(frame)
            return taken

        self._connection.take = counted if take is not None else None

    def send_now(self, frame: str) -> bool:
        connection = self._connection
        if connection.state is not State.OPEN or connection.transport.get_write_buffer_size():
            return False
        broadcast((connection,), frame)
        self.bytes_up += _framed(frame) + 4
        return True

    async def close(self) -> None:
        await self._connection.close()


def _framed(frame: str | bytes) -> int:
    size = len(frame.encode()) if isinstance(frame, str) else len(frame)
    return size + (2 if size < 126 else 4 if size < 1 << 16 else 10)


def _lost(error: ConnectionClosed) -> UnavailableError:
    return UnavailableError("connection.lost", code=error.rcvd.code if error.rcvd else 0)
