"""Asks a running coordinator on this computer; found by the file that it writes into its data folder."""

import asyncio
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from sparewatt.errors import ProtocolError, UnavailableError, told_error
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

PRESENCE_FILE: Final = "coordinator.json"
ANSWER_SECONDS: Final = 30.0
FINISH_SECONDS: Final = 180.0
_READ_BYTES: Final = 1 << 16
Wanted = TypeVar("Wanted", bound=msgspec.Struct)


class Presence(msgspec.Struct, frozen=True):
    """What a coordinator says of itself in its data folder while it runs.

    Attributes:
        admin: path of its local socket.
    """

    pid: int
    url: str
    admin: str


class AdminClient:
    """One connection; made by `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._arrived: list[bytes] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended: object) -> None:
        self._writer.close()

    async def create_invite(self, uses: int, expires_in_s: int, *, trusted: bool) -> str:
        request = CreateInvite(id=1, uses=uses, expires_in_s=expires_in_s, trusted=trusted)
        return (await self._ask(request, InviteCreated)).invite

    async def status(self) -> StatusReply:
        return await self._ask(GetStatus(id=1), StatusReply)

    async def close_run(self, words: str) -> None:
        await self._ask(CloseRun(id=1, words=words), Done)

    async def finish(self, words: str) -> None:
        """Returns when the last version is published and measured."""
        await self._ask(Finish(id=1, words=words), Done, FINISH_SECONDS)

    async def sample(self, prompt: str, tokens: int, temperature_milli: int, seed: int) -> str:
        request = Sample(id=1, prompt=prompt, tokens=tokens, temperature_milli=temperature_milli, seed=seed)
        return (await self._ask(request, Sampled, FINISH_SECONDS)).text

    async def _ask(self, request: Request, wanted: type[Wanted], seconds: float = ANSWER_SECONDS) -> Wanted:
        """Raises what the coordinator answered, in its own class; UnavailableError ``coordinator.silent``;
        ProtocolError ``control.closed`` or ``control.malformed``."""
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(frame(msgspec.json.encode(request)))
                await self._writer.drain()
                payload = await self._next()
        except TimeoutError as error:
            raise UnavailableError("coordinator.silent", seconds=round(seconds)) from error
        except OSError as error:
            raise ProtocolError("control.closed") from error
        try:
            answer: Answer = msgspec.json.decode(payload, type=Answer)
        except msgspec.MsgspecError as error:
            raise ProtocolError("control.malformed") from error
        if isinstance(answer, Failure):
            raise told_error(answer.kind, answer.error_id, answer.parameters)
        if not isinstance(answer, wanted):
            raise ProtocolError("control.malformed")
        return answer

    async def _next(self) -> bytes:
        while not self._arrived:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise ProtocolError("control.closed")
            self._arrived += self._frames.receive(data)
        return self._arrived.pop(0)


def read_presence(data_folder: Path) -> Presence:
    """Where the coordinator of a data folder is.

    Raises:
        UnavailableError: ``coordinator.not_running``.
    """
    try:
        return msgspec.json.decode((data_folder / PRESENCE_FILE).read_bytes(), type=Presence)
    except (FileNotFoundError, msgspec.MsgspecError) as error:
        raise UnavailableError("coordinator.not_running", folder=str(data_folder)) from error


async def connect(data_folder: Path) -> AdminClient:
    """A connection to the running coordinator of a data folder.

    Raises:
        UnavailableError: ``coordinator.not_running``.
    """
    presence = read_presence(data_folder)
    try:
        reader, writer = await asyncio.open_unix_connection(presence.admin)
    except OSError as error:
        raise UnavailableError("coordinator.not_running", folder=str(data_folder)) from error
    return AdminClient(reader, writer)
