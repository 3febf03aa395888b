"""Every control frame between an engine and a coordinator.

Frames are JSON objects with a ``type``; `wire.codec` decodes them under hard limits. The course of a session:

    engine                            coordinator
    Hello                     ->
                              <-      Challenge          who speaks for the run, proved over both nonces
    GetManifest (optional)    ->
                              <-      ManifestText       checked against the hash in the invite, before any consent
    Prove                     ->                         the contributor's key, consent, at the first time an invite
                              <-      Welcome | Refused
    RequestWork               ->
                              <-      Work | NoWork
    Fetch                     ->
                              <-      chunks, acknowledged with Ack
    OfferUpdate               ->
                              <-      Missing | Accepted | Refused      (a lost answer is repeated from the store)
    chunks                    ->
                              <-      Ack for them
    Commit                    ->
                              <-      Accepted | Refused
    Stored                    ->                         the receipt is safe at the contributor

Requests carry an `id` that their answer repeats in `reply_to`; a request may be repeated with the same content at
any time and has the same effect once.
"""

from typing import Annotated, Final, Literal

import msgspec

from sparewatt.signing import Signed
from sparewatt.work.bounds import Count, Identifier, Positive, PublicKey, Sha256, Words
from sparewatt.work.version import BlobRef, VersionId

SUBPROTOCOL: Final = "sparewatt.v1"
PROTOCOL: Final = 1
CONTROL_BYTES_MOST: Final = 64 * 1024
CHUNK_BYTES: Final = 256 * 1024
FRAME_BYTES_MOST: Final = 320 * 1024
UNACKNOWLEDGED_CHUNKS_MOST: Final = 4
EARLIER_KEYS_MOST: Final = 64
HANDSHAKE_KIND: Final = "session"

RequestId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Nonce = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
ReasonId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_.]{1,64}\Z")]
# (first chunk, number of chunks); at most 256 gaps are asked for at a time, the rest in a later request.
ChunkSpan = tuple[Count, Positive]
ChunkSpans = Annotated[tuple[ChunkSpan, ...], msgspec.Meta(max_length=256)]


class Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True, omit_defaults=True):
    """A control frame.

    Attributes:
        critical: names of fields that the receiver must know; one that it does not know refuses the frame. All other
            unknown fields are ignored, so that a newer side can add hints.
    """

    critical: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()


class DeviceOffer(msgspec.Struct, frozen=True):
    """What a device says of itself: enough to size its work, nothing that identifies a computer.

    Attributes:
        device: the device's name on the wire.
        kind: its class, for the choice of work and of auditors.
        tokens_per_s: measured on this run; 0 when nothing was measured yet.
        memory_bytes: what it may use for training.
    """

    device: Identifier
    kind: Literal["cuda", "metal", "rocm", "xpu", "cpu"]
    tokens_per_s: Count
    memory_bytes: Count


class Transcript(msgspec.Struct, frozen=True):
    """What both sides of a session sign: every value that the other one chose is in it."""

    side: Literal["coordinator", "contributor"]
    run: Sha256
    contributor: PublicKey
    online_key: PublicKey
    client_nonce: Nonce
    server_nonce: Nonce
    session: Identifier


class Hello(Message, frozen=True, tag="hello"):
    protocol: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    run: Sha256
    contributor: PublicKey
    nonce: Nonce
    software: Annotated[str, msgspec.Meta(max_length=64)]


class Challenge(Message, frozen=True, tag="challenge"):
    """Who speaks for the run.

    Attributes:
        online_key: the newest; `proof` is signed with it.
        earlier_keys: those before it, oldest first, which signed what is still shown; at most the last 64.
    """

    protocol: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    nonce: Nonce
    session: Identifier
    online_key: Signed
    proof: Signed
    earlier_keys: Annotated[tuple[Signed, ...], msgspec.Meta(max_length=EARLIER_KEYS_MOST)] = ()


class GetManifest(Message, frozen=True, tag="get_manifest"):
    id: RequestId


class ManifestText(Message, frozen=True, tag="manifest"):
    reply_to: RequestId
    manifest: Signed


class Prove(Message, frozen=True, tag="prove"):
    """The contributor's half of the handshake; `invite_secret` only until the key is known to the run."""

    proof: Signed
    consent: Sha256
    invite_secret: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class Welcome(Message, frozen=True, tag="welcome"):
    """The session stands.

    Attributes:
        trust: ``trusted`` contributors carry weight at once.
        latest: signed `Announcement` of the newest version.
        heartbeat_s: send a `Heartbeat` at least this often.
    """

    trust: Literal["trusted", "probation"]
    latest: Signed
    heartbeat_s: Annotated[int, msgspec.Meta(ge=1, le=300)]


