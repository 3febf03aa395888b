"""The coordinator's half of a session, sans-I/O: messages and outcomes in, effects out.

    state        messages that may come               left by
    greeting     Hello                                a Hello of this run and protocol -> proving
    proving      GetManifest, Prove; two at most      a proof that holds -> registering
    registering  none                                 the store knows the contributor -> active
    active       all others                           the end of the connection

Anything else ends the session, and so does a transfer that breaks its window. Whoever drives a session carries out
its effects one after the other and feeds back each outcome before the next message, so that a contributor who asks
for more than is done waits in its own connection.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

import msgspec

from sparewatt.errors import IntegrityError, ProtocolError
from sparewatt.signing import Signed, digest, verify
from sparewatt.wire import messages as wire
from sparewatt.wire.transfer import ReceiveTransfer, SendTransfer
from sparewatt.work.manifest import Manifest
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.gateway import effects as e
from sparewatt_coordinator.store.base import Accepted, Leased, Refused, Renewed, Sign

State = Literal["greeting", "proving", "registering", "active", "ended"]

UNAUTHENTICATED_REQUESTS_MOST: Final = 2
FETCHES_MOST: Final = 8
UPLOADS_MOST: Final = 4
RETRY_SOON_S: Final = 2
RETRY_LATER_S: Final = 60
NOT_TRUSTED_RETRY_S: Final = 3_600
UNAUDITED: Final = "contributor.not_trusted"
OPTIMISER_KEPT: Final = "contributor.optimiser_kept"
# Room for the rest of a `Versions` frame beside its patches.
VERSIONS_BYTES_MOST: Final = wire.CONTROL_BYTES_MOST - 1024

ALLOWED: Final[Mapping[State, frozenset[type[object]]]] = {
    "greeting": frozenset({wire.Hello}),
    "proving": frozenset({wire.GetManifest, wire.Prove}),
    "registering": frozenset(),
    "active": frozenset(
        {wire.RequestWork, wire.Release, wire.Heartbeat, wire.GetVersions, wire.Fetch, wire.Ack}
        | {wire.EndTransfer, wire.OfferUpdate, wire.Commit, wire.Stored}
    ),
    "ended": frozenset(),
}


class Terms(msgspec.Struct, frozen=True):
    """What every session of a run has in common.

    Attributes:
        online_keys: every online key of the run, signed by the run's key, oldest first.
        online_public: the newest one's public half.
        upload_bytes_most: of one payload, from the manifest.
        heartbeat_s, ttl_s: how often leases are renewed, and how long they live at most.
        untrusted: why there is no work for contributors whom the organiser does not trust.
    """

    run: str
    manifest: Signed
    online_keys: tuple[Signed, ...]
    online_public: str
    upload_bytes_most: int
    heartbeat_s: int
    ttl_s: int
    untrusted: str = UNAUDITED


def why_no_work_untrusted(manifest: Manifest) -> str:
    """The reason that contributors without the organiser's trust hear."""
    return OPTIMISER_KEPT if manifest.inner.state == "kept" else UNAUDITED


class _Fetch(msgspec.Struct):
    blob: BlobRef
    send: SendTransfer


class _Upload(msgspec.Struct):
    update: Update
    update_sha256: str
    receive: ReceiveTransfer | None = None


