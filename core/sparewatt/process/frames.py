"""Length-prefixed JSON frames for pipes and local sockets: u32 little-endian length, then that many bytes.

Sans-I/O, so that asyncio, a plain pipe and a Qt socket speak it alike.
"""

import struct
from typing import Final

from sparewatt.errors import ProtocolError

FRAME_BYTES_MOST: Final = 1 << 20
_HEADER: Final = struct.Struct("<I")


def frame(payload: bytes) -> bytes:
    """`payload` with its length in front.

    Raises:
        ProtocolError: ``frame.too_long``.
    """
    if len(payload) > FRAME_BYTES_MOST:
        raise ProtocolError("frame.too_long", size=len(payload), most=FRAME_BYTES_MOST)
    return _HEADER.pack(len(payload)) + payload


class FrameReader:
    """Cuts a stream of bytes into frames; holds at most one incomplete frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order.

        Raises:
            ProtocolError: ``frame.too_long`` as soon as a length says so, before its bytes are taken in.
        """
        self._buffer += data
        complete: list[bytes] = []
        while len(self._buffer) >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._buffer)
            if size > FRAME_BYTES_MOST:
                raise ProtocolError("frame.too_long", size=size, most=FRAME_BYTES_MOST)
            end = _HEADER.size + size
            if len(self._buffer) < end:
                break
            complete.append(bytes(self._buffer[_HEADER.size : end]))
            del self._buffer[:end]
        return complete

    @property
    def incomplete(self) -> bool:
        """Whether a stream that ends now would end inside a frame."""
        return bool(self._buffer)
