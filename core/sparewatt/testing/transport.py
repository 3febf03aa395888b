"""Connections inside one process, and a coordinator small enough to see through.

`FakeCoordinator` is what survives: blobs, chunks, decisions. `FakeCoordinatorSession` is one connection to it,
sans-I/O. It answers honestly, in order, and repeats lost answers from what it kept.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.errors import UnavailableError
from sparewatt.signing import digest, public_key_hex, sign, verify
from sparewatt.testing.run import FakeRun, version
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_chunk, decode_engine, encode, encode_chunk
from sparewatt.wire.transfer import ReceiveTransfer, SendTransfer, chunk_length
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment, Range
from sparewatt.work.receipt import RECEIPT_KIND, REFUSAL_KIND, Receipt, Refusal
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef

Frame = str | bytes
QUEUED_FRAMES_MOST: Final = 4


class MemoryTransport:
    """One end of a connection; made in pairs by `transport_pair`.

    Attributes:
        before_send: called with each frame before it leaves; it may `cut` the connection.
    """

    def __init__(self, incoming: "Pipe", outgoing: "Pipe") -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self.bytes_up = 0
        self.bytes_down = 0
        self.before_send: Callable[[Frame], None] = lambda _: None

    async def send(self, frame: Frame) -> None:
        self.before_send(frame)
        self._outgoing.put(frame)
        self.bytes_up += len(frame)

    async def receive(self) -> Frame:
        frame = await self._incoming.get()
        self.bytes_down += len(frame)
        return frame

    def listen(self, take: Callable[[bytes], bool] | None) -> None:
        def counted(frame: Frame) -> bool:
            taken = take is not None and isinstance(frame, bytes) and take(frame)
            self.bytes_down += len(frame) if taken else 0
            return taken

        self._incoming.take = counted

    def send_now(self, frame: str) -> bool:
        if not self._outgoing.over:
            self.before_send(frame)
        if self._outgoing.over:
            return False
        self._outgoing.put(frame)
        self.bytes_up += len(frame)
        return True

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Ends both sides at once; what was under way is lost."""
        self._incoming.cut()
        self._outgoing.cut()