class RequestWork(Message, frozen=True, tag="request_work"):
    """Asks for the next assignment of one device; repeated with the same `id` and session it has the same answer."""

    id: RequestId
    offer: DeviceOffer
    base: VersionId | None


class Work(Message, frozen=True, tag="work"):
    reply_to: RequestId
    assignment: Signed


class NoWork(Message, frozen=True, tag="no_work"):
    reply_to: RequestId
    device: Identifier
    reason: ReasonId
    words: Words
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class Release(Message, frozen=True, tag="release"):
    """Gives an assignment back untouched; its ranges become a gap that is handed out first."""

    assignment_id: Identifier
    fence: Positive


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Renews the leases of the assignments that are still worked on."""

    assignments: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=64)]


class Leases(Message, frozen=True, tag="leases"):
    """Answer to a heartbeat: what still runs, and what was lost to its deadline."""

    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400)]
    renewed: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=64)]
    lost: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=64)]


class GetVersions(Message, frozen=True, tag="get_versions"):
    """Asks for the way from `have` (or from nothing) to the newest version."""

    id: RequestId
    have: VersionId | None


class Versions(Message, frozen=True, tag="versions"):
    """The cheaper way to the newest version: an optional keyframe, then patches in order, signed `Announcement`s.

    At most 32 steps at a time; the engine asks again from where they lead.
    """

    reply_to: RequestId
    keyframe: Signed | None
    patches: Annotated[tuple[Signed, ...], msgspec.Meta(max_length=32)]


class Announce(Message, frozen=True, tag="announce"):
    announcement: Signed


class Fetch(Message, frozen=True, tag="fetch"):
    """Asks for chunks of a blob; `transfer` is chosen by the asking side and names the chunks that follow."""

    transfer: RequestId
    blob: BlobRef
    missing: ChunkSpans


class Ack(Message, frozen=True, tag="ack"):
    """Chunks arrived; they are not yet durable. A sender keeps at most four chunks without one.

    Attributes:
        index: the first of them.
        count: how many from there on, without a gap; what is ready together is told together.
    """

    transfer: RequestId
    index: Count
    count: Annotated[int, msgspec.Meta(ge=1, le=UNACKNOWLEDGED_CHUNKS_MOST)] = 1


class EndTransfer(Message, frozen=True, tag="end_transfer"):
    """Stops a transfer in either direction; what was received may be kept."""

    transfer: RequestId
    reason: ReasonId


class OfferUpdate(Message, frozen=True, tag="offer_update"):
    """A finished update (signed `Update`); `transfer` names the chunks of its payload."""

    transfer: RequestId
    update: Signed


class Missing(Message, frozen=True, tag="missing"):
    """The chunks that the coordinator lacks of an offered payload; none when a commit is all that is left."""

    transfer: RequestId
    missing: ChunkSpans


class Commit(Message, frozen=True, tag="commit"):
    """All chunks were sent: check, store and accept."""

    transfer: RequestId
    assignment_id: Identifier


class Accepted(Message, frozen=True, tag="accepted"):
    """It is in the books.

    Attributes:
        needs_more: a hint: the version that will hold the update needs more work of its device first, so that its next
            assignment need not wait for it.
    """

    assignment_id: Identifier
    receipt: Signed
    needs_more: bool = False


class Stored(Message, frozen=True, tag="stored"):
    """The receipt of this assignment is durable at the contributor; its payload was deleted there."""

    assignment_id: Identifier


class Refused(Message, frozen=True, tag="refused"):
    """No, and why.

    Attributes:
        reply_to: the request or transfer that is refused; absent for the handshake.
        refusal: signed `Refusal` where an update is refused for good; the contributor may then forget it.
        manifest: of the run that is served instead, where a `Hello` named one that is not.
        retry_after_s: when to try again; absent when trying again is useless.
    """

    reason: ReasonId
    words: Words = ""
    reply_to: RequestId | None = None
    assignment_id: Identifier | None = None
    refusal: Signed | None = None
    manifest: Signed | None = None
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None


EngineMessage = (
    Hello | GetManifest | Prove | RequestWork | Release | Heartbeat | GetVersions | Fetch | Ack | EndTransfer
    | OfferUpdate | Commit | Stored
)  # fmt: skip
CoordinatorMessage = (
    Challenge | ManifestText | Welcome | Work | NoWork | Leases | Versions | Announce | Ack | EndTransfer | Missing
    | Accepted | Refused
)  # fmt: skip


class Chunk(msgspec.Struct, frozen=True):
    """A binary frame: transfer and index as little-endian u32, then at most `CHUNK_BYTES` of the blob at
    ``index * CHUNK_BYTES``."""

    transfer: int
    index: int
    data: bytes | memoryview
