"""A websocket to a coordinator: frames both ways, bytes counted, failures named."""

import ssl
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidURI,
    NegotiationError,
)
from websockets.typing import Subprotocol

from sparewatt.errors import InputError, IntegrityError, ProtocolError, UnavailableError
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

    async def close(self) -> None:
        """Ends the connection; doing it again changes nothing."""
        ...

    @property
    def bytes_up(self) -> int: ...

    @property
    def bytes_down(self) -> int: ...


class Dial(Protocol):
    async def __call__(self, url: str) -> Transport:
        """Opens a connection.

        Raises:
            UnavailableError: ``connection.unreachable``.
            IntegrityError: ``connection.tls`` when the other side's certificate does not hold.
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

    async def __call__(self, url: str) -> Transport:
        try:
            connection = await connect(
                url,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                max_size=FRAME_BYTES_MOST,
                max_queue=QUEUED_FRAMES_MOST,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                user_agent_header="sparewatt",
                proxy=self._proxy,
            )
        except ssl.SSLError as error:
            raise IntegrityError("connection.tls", url=url) from error
        except NegotiationError as error:
            raise ProtocolError("connection.subprotocol", url=url) from error
        except (InvalidHandshake, InvalidMessage) as error:
            raise ProtocolError("connection.not_coordinator", url=url) from error
        except InvalidURI as error:
            raise InputError("connection.address", url=url) from error
        except (OSError, TimeoutError, EOFError) as error:
            raise UnavailableError("connection.unreachable", url=url) from error
        if connection.subprotocol != SUBPROTOCOL:
            await connection.close()
            raise ProtocolError("connection.subprotocol", url=url)
        return WebsocketTransport(connection)


class WebsocketTransport:
    """Frames over one websocket. Bytes are those of data frames with their headers, before TLS."""

    def __init__(self, connection: ClientConnection) -> None:
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

    async def close(self) -> None:
        await self._connection.close()


def _framed(frame: str | bytes) -> int:
    size = len(frame.encode()) if isinstance(frame, str) else len(frame)
    return size + (2 if size < 126 else 4 if size < 1 << 16 else 10)


def _lost(error: ConnectionClosed) -> UnavailableError:
    return UnavailableError("connection.lost", code=error.rcvd.code if error.rcvd else 0)
