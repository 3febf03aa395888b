"""The coordinator's side of the organiser's local channel."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec

from sparewatt.errors import ProtocolError, RefusedError, SparewattError
from sparewatt.process.frames import FrameReader, frame
from sparewatt_coordinator.gateway.admin_messages import (
    Answer,
    CloseRun,
    CreateInvite,
    Done,
    Failure,
    Finish,
    GetStatus,
    InviteCreated,
    Request,
    Sample,
    Sampled,
    StatusReply,
)

CLIENTS_MOST: Final = 8
_READ_BYTES: Final = 1 << 16


class AdminHandler(Protocol):
    """What a coordinator does for its organiser; every method may raise a SparewattError."""

    async def create_invite(self, request: CreateInvite) -> str: ...

    async def status(self, request_id: int) -> StatusReply: ...

    async def close_run(self, words: str) -> None: ...

    async def finish(self, words: str) -> None: ...

    async def sample(self, request: Sample) -> str: ...


class AdminServer:
    """Answers one request after another on each connection.

    Args:
        check_peer: raises RefusedError for a client of another user.
    """

    def __init__(self, handler: AdminHandler, check_peer: Callable[[socket.socket], None]) -> None:
        self._handler = handler
        self._check_peer = check_peer
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_unix_server(self._accept, sock=listening)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            self._check_peer(writer.get_extra_info("socket"))
            if self._clients <= CLIENTS_MOST:
                await self._answer_all(reader, writer)
        except (RefusedError, ProtocolError, OSError):
            pass  # The connection is closed below; its other end sees that.
        finally:
            self._clients -= 1
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while data := await reader.read(_READ_BYTES):
            for payload in frames.receive(data):
                answer = await self._answer(payload)
                writer.write(frame(msgspec.json.encode(answer)))
                await writer.drain()

    async def _answer(self, payload: bytes) -> Answer:
        try:
            request: Request = msgspec.json.decode(payload, type=Request)
        except msgspec.MsgspecError as error:
            raise ProtocolError("control.malformed") from error
        try:
            return await self._handled(request)
        except SparewattError as error:
            return Failure(
                reply_to=request.id,
                kind=type(error).__name__,
                error_id=error.error_id,
                parameters=error.parameters,
            )

    async def _handled(self, request: Request) -> Answer:
        match request:
            case CreateInvite():
                return InviteCreated(reply_to=request.id, invite=await self._handler.create_invite(request))
            case GetStatus():
                return await self._handler.status(request.id)
            case Sample():
                return Sampled(reply_to=request.id, text=await self._handler.sample(request))
            case CloseRun() | Finish():
                command: Callable[[str], Awaitable[None]] = (
                    self._handler.close_run if isinstance(request, CloseRun) else self._handler.finish
                )
                await command(request.words)
                return Done(reply_to=request.id)
