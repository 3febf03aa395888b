"""The engine's side of the control channel."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, cast

from sparewatt.control.codec import decode_request, encode
from sparewatt.control.messages import (
    CONTROL_PROTOCOL,
    Answer,
    ContributeNow,
    Discover,
    EnergyReply,
    EnergySince,
    Failure,
    GetSnapshot,
    Greeting,
    InspectInvite,
    JoinRun,
    LeaveRun,
    ListSettings,
    ManifestReply,
    PastAssignments,
    PastAssignmentsReply,
    Pause,
    PauseForGame,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    Reply,
    Request,
    Resume,
    SeriesReply,
    SeriesSince,
    SetSetting,
    SettingsReply,
    Shutdown,
    SnapshotFrame,
    Watch,
)
from sparewatt.errors import ProtocolError, RefusedError, SparewattError, UnavailableError
from sparewatt.process.frames import FrameReader
from sparewatt.snapshot import Snapshot

CLIENTS_MOST: Final = 32
REQUESTS_WAITING_MOST: Final = 16
# A reader that takes this long for one snapshot is stuck; it is closed, and may come again.
WRITE_MOST_S: Final = 5.0
WRITE_BUFFER_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 1 << 16


class Handler(Protocol):
    """What an engine does for its clients. Every method may raise a SparewattError, which the client is told."""

    @property
    def snapshot(self) -> Snapshot:
        """The state now."""
        ...

    async def pause(self, until_unix_s: int) -> None: ...

    async def pause_for_game(self) -> None: ...

    async def resume(self) -> None: ...

    async def contribute_now(self, until_unix_s: int) -> None: ...

    async def inspect_invite(self, request: InspectInvite) -> ManifestReply: ...

    async def join_run(self, invite: str, consent: str) -> None: ...

    async def leave_run(self, run: str) -> None: ...

    async def list_settings(self, request: ListSettings) -> SettingsReply: ...

    async def set_setting(self, revision: int, key: str, value: str) -> None: ...

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply: ...

    async def discover(self) -> None: ...

    async def receipts_after(self, request: ReceiptsAfter) -> ReceiptsReply: ...

    async def series_since(self, request: SeriesSince) -> SeriesReply: ...

    async def energy_since(self, request: EnergySince) -> EnergyReply: ...

    async def past_assignments(self, request: PastAssignments) -> PastAssignmentsReply: ...

    async def shutdown(self) -> None:
        """Begin to end; the engine may be gone before the answer arrives."""
        ...


class ControlServer:
    """Serves snapshots, commands and queries to clients of the same user.

    Args:
        handler: does what is asked.
        engine_version: for the greeting.
        check_peer: raises RefusedError for a client that is not served.
    """

    def __init__(
        self,
        handler: Handler,
        engine_version: str,
        check_peer: Callable[[socket.socket], None],
        write_most_s: float = WRITE_MOST_S,
    ) -> None:
        self._handler = handler
        self._greeting = Greeting(CONTROL_PROTOCOL, engine_version)
        self._check_peer = check_peer
        self._write_most_s = write_most_s
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._bug: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, listening: socket.socket) -> None:
        """Accept clients on a listening socket, which belongs to the server from now on.

        Raises:
            UnavailableError: ``control.platform``.
        """
        if sys.platform == "win32":
            raise UnavailableError("control.platform")
        self._server = await asyncio.start_unix_server(self._accept, sock=listening, limit=_READ_BYTES)

    @property
    def clients(self) -> int:
        """How many are served now."""
        return len(self._clients)

    def changed(self) -> None:
        """The snapshot changed: those that watch get it, coalesced to what each of them asked for."""
        for client in self._clients:
            client.changed()

    async def failed(self) -> None:
        """Wait for a bug in the handler, and raise it: it is the engine's, not that of the client which met it."""
        await asyncio.shield(self._bug)

    async def close(self) -> None:
        """Close the socket and every client. The caller removes the socket's file, under the engine's lock."""
        if self._server is not None:
            self._server.close()
        for client in self._clients:
            client.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        self._bug.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        bug = None if task.cancelled() else task.exception()
        if bug is not None and not self._bug.done():
            self._bug.set_exception(bug)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self._check_peer(_socket_of(writer))
            if len(self._clients) >= CLIENTS_MOST:
                raise RefusedError("control.clients", most=CLIENTS_MOST)
        except RefusedError:
            await _abort(writer)
            return
        client = _Client(self._handler, reader, writer, self._write_most_s)
        self._clients.add(client)
        try:
            await client.serve(self._greeting)
        finally:
            self._clients.discard(client)
            await _abort(writer)


