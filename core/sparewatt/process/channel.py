"""The child's side of a pipe to its parent: typed frames in by standard input, out by standard output."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from sparewatt.errors import ProtocolError
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.frames import FrameReader, frame

_FRAMES_MOST: Final = 256
_READ_BYTES: Final = 1 << 16

Incoming = TypeVar("Incoming")
Outgoing = TypeVar("Outgoing", bound=msgspec.Struct)


class Channel(Generic[Incoming, Outgoing]):
    """Frames of type `incoming` arrive in a queue; `send` writes one frame and is safe from any thread.

    A thread of its own reads, so that a closed pipe is noticed while the main thread computes: `closed` is then set,
    which `process.parent_watch` waits for. A parent that breaks the protocol or sends more than 256 unread frames is
    treated as gone.

    Args:
        incoming: a type (or union of types) that msgspec can decode; must be tagged where it is a union.
        source, sink: file descriptors; they belong to the channel from now on.
        notice: told each frame on the reading thread as it arrives, before it waits in the queue.
    """

    def __init__(
        self,
        incoming: type[Incoming],
        source: int,
        sink: int,
        notice: Callable[[Incoming], None] = lambda _: None,
    ) -> None:
        self._notice = notice
        self._decoder = msgspec.json.Decoder(incoming)
        self._encoder = msgspec.json.Encoder()
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._frames: deque[Incoming] = deque()
        self._changed = threading.Condition()
        self._error: ProtocolError | None = None
        self.closed = threading.Event()
        threading.Thread(target=self._read, name="channel", daemon=True).start()

    def send(self, message: Outgoing) -> None:
        """Write `message`; blocks while the pipe is full.

        Raises:
            ProtocolError: ``pipe.closed`` when the parent reads no more.
        """
        data = memoryview(frame(self._encoder.encode(message)))
        with self._sending:
            try:
                while data:
                    data = data[os.write(self._sink, data) :]
            except OSError as error:
                raise ProtocolError("pipe.closed") from error

    def receive(self, timeout_seconds: float) -> Incoming | None:
        """The next frame; None when none came in time or the pipe is closed and all its frames were taken.

        Raises:
            ProtocolError: ``frame.malformed``, ``frame.too_long``, ``frame.too_many``: what the parent did wrong,
                once all good frames before it were taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self.closed.is_set(), timeout_seconds)
            if self._frames:
                return self._frames.popleft()
            if self._error is not None:
                raise self._error from None
            return None

    def _read(self) -> None:
        error: ProtocolError | None = None
        try:
            self._take_all()
        except OSError:
            error = None  # a broken pipe is a closed pipe
        except ProtocolError as broken:
            error = broken
        except Unreadable:
            error = ProtocolError("frame.malformed")
        with self._changed:
            self._error = error
            self.closed.set()
            self._changed.notify_all()

    def _take_all(self) -> None:
        reader = FrameReader()
        while data := os.read(self._source, _READ_BYTES):
            for payload in reader.receive(data):
                message = decoded_by(self._decoder, payload)
                self._notice(message)
                with self._changed:
                    if len(self._frames) >= _FRAMES_MOST:
                        raise ProtocolError("frame.too_many", most=_FRAMES_MOST)
                    self._frames.append(message)
                    self._changed.notify_all()


def open_standard_channel(
    incoming: type[Incoming],
    outgoing: type[Outgoing],  # noqa: ARG001 (binds the type variable)
    notice: Callable[[Incoming], None] = lambda _: None,
) -> Channel[Incoming, Outgoing]:
    """The channel over this process's standard input and output, which nothing else can use afterwards.

    What libraries print goes to standard error instead, and child processes get an empty input.
    """
    source, sink = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (source, sink):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return Channel[Incoming, Outgoing](incoming, source, sink, notice)