class Pipe:
    """One direction of a connection: frames in order, until it is cut."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._changed = asyncio.Event()
        self.over = False
        self.take: Callable[[Frame], bool] = lambda _: False

    def put(self, frame: Frame) -> None:
        if self.over:
            raise UnavailableError("connection.lost", code=1006)
        if not self._frames and self.take(frame):
            return
        self._frames.append(frame)
        self._changed.set()

    async def get(self) -> Frame:
        while not self._frames and not self.over:
            self._changed.clear()
            await self._changed.wait()
        if self.over:
            raise UnavailableError("connection.lost", code=1006)
        return self._frames.popleft()

    def cut(self) -> None:
        self.over = True
        self._changed.set()


def transport_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """The two ends of a connection."""
    up, down = Pipe(), Pipe()
    return MemoryTransport(down, up), MemoryTransport(up, down)


class FakeCoordinator:
    """What a coordinator keeps through every cut.

    Attributes:
        blobs: what can be fetched, by SHA-256.
        work: assignments to hand out; see `assignment`.
        accepted: one entry for each acceptance, in order; an assignment in it twice would be credited twice.
        stored: assignments of which `Stored` was heard.
        refuse: assignments that are refused for good, with the reason.
        busy: uploads refused for now before one is taken.
    """

    def __init__(self, run: FakeRun) -> None:
        self.run = run
        self.blobs: dict[str, bytes] = {}
        self.work: deque[Assignment] = deque()
        self.accepted: list[str] = []
        self.stored: set[str] = set()
        self.refuse: dict[str, str] = {}
        self.busy = 0
        self.latest = run.announce(1, 0)
        self.payloads: dict[str, bytearray] = {}
        self.transfers: dict[str, ReceiveTransfer] = {}
        self.decisions: dict[str, wire.Accepted | wire.Refused] = {}
        self.chunks_received = 0
        self.sessions = 0

    def assignment(self, number: int, contributor: str, device: str) -> Assignment:
        """An assignment for a device, to be put into `work`."""
        tokens = 256
        return Assignment(
            assignment_id=f"{number:032x}",
            run=self.run.run,
            contributor=contributor,
            device=device,
            kind="train",
            base=version(0),
            ranges=(Range(pass_number=0, shard=0, blob=BlobRef(sha256="cd" * 32, size=tokens), first=0, count=tokens),),
            token_budget=tokens,
            inner_steps=4,
            seed=number,
            rate_first_nano=1_000,
            rate_last_nano=1_000,
            fence=1,
            ttl_s=60,
        )

    def decide(self, update: Update, contributor: str) -> wire.Accepted | wire.Refused:
        """Accepts or refuses an update whose payload is whole, once; then repeats the decision."""
        known = self.decisions.get(update.assignment_id)
        if known is not None:
            return known
        reason = self.refuse.get(update.assignment_id)
        decision: wire.Accepted | wire.Refused
        if reason is not None:
            refusal = Refusal(
                run=self.run.run,
                contributor=contributor,
                assignment_id=update.assignment_id,
                update=digest(update),
                reason=reason,
                refused_at_s=1,
            )
            decision = wire.Refused(
                reason=reason,
                assignment_id=update.assignment_id,
                refusal=sign(REFUSAL_KIND, refusal, self.run.online),
            )
        else:
            self.accepted.append(update.assignment_id)
            receipt = self.receipt(update, contributor, len(self.accepted))
            decision = wire.Accepted(
                assignment_id=update.assignment_id, receipt=sign(RECEIPT_KIND, receipt, self.run.online)
            )
        self.decisions[update.assignment_id] = decision
        return decision

    def receipt(self, update: Update, contributor: str, sequence: int) -> Receipt:
        return Receipt(
            run=self.run.run,
            contributor=contributor,
            device=update.device,
            assignment_id=update.assignment_id,
            update=digest(update),
            tokens=update.tokens,
            credit_micro=1_000,
            state="verified",
            round=0,
            merged="yes",
            accepted_at_s=1,
            sequence=sequence,
        )


class FakeCoordinatorSession:
    """One connection to a `FakeCoordinator`: a frame in, the frames out. A client that breaks the order is a bug here,
    so it ends in an AssertionError and not in an answer."""

    def __init__(self, coordinator: FakeCoordinator, nonce: str = "5e" * 32) -> None:
        self.coordinator = coordinator
        self.run: Final = coordinator.run
        self.nonce = nonce
        self.contributor = ""
        self.challenged = self.active = False
        self.update: dict[int, Update] = {}
        self.sending: dict[int, tuple[BlobRef, SendTransfer]] = {}
        coordinator.sessions += 1

    def receive(self, frame: Frame) -> list[Frame]:
        if isinstance(frame, bytes):
            return self._chunk(decode_chunk(frame))
        message = decode_engine(frame, unauthenticated=not self.active)
        return self._active(message) if self.active else self._handshake(message)

    def _handshake(self, message: wire.EngineMessage) -> list[Frame]:
        match message:
            case wire.Hello() if message.run != self.run.run:
                other = wire.Refused(reason="session.unknown_run", manifest=self.run.signed_manifest)
                return [encode(other)]
            case wire.Hello():
                return [encode(self.challenge(message))]
            case wire.GetManifest(id=number):
                return [encode(wire.ManifestText(reply_to=number, manifest=self.run.signed_manifest))]
            case wire.Prove():
                return self._prove(message)
            case _:
                raise AssertionError(message)

    def _active(self, message: wire.EngineMessage) -> list[Frame]:
        match message:
            case wire.RequestWork():
                return [encode(self._work(message))]
            case wire.GetVersions(id=number):
                return [encode(wire.Versions(reply_to=number, keyframe=self.run.announce(1, 0), patches=()))]
            case wire.Fetch(transfer=transfer, blob=blob, missing=missing):
                self.sending[transfer] = (blob, SendTransfer(blob.size, missing))
                return self._send_on(transfer)
            case wire.Ack(transfer=transfer, index=index, count=count):
                self.sending[transfer][1].acknowledge(index, count)
                return self._send_on(transfer)
            case wire.OfferUpdate():
                return [encode(self._offer(message))]
            case wire.Commit(transfer=transfer):
                return [encode(self._commit(transfer))]
            case wire.Heartbeat(assignments=held):
                return [encode(wire.Leases(ttl_s=60, renewed=held, lost=()))]
            case wire.Stored(assignment_id=assignment_id):
                self.coordinator.stored.add(assignment_id)
                return []
            case wire.EndTransfer() | wire.Release():
                return []
            case _:
                raise AssertionError(message)

    def challenge(self, hello: wire.Hello, key: Ed25519PrivateKey | None = None) -> wire.Challenge:
        """The honest challenge, or one that is signed by another key."""
        assert not self.challenged
        self.challenged = True
        self.contributor = hello.contributor
        self.transcript = wire.Transcript(
            side="coordinator",
            run=self.run.run,
            contributor=hello.contributor,
            online_key=public_key_hex(self.run.online),
            client_nonce=hello.nonce,
            server_nonce=self.nonce,
            session="e5" * 16,
        )
        return wire.Challenge(
            protocol=wire.PROTOCOL,
            nonce=self.nonce,
            session=self.transcript.session,
            online_key=self.run.signed_online_key,
            proof=sign(wire.HANDSHAKE_KIND, self.transcript, key or self.run.online),
        )

    def _prove(self, message: wire.Prove) -> list[Frame]:
        stated = verify(message.proof, wire.HANDSHAKE_KIND, self.contributor, wire.Transcript)
        assert stated.side == "contributor"
        assert stated.server_nonce == self.nonce
        assert stated.client_nonce == self.transcript.client_nonce
        assert message.consent == self.run.run
        self.active = True
        return [encode(wire.Welcome(trust="trusted", latest=self.coordinator.latest, heartbeat_s=30))]

    def _work(self, message: wire.RequestWork) -> wire.Message:
        if not self.coordinator.work:
            return wire.NoWork(
                reply_to=message.id, device=message.offer.device, reason="no_work", words="", retry_after_s=5
            )
        assignment = self.coordinator.work.popleft()
        return wire.Work(reply_to=message.id, assignment=sign(ASSIGNMENT_KIND, assignment, self.run.online))

    def _offer(self, message: wire.OfferUpdate) -> wire.Message:
        update = verify(message.update, UPDATE_KIND, self.contributor, Update)
        if self.coordinator.busy:
            self.coordinator.busy -= 1
            return wire.Refused(reason="busy", reply_to=message.transfer, retry_after_s=0)
        known = self.coordinator.decisions.get(update.assignment_id)
        if known is not None:
            return known
        self.update[message.transfer] = update
        self.coordinator.payloads.setdefault(update.payload.sha256, bytearray(update.payload.size))
        receiving = self.coordinator.transfers.setdefault(update.payload.sha256, ReceiveTransfer(update.payload.size))
        return wire.Missing(transfer=message.transfer, missing=receiving.ask())

    def _chunk(self, chunk: wire.Chunk) -> list[Frame]:
        payload = self.update[chunk.transfer].payload
        self.coordinator.transfers[payload.sha256].receive(chunk.index, chunk.data)
        first = chunk.index * wire.CHUNK_BYTES
        self.coordinator.payloads[payload.sha256][first : first + len(chunk.data)] = chunk.data
        self.coordinator.chunks_received += 1
        return [encode(wire.Ack(transfer=chunk.transfer, index=chunk.index))]

    def _commit(self, transfer: int) -> wire.Message:
        update = self.update[transfer]
        receiving = self.coordinator.transfers[update.payload.sha256]
        if not receiving.complete:
            return wire.Missing(transfer=transfer, missing=receiving.ask())
        data = self.coordinator.payloads[update.payload.sha256]
        assert hashlib.sha256(data).hexdigest() == update.payload.sha256
        return self.coordinator.decide(update, self.contributor)

    def _send_on(self, transfer: int) -> list[Frame]:
        blob, sending = self.sending[transfer]
        data = self.coordinator.blobs[blob.sha256]
        frames: list[Frame] = []
        while (index := sending.next_chunk()) is not None:
            first = index * wire.CHUNK_BYTES
            piece = data[first : first + chunk_length(blob.size, index)]
            frames.append(encode_chunk(wire.Chunk(transfer=transfer, index=index, data=piece)))
        return frames


class FakeDial:
    """Connects to a `FakeCoordinator`, and cuts connections as told.

    Args:
        cut_after: for each connection in turn, after how many frames, both ways counted, it is cut; the connections
            after these are left alone.
    """

    def __init__(self, coordinator: FakeCoordinator, cut_after: tuple[int, ...] = ()) -> None:
        self._coordinator = coordinator
        self._cut_after = deque(cut_after)
        self._serving: set[asyncio.Task[None]] = set()
        self._heard = asyncio.Event()
        self.frames: list[Frame] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that changes when the coordinator hears a frame."""
        while not condition():
            self._heard.clear()
            await self._heard.wait()

    async def __call__(self, url: str, pin: str | None = None) -> MemoryTransport:
        del url, pin
        near, far = transport_pair()
        limit = self._cut_after.popleft() if self._cut_after else None
        passed = 0

        def count(frame: Frame) -> None:
            nonlocal passed
            self.frames.append(frame)
            if limit is not None and passed >= limit:
                near.cut()
            passed += 1

        near.before_send = far.before_send = count
        task = asyncio.create_task(self._serve(far))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return near

    async def _serve(self, transport: MemoryTransport) -> None:
        session = FakeCoordinatorSession(self._coordinator)
        try:
            while True:
                answers = session.receive(await transport.receive())
                self._heard.set()
                for answer in answers:
                    await transport.send(answer)
        except UnavailableError:
            return
