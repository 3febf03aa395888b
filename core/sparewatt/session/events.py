"""What a session tells its owner."""

from typing import Literal

import msgspec

from sparewatt.errors import SparewattError
from sparewatt.signing import Signed
from sparewatt.wire.messages import Refused
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import Manifest, OnlineKey
from sparewatt.work.receipt import Announcement, Receipt, Refusal
from sparewatt.work.version import BlobRef


class Event(msgspec.Struct, frozen=True):
    pass


class CoordinatorProved(Event, frozen=True):
    """The other side speaks for the run; `signed` and `earlier` belong into the key chain that is kept."""

    online_key: OnlineKey
    signed: Signed
    earlier: tuple[Signed, ...] = ()


class ManifestReceived(Event, frozen=True):
    """The verified manifest; the session of an inspection ends with it."""

    manifest: Manifest
    signed: Signed


class Connected(Event, frozen=True):
    """The session stands; an `Announced` with the newest version precedes it."""

    trust: Literal["trusted", "probation"]


class Announced(Event, frozen=True):
    """A published version, or new words about it; never older than any that was seen before."""

    announcement: Announcement
    signed: Signed


class WorkReceived(Event, frozen=True):
    request: int
    assignment: Assignment
    signed: Signed


class NoWorkReceived(Event, frozen=True):
    request: int
    reason: str
    words: str
    retry_after_s: int


class VersionsReceived(Event, frozen=True):
    """An unbroken way: from the keyframe, or from the version that was named, through every patch."""

    request: int
    keyframe: Announcement | None
    patches: tuple[Announcement, ...]


class LeaseLost(Event, frozen=True):
    assignment_id: str


class LeasesRenewed(Event, frozen=True):
    assignments: tuple[str, ...]
    ttl_s: int


class ChunkReceived(Event, frozen=True):
    """A chunk of a fetched blob; `SessionProtocol.acknowledge` it when there is room for another to come.

    Attributes:
        data: of a frame that is kept whole for as long as this is kept.
    """

    transfer: int
    blob: BlobRef
    index: int
    data: bytes | memoryview
    new: bool


class FetchAnswered(Event, frozen=True):
    """Every chunk that this fetch asked for has arrived and was acknowledged."""

    transfer: int


class ChunkWanted(Event, frozen=True):
    """The payload's chunk at `index` is to be handed to `SessionProtocol.send_chunk`."""

    transfer: int
    index: int


class UploadAccepted(Event, frozen=True):
    """Yes. `needs_more` is the coordinator's hint that no version will hold the update before its device has brought
    what it works on now."""

    transfer: int
    receipt: Receipt
    signed: Signed
    needs_more: bool


class UploadRefused(Event, frozen=True):
    """No, for good: `signed` is the coordinator's word, and the update may be forgotten."""

    transfer: int
    refusal: Refusal
    signed: Signed


class RequestRefused(Event, frozen=True):
    """A request, fetch or upload got no answer but a reason; without `retry_after_s` repeating it is useless."""

    request: int
    refused: Refused


class TransferEnded(Event, frozen=True):
    """The coordinator stopped a fetch or an upload; what arrived may be kept."""

    transfer: int
    reason: str


class SessionRefused(Event, frozen=True):
    """The coordinator wants no session with this contributor now; the session is over.

    Attributes:
        changed: what the same organiser's coordinator serves instead of the run that was consented to.
    """

    refused: Refused
    changed: "ManifestChanged | None" = None


class ManifestChanged(msgspec.Struct, frozen=True):
    """Verified: the organiser signed it. Nothing of it was consented to.

    Attributes:
        run: its digest, which new consent is given to.
    """

    run: str
    manifest: Manifest
    signed: Signed


class SessionFailed(Event, frozen=True):
    """The other side broke the protocol, proved nothing or fell silent; the session is over."""

    error: SparewattError
