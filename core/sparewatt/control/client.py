"""A client of a running engine, for the command line and for tests; the desktop has one over Qt's own socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from sparewatt.control.address import Address
from sparewatt.control.codec import AnswerReader, encode
from sparewatt.control.local_socket import open_connection
from sparewatt.control.messages import (
    Answer,
    Failure,
    GetSnapshot,
    Greeting,
    Reply,
    Request,
    SnapshotFrame,
    Watch,
)
from sparewatt.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    ProtocolError,
    RefusedError,
    SparewattError,
    StorageError,
    UnavailableError,
)
from sparewatt.snapshot import Snapshot

GREETING_MOST_S: Final = 5.0
ANSWER_MOST_S: Final = 60.0
_READ_BYTES: Final = 1 << 16
_KINDS: Final[dict[str, type[SparewattError]]] = {
    kind.__name__: kind
    for kind in (
        InputError,
        UnavailableError,
        ConflictError,
        StorageError,
        ProtocolError,
        IntegrityError,
        RefusedError,
    )
}
Wanted = TypeVar("Wanted", bound=msgspec.Struct)


class ControlClient:
    """One connection; made by `connect`. Requests are made one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answers = AnswerReader()
        self._arrived: list[Answer] = []
        self._last_id = 0

    @property
    def greeting(self) -> Greeting | None:
        return self._answers.greeting

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go; harmless when done twice."""
        self._writer.transport.abort()
        with suppress(OSError):  # the engine was faster
            await self._writer.wait_closed()

    async def greeted(self, most_s: float = GREETING_MOST_S) -> None:
        """Wait for the greeting.

        Raises:
            UnavailableError: ``engine.version`` or ``engine.silent``.
            ProtocolError: ``control.closed`` or ``control.malformed``.
        """
        try:
            async with asyncio.timeout(most_s):
                while self._answers.greeting is None:
                    await self._receive()
        except TimeoutError as error:
            raise UnavailableError("engine.silent", seconds=round(most_s)) from error

    async def ask(self, make: Callable[[int], Request], wanted: type[Wanted], most_s: float = ANSWER_MOST_S) -> Wanted:
        """Send a request and wait for its answer.

        Args:
            make: the request with the given id, such as ``lambda id: Pause(id=id, until_unix_s=0)``.
            wanted: the class of the answer.

        Raises:
            SparewattError: what the engine answered, in its own class.
            UnavailableError: ``engine.silent``.
            ProtocolError: ``control.closed`` or ``control.malformed``.
        """
        self._last_id += 1
        await self._send(make(self._last_id))
        try:
            async with asyncio.timeout(most_s):
                while True:
                    answer = await self._next()
                    if _reply_to(answer) == self._last_id:
                        return _wanted(answer, wanted)
        except TimeoutError as error:
            raise UnavailableError("engine.silent", seconds=round(most_s)) from error

    async def command(self, make: Callable[[int], Request]) -> None:
        """Send a command and wait until it is done; errors as of `ask`."""
        await self.ask(make, Reply)

    async def snapshot(self) -> Snapshot:
        """The state now; errors as of `ask`."""
        return (await self.ask(lambda request: GetSnapshot(id=request), SnapshotFrame)).snapshot

    async def watch(self, interval_milliseconds: int = 250) -> AsyncIterator[Snapshot]:
        """The state now and after every change, for as long as the engine lives.

        Raises:
            ProtocolError: ``control.closed`` when the engine ends, or ``control.malformed``.
        """
        self._last_id += 1
        await self._send(Watch(id=self._last_id, interval_milliseconds=interval_milliseconds))
        while True:
            answer = await self._next()
            if isinstance(answer, SnapshotFrame) and answer.reply_to in (0, self._last_id):
                yield answer.snapshot

    async def _send(self, request: Request) -> None:
        try:
            self._writer.write(encode(request))
            await self._writer.drain()
        except OSError as error:
            raise ProtocolError("control.closed") from error

    async def _next(self) -> Answer:
        while not self._arrived:
            await self._receive()
        return self._arrived.pop(0)

    async def _receive(self) -> None:
        try:
            data = await self._reader.read(_READ_BYTES)
        except OSError as error:
            raise ProtocolError("control.closed") from error
        if not data:
            raise ProtocolError("control.closed")
        self._arrived += self._answers.receive(data)


async def connect(address: Address) -> ControlClient:
    """A connection that has been greeted.

    Raises:
        UnavailableError: ``engine.not_running``, ``engine.version`` or ``engine.silent``.
        ConflictError: ``control.folder`` or ``control.pipe`` when somebody else could answer there.
        RefusedError: ``control.peer`` when somebody else does.
        ProtocolError: ``control.closed`` or ``control.malformed``.
    """
    client = ControlClient(*await open_connection(address))
    try:
        await client.greeted()
    except BaseException:
        await client.close()
        raise
    return client


def _reply_to(answer: Answer) -> int:
    return 0 if isinstance(answer, Greeting) else answer.reply_to


def _wanted(answer: Answer, wanted: type[Wanted]) -> Wanted:
    if isinstance(answer, Failure):
        raise _KINDS.get(answer.kind, ProtocolError)(answer.error_id, **answer.parameters)
    if not isinstance(answer, wanted):
        raise ProtocolError("control.malformed")
    return answer