class _Client:
    """One connection: a task that reads, one that answers, and one that watches once it was asked for."""

    def __init__(
        self, handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, write_most_s: float
    ) -> None:
        self._handler = handler
        self._reader = reader
        self._writer = writer
        self._write_most_s = write_most_s
        self._requests: asyncio.Queue[Request] = asyncio.Queue(REQUESTS_WAITING_MOST)
        self._changed = asyncio.Event()
        self._interval_s: float | None = None
        self._watch_asked = asyncio.Event()
        self._writing = asyncio.Lock()
        self._ending = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    def end(self) -> None:
        self._ending.set()

    async def serve(self, greeting: Greeting) -> None:
        self._writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        tasks = [
            asyncio.create_task(work)
            for work in (self._read(), self._answer(greeting), self._watch(), self._wait_for_end())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _only_expected(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_for_end(self) -> None:
        await self._ending.wait()

    async def _read(self) -> None:
        frames = FrameReader()
        while data := await self._reader.read(_READ_BYTES):
            for payload in frames.receive(data):
                # A client that asks faster than it is answered waits here, and then in its own socket.
                await self._requests.put(decode_request(payload))

    async def _answer(self, greeting: Greeting) -> None:
        await self._send(greeting)
        while True:
            request = await self._requests.get()
            if isinstance(request, Watch):
                # Before the snapshot is taken: a change after it must be sent again.
                self._changed.clear()
            try:
                answer = await _handled(self._handler, request)
            except SparewattError as error:
                answer = Failure(request.id, type(error).__name__, error.error_id, error.parameters)
            await self._send(answer)
            if isinstance(request, Watch):
                self._interval_s = request.interval_milliseconds / 1000
                self._watch_asked.set()

    async def _watch(self) -> None:
        await self._watch_asked.wait()
        while True:
            assert self._interval_s is not None
            await asyncio.sleep(self._interval_s)
            await self._changed.wait()
            self._changed.clear()
            await self._send(SnapshotFrame(0, self._handler.snapshot))

    async def _send(self, answer: Answer) -> None:
        async with self._writing:
            self._writer.write(encode(answer))
            try:
                # Not `wait_for`, which before Python 3.12 loses a cancellation that comes as the wait ends.
                async with asyncio.timeout(self._write_most_s):
                    await self._writer.drain()
            except TimeoutError as error:
                raise ProtocolError("control.slow") from error


async def _handled(handler: Handler, request: Request) -> Answer:
    """Do what is asked and say what came of it."""
    match request:
        case Watch() | GetSnapshot():
            return SnapshotFrame(request.id, handler.snapshot)
        case InspectInvite():
            return await handler.inspect_invite(request)
        case ListSettings():
            return await handler.list_settings(request)
        case PreviewSetting():
            return await handler.preview_setting(request)
        case ReceiptsAfter():
            return await handler.receipts_after(request)
        case SeriesSince():
            return await handler.series_since(request)
        case EnergySince():
            return await handler.energy_since(request)
        case PastAssignments():
            return await handler.past_assignments(request)
        case _:
            await _command(handler, request)
            return Reply(request.id)


Command = Pause | PauseForGame | Resume | ContributeNow | JoinRun | LeaveRun | SetSetting | Discover | Shutdown


def _command(handler: Handler, request: Command) -> Awaitable[None]:
    match request:
        case ContributeNow():
            return handler.contribute_now(request.until_unix_s)
        case Discover():
            return handler.discover()
        case Pause():
            return handler.pause(request.until_unix_s)
        case PauseForGame():
            return handler.pause_for_game()
        case Resume():
            return handler.resume()
        case JoinRun():
            return handler.join_run(request.invite, request.consent)
        case LeaveRun():
            return handler.leave_run(request.run)
        case SetSetting():
            return handler.set_setting(request.revision, request.key, request.value)
        case Shutdown():
            return handler.shutdown()


def _only_expected(task: "asyncio.Task[None]") -> None:
    """Let a bug out; a client that broke the protocol, was slow or went away is no trouble of the engine's."""
    error = task.exception()
    if error is not None and not isinstance(error, ProtocolError | OSError):
        raise error


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):  # the client was faster
        await writer.wait_closed()


def _socket_of(writer: asyncio.StreamWriter) -> socket.socket:
    # asyncio hands out a wrapper that has every reading method of the socket itself.
    return cast(socket.socket, writer.get_extra_info("socket"))
