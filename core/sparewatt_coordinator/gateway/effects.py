"""What a session asks its surroundings to do, and what they answer.

Every effect but the first two is answered by exactly one outcome of the kinds named with it, or by `Failed`.
"""

from typing import TypeAlias

import msgspec

from sparewatt.signing import Signed
from sparewatt.wire.messages import CoordinatorMessage, DeviceOffer
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import Accepted, Leased, NoWork, Refused, Registered, Renewed, Way


class Effect(msgspec.Struct, frozen=True):
    pass


class Send(Effect, frozen=True):
    message: CoordinatorMessage


class Close(Effect, frozen=True):
    """End the connection; `reason` is an error id."""

    reason: str


class Register(Effect, frozen=True):
    """`Admitted` or `store.base.Refused`."""

    contributor: str
    secret_sha256: str | None


class Lease(Effect, frozen=True):
    """`LeaseAnswer`."""

    reply_to: int
    contributor: str
    session: str
    offer: DeviceOffer
    base: VersionId | None


class Renew(Effect, frozen=True):
    """`store.base.Renewed`."""

    contributor: str
    assignments: tuple[str, ...]


class Release(Effect, frozen=True):
    """`Done`."""

    contributor: str
    assignment_id: str
    fence: int


class FindWay(Effect, frozen=True):
    """`WayAnswer`."""

    reply_to: int
    have: VersionId | None


class OpenBlob(Effect, frozen=True):
    """`BlobAnswer`."""

    transfer: int
    blob: BlobRef


class SendChunks(Effect, frozen=True):
    """Read these chunks and send them; `Done`."""

    transfer: int
    blob: BlobRef
    indices: tuple[int, ...]


class OpenUpload(Effect, frozen=True):
    """`UploadAnswer`."""

    transfer: int
    contributor: str
    update: Update
    update_sha256: str


class WriteChunk(Effect, frozen=True):
    """`ChunkWritten`."""

    transfer: int
    payload: BlobRef
    index: int
    data: bytes | memoryview


class FinishUpload(Effect, frozen=True):
    """Hash, make durable, validate, enter into the books; `UploadAnswer`."""

    transfer: int
    contributor: str
    update: Update
    update_sha256: str


class CloseUpload(Effect, frozen=True):
    """Keep what has arrived; `Done`."""

    payload: BlobRef


class MarkStored(Effect, frozen=True):
    """`Done`."""

    contributor: str
    assignment_id: str


class Outcome(msgspec.Struct, frozen=True):
    pass


class Done(Outcome, frozen=True):
    pass


class Admitted(Outcome, frozen=True):
    registered: Registered
    latest: Signed


class LeaseAnswer(Outcome, frozen=True):
    """`words` are the organiser's, where the run stands still or is over."""

    reply_to: int
    offer: DeviceOffer
    outcome: Leased | NoWork
    words: str


class WayAnswer(Outcome, frozen=True):
    reply_to: int
    way: Way


class BlobAnswer(Outcome, frozen=True):
    """`reason` says why the blob is not sent; None when it will be."""

    transfer: int
    reason: str | None


class Arriving(msgspec.Struct, frozen=True):
    """The payload may be sent; `bitmap` says which chunks are there already."""

    bitmap: bytes


class NotNow(msgspec.Struct, frozen=True):
    """The upload did not end in a decision; it may be offered again."""

    reason: str
    retry_after_s: int


class UploadAnswer(Outcome, frozen=True):
    transfer: int
    outcome: Arriving | Accepted | Refused | NotNow


class ChunkWritten(Outcome, frozen=True):
    transfer: int
    index: int


class Failed(Outcome, frozen=True):
    """The surroundings could not do `effect` now, for example because the disk is full."""

    effect: Effect
    reason: str


Answer: TypeAlias = (
    Done | Admitted | LeaseAnswer | WayAnswer | BlobAnswer | UploadAnswer | ChunkWritten | Failed | Renewed | Refused
)
