"""The organiser's end of the admin channel: small and blocking, for a command line."""

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from sparewatt.control.address import address_named
from sparewatt.errors import ProtocolError, UnavailableError, told_error
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.frames import FrameReader, frame
from sparewatt_coordinator.gateway.admin import ANSWER_DECODER, Answer, Failure, Request
from sparewatt_coordinator.gateway.admin_transport import open_connection

ANSWER_SECONDS: Final = 30.0
READ_BYTES: Final = 1 << 16

A = TypeVar("A", bound=msgspec.Struct)


class AdminClient:
    """One connection; a context manager. It has a loop of its own, so it is used where none runs: in a thread.

    Args:
        path: the admin socket or pipe, as ``coordinator.json`` names it.

    Raises:
        UnavailableError: ``coordinator.not_running`` when nobody answers there.
        ConflictError, RefusedError: as of `admin_transport.open_connection`, when somebody else does.
    """

    def __init__(self, path: Path) -> None:
        self._frames = FrameReader()
        self._loop = asyncio.Runner()
        try:
            self._reader, self._writer = self._loop.run(open_connection(address_named(str(path))))
        except (OSError, UnavailableError) as error:
            self._loop.close()
            raise UnavailableError("coordinator.not_running", path=str(path)) from error
        except BaseException:
            self._loop.close()
            raise

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
            payload = self._loop.run(self._exchange(frame(msgspec.json.encode(request))))
        except OSError as error:
            raise UnavailableError("coordinator.silent", seconds=int(ANSWER_SECONDS)) from error
        try:
            found: Answer = decoded_by(ANSWER_DECODER, payload)
        except Unreadable as error:
            raise ProtocolError("admin.answer", detail=error.detail) from error
        if isinstance(found, Failure):
            raise told_error(found.kind, found.error_id, found.parameters)
        if not isinstance(found, answer):
            raise ProtocolError("admin.answer", detail=type(found).__name__)
        return found

    def close(self) -> None:
        """Let go; once."""
        self._loop.run(self._hang_up())
        self._loop.close()

    async def _exchange(self, request: bytes) -> bytes:
        """The next frame after `request`. Raises OSError, of which TimeoutError is one."""
        async with asyncio.timeout(ANSWER_SECONDS):
            self._writer.write(request)
            await self._writer.drain()
            while True:
                data = await self._reader.read(READ_BYTES)
                if not data:
                    raise ConnectionResetError
                complete = self._frames.receive(data)
                if complete:
                    return complete[0]

    async def _hang_up(self) -> None:
        self._writer.transport.abort()
        with contextlib.suppress(OSError):  # the coordinator was faster
            await self._writer.wait_closed()