class GatewaySession:
    """One contributor's connection.

    Args:
        terms: of the run.
        sign: with the run's online key.
        nonce: 64 random hex digits, used once.
        session: 32 random hex digits, the session's name.
    """

    def __init__(self, terms: Terms, sign: Sign, nonce: str, session: str) -> None:
        self._terms = terms
        self._sign = sign
        self._nonce = nonce
        self._session = session
        self._state: State = "greeting"
        self._requests_before = 0
        self._contributor = ""
        self._expected: wire.Transcript | None = None
        self._trusted = False
        self._fetches: dict[int, _Fetch] = {}
        self._uploads: dict[int, _Upload] = {}

    @property
    def state(self) -> State:
        return self._state

    @property
    def contributor(self) -> str:
        """The public key that was claimed; proved once the session is active."""
        return self._contributor

    @property
    def payloads(self) -> tuple[BlobRef, ...]:
        """Payloads that are on their way; to be closed when the connection ends."""
        return tuple(upload.update.payload for upload in self._uploads.values() if upload.receive is not None)

    def receive(self, message: wire.EngineMessage) -> list[e.Effect]:
        """Takes in a control frame."""
        if type(message) not in ALLOWED[self._state]:
            return self._end("session.out_of_order")
        try:
            return self._HANDLERS[type(message)](self, message)
        except (ProtocolError, IntegrityError) as error:
            return self._end(error.error_id)

    def receive_chunk(self, chunk: wire.Chunk) -> list[e.Effect]:
        """Takes in a binary frame; a chunk of an upload that is over is dropped."""
        if self._state != "active":
            return self._end("session.out_of_order")
        upload = self._uploads.get(chunk.transfer)
        if upload is None or upload.receive is None:
            return []
        try:
            new = upload.receive.receive(chunk.index, chunk.data)
        except ProtocolError as error:
            return self._end(error.error_id)
        if new:
            return [e.WriteChunk(chunk.transfer, upload.update.payload, chunk.index, chunk.data)]
        return [e.Send(wire.Ack(transfer=chunk.transfer, index=chunk.index))]

    def outcome(self, answer: e.Answer) -> list[e.Effect]:
        """Takes in what became of an effect."""
        if self._state == "ended":
            return []
        return self._OUTCOMES[type(answer)](self, answer)

    def broken(self, reason: str) -> list[e.Effect]:
        """A frame that could not be decoded ends the session."""
        return self._end(reason)

    def refuse(self, reason: str) -> list[e.Effect]:
        """The contributor is wanted no more: say so, and end."""
        return [] if self._state == "ended" else self._refuse_session(reason)

    def announce(self, announcement: Signed) -> list[e.Effect]:
        """A newer announcement than the contributor has seen."""
        return [e.Send(wire.Announce(announcement=announcement))] if self._state == "active" else []

    def _hello(self, message: wire.Hello) -> list[e.Effect]:
        if message.protocol != wire.PROTOCOL:
            return self._refuse_session("session.protocol")
        if message.run != self._terms.run:
            other = wire.Refused(reason="session.unknown_run", manifest=self._terms.manifest)
            return [e.Send(other), *self._end(other.reason)]
        self._state = "proving"
        self._contributor = message.contributor
        transcript = wire.Transcript(
            side="coordinator",
            run=self._terms.run,
            contributor=message.contributor,
            online_key=self._terms.online_public,
            client_nonce=message.nonce,
            server_nonce=self._nonce,
            session=self._session,
        )
        self._expected = msgspec.structs.replace(transcript, side="contributor")
        challenge = wire.Challenge(
            protocol=wire.PROTOCOL,
            nonce=self._nonce,
            session=self._session,
            online_key=self._terms.online_keys[-1],
            earlier_keys=self._terms.online_keys[:-1][-wire.EARLIER_KEYS_MOST :],
            proof=self._sign(wire.HANDSHAKE_KIND, transcript),
        )
        return [e.Send(challenge)]

    def _get_manifest(self, message: wire.GetManifest) -> list[e.Effect]:
        if not self._may_still_ask():
            return self._end("session.out_of_order")
        return [e.Send(wire.ManifestText(reply_to=message.id, manifest=self._terms.manifest))]

    def _prove(self, message: wire.Prove) -> list[e.Effect]:
        if not self._may_still_ask():
            return self._end("session.out_of_order")
        try:
            stated = verify(message.proof, wire.HANDSHAKE_KIND, self._contributor, wire.Transcript)
        except IntegrityError as error:
            return self._refuse_session(error.error_id)
        if stated != self._expected:
            return self._refuse_session("session.transcript")
        if message.consent != self._terms.run:
            return self._refuse_session("session.consent")
        self._state = "registering"
        secret = message.invite_secret
        return [e.Register(self._contributor, None if secret is None else secret_sha256(secret))]

    def _admitted(self, answer: e.Admitted) -> list[e.Effect]:
        self._state = "active"
        self._trusted = answer.registered.trusted
        trust: Literal["trusted", "probation"] = "trusted" if self._trusted else "probation"
        return [e.Send(wire.Welcome(trust=trust, latest=answer.latest, heartbeat_s=self._terms.heartbeat_s))]

    def _not_admitted(self, answer: Refused) -> list[e.Effect]:
        return self._refuse_session(answer.reason)

    def _request_work(self, message: wire.RequestWork) -> list[e.Effect]:
        if not self._trusted:
            # The run has no score and no audit yet, and nobody could do again what begins with a kept optimiser: only
            # invited trust makes work worth its electricity.
            refused = wire.NoWork(
                reply_to=message.id,
                device=message.offer.device,
                reason=self._terms.untrusted,
                words="",
                retry_after_s=NOT_TRUSTED_RETRY_S,
            )
            return [e.Send(refused)]
        return [e.Lease(message.id, self._contributor, self._session, message.offer, message.base)]

    def _lease_answer(self, answer: e.LeaseAnswer) -> list[e.Effect]:
        if isinstance(answer.outcome, Leased):
            return [e.Send(wire.Work(reply_to=answer.reply_to, assignment=answer.outcome.signed))]
        no_work = wire.NoWork(
            reply_to=answer.reply_to,
            device=answer.offer.device,
            reason=answer.outcome.reason,
            words=answer.words,
            retry_after_s=answer.outcome.retry_after_s,
        )
        return [e.Send(no_work)]

    def _release(self, message: wire.Release) -> list[e.Effect]:
        return [e.Release(self._contributor, message.assignment_id, message.fence)]

    def _heartbeat(self, message: wire.Heartbeat) -> list[e.Effect]:
        if not message.assignments:
            # Nothing to look up: an idle contributor never reaches the store.
            return self._renewed(Renewed((), ()))
        return [e.Renew(self._contributor, message.assignments)]

    def _renewed(self, answer: Renewed) -> list[e.Effect]:
        return [e.Send(wire.Leases(ttl_s=self._terms.ttl_s, renewed=answer.renewed, lost=answer.lost))]

    def _get_versions(self, message: wire.GetVersions) -> list[e.Effect]:
        return [e.FindWay(message.id, message.have)]

    def _way(self, answer: e.WayAnswer) -> list[e.Effect]:
        """As many patches as fit into one frame; the engine asks again from where they lead."""
        found = wire.Versions(reply_to=answer.reply_to, keyframe=answer.way.keyframe, patches=answer.way.patches)
        while len(msgspec.json.encode(found)) > VERSIONS_BYTES_MOST and found.patches:
            found = msgspec.structs.replace(found, patches=found.patches[:-1])
        return [e.Send(found)]

    def _fetch(self, message: wire.Fetch) -> list[e.Effect]:
        refused = self._transfer_refused(message.transfer, len(self._fetches), FETCHES_MOST)
        if refused:
            return refused
        send = SendTransfer(message.blob.size, message.missing)
        self._fetches[message.transfer] = _Fetch(message.blob, send)
        return [e.OpenBlob(message.transfer, message.blob)]

    def _blob(self, answer: e.BlobAnswer) -> list[e.Effect]:
        if answer.reason is not None:
            self._fetches.pop(answer.transfer, None)
            return [e.Send(wire.Refused(reason=answer.reason, reply_to=answer.transfer))]
        return self._continue_fetch(answer.transfer)

    def _ack(self, message: wire.Ack) -> list[e.Effect]:
        fetch = self._fetches.get(message.transfer)
        if fetch is None:
            return []
        fetch.send.acknowledge(message.index, message.count)
        return self._continue_fetch(message.transfer)

    def _continue_fetch(self, transfer: int) -> list[e.Effect]:
        fetch = self._fetches.get(transfer)
        if fetch is None:
            return []
        indices: list[int] = []
        while (index := fetch.send.next_chunk()) is not None:
            indices.append(index)
        if fetch.send.done:
            del self._fetches[transfer]
        return [e.SendChunks(transfer, fetch.blob, tuple(indices))] if indices else []

    def _end_transfer(self, message: wire.EndTransfer) -> list[e.Effect]:
        self._fetches.pop(message.transfer, None)
        upload = self._uploads.pop(message.transfer, None)
        if upload is None or upload.receive is None:
            return []
        return [e.CloseUpload(upload.update.payload)]

    def _offer(self, message: wire.OfferUpdate) -> list[e.Effect]:
        refused = self._transfer_refused(message.transfer, len(self._uploads), UPLOADS_MOST)
        if refused:
            return refused
        try:
            update = verify(message.update, UPDATE_KIND, self._contributor, Update)
        except IntegrityError as error:
            return [e.Send(wire.Refused(reason=error.error_id, reply_to=message.transfer))]
        if update.payload.size > self._terms.upload_bytes_most:
            # The store says so too, for good; here it only keeps a bound before anything is looked up.
            return [e.Send(wire.Refused(reason="update.payload_size", reply_to=message.transfer))]
        upload = _Upload(update, digest(update))
        self._uploads[message.transfer] = upload
        return [e.OpenUpload(message.transfer, self._contributor, update, upload.update_sha256)]

    def _upload_answer(self, answer: e.UploadAnswer) -> list[e.Effect]:
        upload = self._uploads.get(answer.transfer)
        if upload is None:
            return []
        assignment_id = upload.update.assignment_id
        outcome = answer.outcome
        if isinstance(outcome, e.Arriving):
            upload.receive = ReceiveTransfer(upload.update.payload.size, outcome.bitmap)
            return [e.Send(wire.Missing(transfer=answer.transfer, missing=upload.receive.ask()))]
        del self._uploads[answer.transfer]
        if isinstance(outcome, Accepted):
            receipt, needs_more = outcome.receipt, outcome.needs_more
            return [e.Send(wire.Accepted(assignment_id=assignment_id, receipt=receipt, needs_more=needs_more))]
        if isinstance(outcome, Refused):
            refused = wire.Refused(
                reason=outcome.reason,
                reply_to=answer.transfer,
                assignment_id=assignment_id,
                refusal=outcome.refusal,
            )
            return [e.Send(refused)]
        not_now = wire.Refused(reason=outcome.reason, reply_to=answer.transfer, retry_after_s=outcome.retry_after_s)
        return [e.Send(not_now)]

    def _written(self, answer: e.ChunkWritten) -> list[e.Effect]:
        if answer.transfer not in self._uploads:
            return []
        return [e.Send(wire.Ack(transfer=answer.transfer, index=answer.index))]

    def _commit(self, message: wire.Commit) -> list[e.Effect]:
        upload = self._uploads.get(message.transfer)
        if upload is None:
            return []
        if upload.receive is None or upload.update.assignment_id != message.assignment_id:
            return self._end("session.out_of_order")
        if not upload.receive.complete:
            return [e.Send(wire.Missing(transfer=message.transfer, missing=upload.receive.ask()))]
        return [e.FinishUpload(message.transfer, self._contributor, upload.update, upload.update_sha256)]

    def _stored(self, message: wire.Stored) -> list[e.Effect]:
        return [e.MarkStored(self._contributor, message.assignment_id)]

    def _done(self, answer: e.Done) -> list[e.Effect]:
        assert isinstance(answer, e.Done)
        return []

    def _failed(self, answer: e.Failed) -> list[e.Effect]:
        """A request or transfer is refused for now; without one to refuse, the session ends."""
        effect = answer.effect
        number = getattr(effect, "reply_to", None) or getattr(effect, "transfer", None)
        if not isinstance(number, int):
            return self._end(answer.reason)
        self._fetches.pop(number, None)
        upload = self._uploads.pop(number, None)
        refused = e.Send(wire.Refused(reason=answer.reason, reply_to=number, retry_after_s=RETRY_LATER_S))
        if upload is None or upload.receive is None:
            return [refused]
        return [refused, e.CloseUpload(upload.update.payload)]

    def _transfer_refused(self, transfer: int, running: int, most: int) -> list[e.Effect]:
        if transfer in self._fetches or transfer in self._uploads:
            raise ProtocolError("transfer.in_use", transfer=transfer)
        if running >= most:
            busy = wire.Refused(reason="transfer.too_many", reply_to=transfer, retry_after_s=RETRY_SOON_S)
            return [e.Send(busy)]
        return []

    def _may_still_ask(self) -> bool:
        self._requests_before += 1
        return self._requests_before <= UNAUTHENTICATED_REQUESTS_MOST

    def _refuse_session(self, reason: str) -> list[e.Effect]:
        return [e.Send(wire.Refused(reason=reason)), *self._end(reason)]

    def _end(self, reason: str) -> list[e.Effect]:
        self._state = "ended"
        return [e.Close(reason)]

    _HANDLERS: ClassVar[Mapping[type[wire.Message], Callable[..., list[e.Effect]]]] = {
        wire.Hello: _hello,
        wire.GetManifest: _get_manifest,
        wire.Prove: _prove,
        wire.RequestWork: _request_work,
        wire.Release: _release,
        wire.Heartbeat: _heartbeat,
        wire.GetVersions: _get_versions,
        wire.Fetch: _fetch,
        wire.Ack: _ack,
        wire.EndTransfer: _end_transfer,
        wire.OfferUpdate: _offer,
        wire.Commit: _commit,
        wire.Stored: _stored,
    }
    _OUTCOMES: ClassVar[Mapping[type[object], Callable[..., list[e.Effect]]]] = {
        e.Done: _done,
        e.Admitted: _admitted,
        Refused: _not_admitted,
        e.LeaseAnswer: _lease_answer,
        Renewed: _renewed,
        e.WayAnswer: _way,
        e.BlobAnswer: _blob,
        e.UploadAnswer: _upload_answer,
        e.ChunkWritten: _written,
        e.Failed: _failed,
    }


def secret_sha256(secret: str) -> str:
    """How an invite's secret is stored and compared: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()
