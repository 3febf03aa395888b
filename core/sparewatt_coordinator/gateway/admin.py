"""The organiser's channel to a running coordinator: frames of `process.frames` over a local connection.

Every request is answered by one frame, its own kind of reply or `Failure`. Commands are idempotent but for
`CreateInvite`, which makes a new invite each time.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

import msgspec

from sparewatt.control.transport import Listener
from sparewatt.errors import ProtocolError, SparewattError
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.frames import FrameReader, frame
from sparewatt.work.bounds import PublicKey, Words
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import ContributorStatus, InviteStatus, RunStatus

CLIENTS_MOST: Final = 16
READ_BYTES: Final = 1 << 16
# What was answered may still be on its way to a client that reads slowly; one that does not read waits in vain.
CLOSE_MOST_S: Final = 2.0


class _Request(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class CreateInvite(_Request, frozen=True, tag="create_invite"):
    """Answered by `InviteReply`.

    Attributes:
        address: HOST or HOST:PORT for the contributors of this invite; empty for the coordinator's own.
    """

    uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    lifetime_s: Annotated[int, msgspec.Meta(ge=60, le=366 * 86_400)] = 7 * 86_400
    trusted: bool = False
    address: Annotated[str, msgspec.Meta(max_length=300)] = ""


class ListInvites(_Request, frozen=True, tag="list_invites"):
    """Answered by `InvitesReply`."""


class RevokeInvite(_Request, frozen=True, tag="revoke_invite"):
    """Let nobody in by it any more; answered by `Reply`."""

    invite_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{12}\Z")]


class ListContributors(_Request, frozen=True, tag="list_contributors"):
    """Answered by `ContributorsReply`."""


class RevokeContributor(_Request, frozen=True, tag="revoke_contributor"):
    """End the sessions of this key and let it in no more; its receipts stay valid. Answered by `Reply`."""

    contributor: PublicKey


class GetStatus(_Request, frozen=True, tag="get_status"):
    """Answered by `StatusReply`."""


class Finish(_Request, frozen=True, tag="finish"):
    """Hand out no more work, merge what is there, measure the whole held-out loss, then close; answered at once by
    `Reply`. The status says when the run is closed."""

    words: Words = ""


class CloseRun(_Request, frozen=True, tag="close_run"):
    """Merge what was accepted, then close without measuring; answered at once by `Reply`. The status says when the run
    is closed. Work that is under way is still credited when it comes."""

    words: Words = ""


class ResumeRun(_Request, frozen=True, tag="resume_run"):
    """Try a stalled merge again; answered by `Reply`."""


class GetExport(_Request, frozen=True, tag="get_export"):
    """Where the newest version's weights are; answered by `ExportReply`."""


Request: TypeAlias = (
    CreateInvite | ListInvites | RevokeInvite | ListContributors | RevokeContributor
    | GetStatus | Finish | CloseRun | ResumeRun | GetExport
)  # fmt: skip


class _Answer(msgspec.Struct, frozen=True, tag_field="type"):
    pass


class Reply(_Answer, frozen=True, tag="reply"):
    """Done."""


class InviteReply(_Answer, frozen=True, tag="invite_reply"):
    invite: str


class InvitesReply(_Answer, frozen=True, tag="invites_reply"):
    invites: tuple[InviteStatus, ...]


class ContributorsReply(_Answer, frozen=True, tag="contributors_reply"):
    """Attributes:
    connected: public keys with a session that stands now.
    """

    contributors: tuple[ContributorStatus, ...]
    connected: tuple[str, ...]


class AggregatorStatus(msgspec.Struct, frozen=True):
    """Attributes:
    pid: of the running child; None while there is none.
    error_id: the last failure of a merge or evaluation; empty when the last one went well.
    """

    pid: int | None
    error_id: str


class StatusReply(_Answer, frozen=True, tag="status_reply"):
    """Attributes:
    contributors_here: sessions that stand now.
    explanation: id of why the gathering round is open or closing.
    """

    run: str
    title: str
    url: str
    status: RunStatus
    contributors_here: int
    explanation: str
    aggregator: AggregatorStatus


class ExportReply(_Answer, frozen=True, tag="export_reply"):
    """Attributes:
    path: a file that holds the version: an outer state, or the first keyframe before any merge.
    """

    run: str
    version: VersionId
    blob: BlobRef
    path: str


class Failure(_Answer, frozen=True, tag="failure"):
    """An expected failure: the error class's name, its id and parameters."""

    kind: str
    error_id: str
    parameters: dict[str, str | int]


Answer: TypeAlias = Reply | InviteReply | InvitesReply | ContributorsReply | StatusReply | ExportReply | Failure

REQUEST_DECODER: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
ANSWER_DECODER: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)


class AdminServer:
    """Answers where only the folder's owner can ask.

    Args:
        listener: belongs to the server from now on; made by `admin_transport.listen`.
        answer: carries out one request; a SparewattError becomes a `Failure`.
    """

    def __init__(self, listener: Listener, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self._listener = listener
        self._answer = answer
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._listener.serve(self._accept)

    async def stop(self) -> None:
        """Close the listener and every client."""
        self._listener.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._listener.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS_MOST:
            writer.transport.abort()
            return
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (OSError, ProtocolError):
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_MOST_S):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while data := await reader.read(READ_BYTES):
            for payload in frames.receive(data):
                writer.write(frame(msgspec.json.encode(await self._reply(payload))))
                await writer.drain()

    async def _reply(self, payload: bytes) -> Answer:
        try:
            request = decoded_by(REQUEST_DECODER, payload)
        except Unreadable as error:
            return Failure("ProtocolError", "admin.request", {"detail": error.detail})
        try:
            return await self._answer(request)
        except SparewattError as error:
            return Failure(type(error).__name__, error.error_id, dict(error.parameters))
