"""The engine's half of a session, sans-I/O: frames and time in, frames and events out.

Which message may come in which state is the table `ALLOWED`; anything else ends the session. Nothing raises on what
a peer sends: a session that cannot go on tells `SessionFailed` or `SessionRefused` and is ended.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.credit.keychain import KeyChain, other_manifest, verify_manifest
from sparewatt.errors import IntegrityError, ProtocolError, SparewattError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session import trust
from sparewatt.session.exchange import FetchExchange, UploadExchange
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_chunk, decode_coordinator, encode, encode_chunk
from sparewatt.wire.transfer import runs
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId

R = TypeVar("R", wire.RequestWork, wire.GetVersions, wire.GetManifest)
State = Literal["greeting", "inspecting", "proving", "active", "ended"]

HANDSHAKE_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 60.0
TICK_SECONDS_LEAST: Final = 1.0
TICK_SECONDS_MOST: Final = 10.0
# Three heartbeats in the time of two: a late timer does not cost a lease.
HEARTBEAT_SHARE: Final = 2 / 3
REQUESTS_MOST: Final = 64
HELD_MOST: Final = 64
ANSWERED_REMEMBERED: Final = 64
UNKNOWN_RUN: Final = "session.unknown_run"

ALLOWED: Final[Mapping[State, frozenset[type[object]]]] = {
    "greeting": frozenset({wire.Challenge, wire.Refused}),
    "inspecting": frozenset({wire.ManifestText, wire.Refused}),
    "proving": frozenset({wire.Welcome, wire.Refused}),
    "active": frozenset(
        {wire.Work, wire.NoWork, wire.Leases, wire.Versions, wire.Announce, wire.Ack, wire.EndTransfer}
        | {wire.Missing, wire.Accepted, wire.Refused}
    ),
    "ended": frozenset(),
}


class SessionTerms(msgspec.Struct, frozen=True):
    """What a session starts from.

    Attributes:
        run, run_key_sha256: from the invite.
        purpose: ``inspect`` ends after the manifest, before anything is proved or consented to.
        invite_secret: until the run knows this contributor; then None.
        chain: online keys seen so far.
        highest: newest announcement seen so far.
        software: name and version of this program.
    """

    run: str
    run_key_sha256: str
    purpose: Literal["inspect", "work"]
    invite_secret: str | None
    chain: KeyChain
    highest: trust.HighestSeen | None
    software: str

    def __repr__(self) -> str:
        return f"SessionTerms(run={self.run[:12]!r}, purpose={self.purpose!r})"


class _Request(msgspec.Struct, frozen=True):
    message: wire.RequestWork | wire.GetVersions | wire.GetManifest
    deadline: float


class SessionProtocol:
    """One session, from the first frame to the end.

    Args:
        terms: what it starts from.
        key: the contributor's key for this run.
        nonce: 64 random hex digits, used once.
        now: monotonic seconds.
    """

    def __init__(self, terms: SessionTerms, key: Ed25519PrivateKey, nonce: str, now: float) -> None:
        self._terms = terms
        self._key = key
        self._nonce = nonce
        self._now = now
        self._identity = trust.Identity(run=terms.run, contributor=public_key_hex(key), chain=terms.chain)
        self._highest = terms.highest
        self._state: State = "greeting"
        self._handshake_deadline = now + HANDSHAKE_SECONDS
        self._next_number = 1
        self._requests: dict[int, _Request] = {}
        self._fetches: dict[int, FetchExchange] = {}
        self._uploads: dict[int, UploadExchange] = {}
        # Ids whose late frames are expected: the peer could not know yet that they were over.
        self._over: deque[int] = deque(maxlen=ANSWERED_REMEMBERED)
        self._decided: deque[str] = deque(maxlen=ANSWERED_REMEMBERED)
        self._held: set[str] = set()
        self._heartbeat_seconds = 0.0
        self._heartbeat_at = 0.0
        self._heartbeat_deadline: float | None = None
        self._frames: list[str | bytes] = []
        self._events: list[event.Event] = []
        self._send(
            wire.Hello(
                protocol=wire.PROTOCOL,
                run=terms.run,
                contributor=self._identity.contributor,
                nonce=nonce,
                software=terms.software[:64],
            )
        )

    @property
    def state(self) -> State:
        return self._state

    @property
    def highest(self) -> trust.HighestSeen | None:
        return self._highest

    @property
    def has_frames(self) -> bool:
        """Whether `take_frames` would give any."""
        return bool(self._frames)

    def take_frames(self) -> list[str | bytes]:
        """The frames to send, in order; each is given out once."""
        frames, self._frames = self._frames, []
        return frames

    # Frames and time in

    def receive(self, frame: str | bytes | memoryview, now: float) -> tuple[event.Event, ...]:
        """Takes in one frame of the coordinator."""
        if self._state == "ended":
            return ()
        self._now = now
        try:
            if isinstance(frame, str):
                self._take(decode_coordinator(frame))
            else:
                self._take_chunk(decode_chunk(frame))
        except (ProtocolError, IntegrityError) as error:
            self._fail(error)
        return self._told()

    def tick(self, now: float) -> tuple[event.Event, ...]:
        """Lets time pass: sends heartbeats and ends a session whose peer fell silent. Call it by `next_tick_s`."""
        if self._state == "ended":
            return ()
        if self._state != "active":
            if now >= self._handshake_deadline:
                self._fail(UnavailableError("session.handshake_timeout", seconds=int(HANDSHAKE_SECONDS)))
            return self._told()
        deadlines = self._deadlines()
        if deadlines and now >= min(deadlines):
            self._fail(UnavailableError("session.silent", seconds=int(REQUEST_SECONDS)))
        elif now >= self._heartbeat_at and self._heartbeat_deadline is None:
            # One at a time: the answer to a second one would be one that nobody asked for.
            self._send(wire.Heartbeat(assignments=tuple(sorted(self._held))))
            self._heartbeat_at = now + self._heartbeat_seconds
            self._heartbeat_deadline = now + REQUEST_SECONDS
        return self._told()

    def next_tick_s(self, now: float) -> float:
        """In how many seconds `tick` has something to do, as far as is known now: whatever begins until then has 60 s
        to be answered, so that at most every sixth part of it is looked."""
        if self._state != "active":
            return TICK_SECONDS_LEAST
        # While a heartbeat is unanswered there is no other.
        heartbeat = [self._heartbeat_at] if self._heartbeat_deadline is None else []
        due = min(heartbeat + self._deadlines())
        return min(max(due - now, TICK_SECONDS_LEAST), TICK_SECONDS_MOST)

    def _deadlines(self) -> list[float]:
        deadlines = [each.deadline for each in self._requests.values()]
        deadlines += [each.deadline for each in self._fetches.values() if each.waits_for_peer]
        deadlines += [each.deadline for each in self._uploads.values() if each.waits_for_peer]
        return deadlines if self._heartbeat_deadline is None else [*deadlines, self._heartbeat_deadline]

    # What the owner asks for. All raise UnavailableError ``session.not_active`` outside a standing session.

    def request_work(self, offer: wire.DeviceOffer, base: VersionId | None, now: float) -> int:
        """Asks for an assignment; `WorkReceived`, `NoWorkReceived` or `RequestRefused` answer with this number."""
        number = self._number()
        return self._ask(wire.RequestWork(id=number, offer=offer, base=base), now)

    def get_versions(self, have: VersionId | None, now: float) -> int:
        """Asks for the way from `have` to the newest version; `VersionsReceived` or `RequestRefused` answer."""
        return self._ask(wire.GetVersions(id=self._number(), have=have), now)

    def fetch(self, blob: BlobRef, bitmap: bytes | None, now: float) -> int:
        """Asks for the first 256 spans of chunks that `bitmap` lacks, of a blob that is not whole yet.

        `ChunkReceived` for each, then `FetchAnswered`.
        """
        number = self._number()
        exchange = FetchExchange(blob, bitmap, now + REQUEST_SECONDS)
        self._fetches[number] = exchange
        self._send(wire.Fetch(transfer=number, blob=blob, missing=exchange.asked))
        return number

    def acknowledge(self, transfer: int, indices: Sequence[int], now: float) -> tuple[event.Event, ...]:
        """These chunks were taken over; lets as many others come."""
        exchange = self._fetches.get(transfer)
        if exchange is None or self._state != "active":
            return ()
        for index in indices:
            exchange.taken(index, now + REQUEST_SECONDS)
        for first, count in runs(indices):
            self._send(wire.Ack(transfer=transfer, index=first, count=count))
        if exchange.answered:
            self._close(transfer)
            self._events.append(event.FetchAnswered(transfer=transfer))
        return self._told()

    def offer_update(self, update: Update, signed: Signed, now: float) -> int:
        """Offers a finished update; `ChunkWanted`, `UploadAccepted`, `UploadRefused`, `RequestRefused` follow."""
        number = self._number()
        self._uploads[number] = UploadExchange(update, now + REQUEST_SECONDS)
        self._send(wire.OfferUpdate(transfer=number, update=signed))
        return number

    def send_chunk(self, transfer: int, index: int, data: bytes, now: float) -> None:
        """Hands over a chunk that was wanted; of an upload that is over by now it is dropped."""
        exchange = self._uploads.get(transfer)
        if exchange is not None and self._state == "active":
            exchange.sent(now + REQUEST_SECONDS)
            self._frames.append(encode_chunk(wire.Chunk(transfer=transfer, index=index, data=data)))

    def stored(self, assignment_id: str) -> None:
        """The receipt or refusal of this assignment is durable here."""
        self._require_active()
        self._send(wire.Stored(assignment_id=assignment_id))

    def end_transfer(self, transfer: int, reason: str) -> None:
        """Gives up a fetch or an upload; frames of it that are under way are ignored."""
        if self._state == "active" and (transfer in self._fetches or transfer in self._uploads):
            self._close(transfer)
            self._send(wire.EndTransfer(transfer=transfer, reason=reason))

    def release(self, assignment_id: str, fence: int) -> None:
        """Gives an assignment back untouched."""
        self._require_active()
        self._held.discard(assignment_id)
        self._send(wire.Release(assignment_id=assignment_id, fence=fence))

    def hold(self, assignments: frozenset[str]) -> None:
        """The assignments that heartbeats keep alive from now on; at most 64."""
        if len(assignments) > HELD_MOST:
            raise ValueError(f"{len(assignments)} assignments held, at most {HELD_MOST}")
        self._held = set(assignments)

    def renew(self, now: float) -> None:
        """Let the next tick renew what is held, without waiting for the next heartbeat."""
        self._heartbeat_at = min(self._heartbeat_at, now)

    def abandon(self) -> None:
        """The connection is gone: nothing can be asked any more."""
        self._state = "ended"

    # One handler a message; `ALLOWED` has already said that it may come now.

    def _take(self, message: wire.CoordinatorMessage) -> None:
        if type(message) not in ALLOWED[self._state]:
            raise ProtocolError("session.out_of_order", state=self._state, type=type(message).__name__)
        self._HANDLERS[type(message)](self, message)

    def _challenge(self, message: wire.Challenge) -> None:
        chain, transcript = trust.check_challenge(message, self._identity, self._nonce)
        self._identity = msgspec.structs.replace(self._identity, chain=chain)
        assert chain.newest is not None
        self._events.append(
            event.CoordinatorProved(online_key=chain.newest, signed=message.online_key, earlier=message.earlier_keys)
        )
        if self._terms.purpose == "inspect":
            self._state = "inspecting"
            request = wire.GetManifest(id=self._take_number())
            self._requests[request.id] = _Request(message=request, deadline=self._now + REQUEST_SECONDS)
            self._send(request)
            return
        self._state = "proving"
        proof = sign(wire.HANDSHAKE_KIND, transcript, self._key)
        self._send(wire.Prove(proof=proof, consent=self._terms.run, invite_secret=self._terms.invite_secret))

    def _manifest(self, message: wire.ManifestText) -> None:
        self._answered(message.reply_to, wire.GetManifest)
        manifest = verify_manifest(message.manifest, self._terms.run, self._terms.run_key_sha256)
        self._events.append(event.ManifestReceived(manifest=manifest, signed=message.manifest))
        self._state = "ended"

    def _welcome(self, message: wire.Welcome) -> None:
        self._state = "active"
        self._heartbeat_seconds = message.heartbeat_s * HEARTBEAT_SHARE
        self._heartbeat_at = self._now + self._heartbeat_seconds
        self._announced(message.latest)
        self._events.append(event.Connected(trust=message.trust))

    def _announce(self, message: wire.Announce) -> None:
        self._announced(message.announcement)

    def _work(self, message: wire.Work) -> None:
        asked = self._answered(message.reply_to, wire.RequestWork)
        assignment = trust.check_assignment(message.assignment, self._identity, asked.offer)
        self._events.append(event.WorkReceived(request=asked.id, assignment=assignment, signed=message.assignment))

    def _no_work(self, message: wire.NoWork) -> None:
        asked = self._answered(message.reply_to, wire.RequestWork)
        if message.device != asked.offer.device:
            raise ProtocolError("session.unasked", type="NoWork")
        self._events.append(
            event.NoWorkReceived(
                request=asked.id,
                reason=message.reason,
                words=message.words,
                retry_after_s=message.retry_after_s,
            )
        )

    def _versions(self, message: wire.Versions) -> None:
        asked = self._answered(message.reply_to, wire.GetVersions)
        keyframe, patches = trust.check_versions(message, asked.have, self._identity.chain)
        self._events.append(event.VersionsReceived(request=asked.id, keyframe=keyframe, patches=patches))

    def _leases(self, message: wire.Leases) -> None:
        if self._heartbeat_deadline is None:
            raise ProtocolError("session.unasked", type="Leases")
        self._heartbeat_deadline = None
        renewed = tuple(each for each in message.renewed if each in self._held)
        self._events.append(event.LeasesRenewed(assignments=renewed, ttl_s=message.ttl_s))
        for assignment_id in message.lost:
            if assignment_id in self._held:
                self._held.remove(assignment_id)
                self._events.append(event.LeaseLost(assignment_id=assignment_id))

    def _ack(self, message: wire.Ack) -> None:
        exchange = self._upload(message.transfer, "Ack")
        if exchange is not None:
            exchange.acknowledged(message.index, message.count, self._now + REQUEST_SECONDS)
            self._continue_upload(message.transfer, exchange)

    def _missing(self, message: wire.Missing) -> None:
        exchange = self._upload(message.transfer, "Missing")
        if exchange is not None:
            exchange.asked(message.missing, self._now + REQUEST_SECONDS)
            self._continue_upload(message.transfer, exchange)

    def _accept(self, message: wire.Accepted) -> None:
        if message.assignment_id in self._decided:
            return
        transfer, exchange = self._upload_of(message.assignment_id)
        receipt = trust.check_receipt(message.receipt, self._identity, exchange.update)
        self._close(transfer)
        self._decided.append(message.assignment_id)
        accepted = event.UploadAccepted(
            transfer=transfer, receipt=receipt, signed=message.receipt, needs_more=message.needs_more
        )
        self._events.append(accepted)

    def _refused(self, message: wire.Refused) -> None:
        if message.refusal is not None:
            self._refused_for_good(message, message.refusal)
        elif message.reply_to in self._over:
            return
        elif message.assignment_id is not None and self._state == "active":
            # Not for good: the update waits and is offered again.
            transfer, _ = self._upload_of(message.assignment_id)
            self._close(transfer)
            self._events.append(event.RequestRefused(request=transfer, refused=message))
        elif message.reply_to is None or (message.reply_to in self._requests and self._state == "inspecting"):
            self._state = "ended"
            self._events.append(event.SessionRefused(refused=message, changed=self._changed(message)))
        elif message.reply_to in self._requests:
            del self._requests[message.reply_to]
            self._events.append(event.RequestRefused(request=message.reply_to, refused=message))
        elif message.reply_to in self._fetches or message.reply_to in self._uploads:
            self._close(message.reply_to)
            self._events.append(event.RequestRefused(request=message.reply_to, refused=message))
        else:
            raise ProtocolError("session.unasked", type="Refused")

    def _changed(self, message: wire.Refused) -> event.ManifestChanged | None:
        """What the same organiser serves here now, if this is why."""
        if message.manifest is None or message.reason != UNKNOWN_RUN:
            return None
        try:
            run, manifest = other_manifest(message.manifest, self._terms.run_key_sha256)
        except IntegrityError:
            # Another organiser's run at this address is no change of ours.
            return None
        return event.ManifestChanged(run, manifest, message.manifest) if run != self._terms.run else None

    def _refused_for_good(self, message: wire.Refused, signed: Signed) -> None:
        if message.assignment_id is None or self._state != "active":
            raise ProtocolError("session.unasked", type="Refused")
        if message.assignment_id in self._decided:
            return
        transfer, exchange = self._upload_of(message.assignment_id)
        refusal = trust.check_refusal(signed, self._identity, exchange.update)
        self._close(transfer)
        self._decided.append(message.assignment_id)
        self._events.append(event.UploadRefused(transfer=transfer, refusal=refusal, signed=signed))

    def _end_transfer(self, message: wire.EndTransfer) -> None:
        if message.transfer in self._over:
            return
        if message.transfer not in self._fetches and message.transfer not in self._uploads:
            raise ProtocolError("session.unasked", type="EndTransfer")
        self._close(message.transfer)
        self._events.append(event.TransferEnded(transfer=message.transfer, reason=message.reason))

    def _take_chunk(self, chunk: wire.Chunk) -> None:
        if self._state == "active" and chunk.transfer in self._over:
            return
        exchange = self._fetches.get(chunk.transfer)
        if self._state != "active" or exchange is None:
            raise ProtocolError("session.unasked", type="Chunk")
        new = exchange.arrived(chunk.index, chunk.data, self._now + REQUEST_SECONDS)
        self._events.append(
            event.ChunkReceived(
                transfer=chunk.transfer, blob=exchange.blob, index=chunk.index, data=chunk.data, new=new
            )
        )

    # Small parts

    def _announced(self, signed: Signed) -> None:
        announcement = trust.check_announcement(signed, self._identity.chain)
        self._highest = trust.raise_highest(announcement, self._highest)
        self._events.append(event.Announced(announcement=announcement, signed=signed))

    def _continue_upload(self, transfer: int, exchange: UploadExchange) -> None:
        for index in exchange.wanted():
            self._events.append(event.ChunkWanted(transfer=transfer, index=index))
        if exchange.commit():
            self._send(wire.Commit(transfer=transfer, assignment_id=exchange.update.assignment_id))

    def _upload(self, transfer: int, type_name: str) -> UploadExchange | None:
        """The upload that a frame is about; None when it was over before the peer could know."""
        exchange = self._uploads.get(transfer)
        if exchange is None and transfer not in self._over:
            raise ProtocolError("session.unasked", type=type_name)
        return exchange

    def _upload_of(self, assignment_id: str) -> tuple[int, UploadExchange]:
        for transfer, exchange in self._uploads.items():
            if exchange.update.assignment_id == assignment_id:
                return transfer, exchange
        raise ProtocolError("session.unasked", type="Accepted")

    def _ask(self, message: wire.RequestWork | wire.GetVersions, now: float) -> int:
        self._requests[message.id] = _Request(message=message, deadline=now + REQUEST_SECONDS)
        self._send(message)
        return message.id

    def _answered(self, number: int, kind: type[R]) -> R:
        request = self._requests.get(number)
        if request is None or not isinstance(request.message, kind):
            raise ProtocolError("session.unasked", type=kind.__name__)
        del self._requests[number]
        return request.message

    def _number(self) -> int:
        self._require_active()
        if len(self._requests) + len(self._fetches) + len(self._uploads) >= REQUESTS_MOST:
            raise UnavailableError("session.busy", most=REQUESTS_MOST)
        return self._take_number()

    def _take_number(self) -> int:
        number, self._next_number = self._next_number, self._next_number + 1
        return number

    def _require_active(self) -> None:
        if self._state != "active":
            raise UnavailableError("session.not_active")

    def _close(self, transfer: int) -> None:
        self._fetches.pop(transfer, None)
        self._uploads.pop(transfer, None)
        self._over.append(transfer)

    def _fail(self, error: SparewattError) -> None:
        self._state = "ended"
        self._events.append(event.SessionFailed(error=error))

    def _send(self, message: wire.Message) -> None:
        self._frames.append(encode(message))

    def _told(self) -> tuple[event.Event, ...]:
        told, self._events = tuple(self._events), []
        return told

    _HANDLERS: ClassVar[Mapping[type[wire.Message], Callable[..., None]]] = {
        wire.Challenge: _challenge,
        wire.ManifestText: _manifest,
        wire.Welcome: _welcome,
        wire.Announce: _announce,
        wire.Work: _work,
        wire.NoWork: _no_work,
        wire.Versions: _versions,
        wire.Leases: _leases,
        wire.Ack: _ack,
        wire.Missing: _missing,
        wire.Accepted: _accept,
        wire.Refused: _refused,
        wire.EndTransfer: _end_transfer,
    }
