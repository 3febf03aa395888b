"""The organiser's end of the admin channel: small and blocking, for a command line."""

import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from sparewatt.errors import ProtocolError, UnavailableError, told_error
from sparewatt.process.frames import FrameReader, frame
from sparewatt_coordinator.gateway.admin import ANSWER_DECODER, Answer, Failure, Request

ANSWER_SECONDS: Final = 30.0
READ_BYTES: Final = 1 << 16

A = TypeVar("A", bound=msgspec.Struct)


class AdminClient:
    """One connection; a context manager.

    Args:
        path: the admin socket, as ``coordinator.json`` names it.

    Raises:
        UnavailableError: ``coordinator.not_running`` when nobody answers there, ``admin.windows``.
    """

    def __init__(self, path: Path) -> None:
        self._socket = _unix_socket()
        self._socket.settimeout(ANSWER_SECONDS)
        self._frames = FrameReader()
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise UnavailableError("coordinator.not_running", path=str(path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, request: Request, answer: type[A]) -> A:
        """The answer to `request`, of the type that `request` names.

        Raises:
            SparewattError: whatever the coordinator failed with, of its own class.
            UnavailableError: ``coordinator.silent``.
            ProtocolError: ``admin.answer``.
        """
        try:
            self._socket.sendall(frame(msgspec.json.encode(request)))
            payload = self._receive()
        except OSError as error:
            raise UnavailableError("coordinator.silent", seconds=int(ANSWER_SECONDS)) from error
        try:
            found: Answer = ANSWER_DECODER.decode(payload)
        except msgspec.DecodeError as error:
            raise ProtocolError("admin.answer", detail=str(error)[:200]) from error
        if isinstance(found, Failure):
            raise told_error(found.kind, found.error_id, found.parameters)
        if not isinstance(found, answer):
            raise ProtocolError("admin.answer", detail=type(found).__name__)
        return found

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> bytes:
        while True:
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError
            complete = self._frames.receive(data)
            if complete:
                return complete[0]


def _unix_socket() -> socket.socket:
    if sys.platform == "win32":
        raise UnavailableError("admin.windows")
    else:  # noqa: RET506 - checkers of Windows skip this branch only when it is one
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
