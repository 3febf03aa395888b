"""A joined run from the engine's side: connects, comes back after every cut, brings updates home."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import IntegrityError, RefusedError, SparewattError, StorageError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.connection import backoff_seconds
from sparewatt.session.day import day_began_unix_s
from sparewatt.session.flow import download, upload
from sparewatt.session.inbox import Inbox
from sparewatt.session.inspection import Tools, error_of
from sparewatt.session.joined import JoinedRun
from sparewatt.session.link import Link
from sparewatt.session.outbox import Outbox, RunTotals
from sparewatt.session.outbox_files import OutboxRow
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.session.protocol import SessionProtocol, SessionTerms
from sparewatt.signing import Signed
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.manifest import OnlineKey
from sparewatt.work.receipt import Announcement
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId

ConnectionState = Literal["disconnected", "connecting", "handshake", "connected", "refused"]
# After a refusal without a time, and after a proof that does not hold, trying often only makes noise.
REFUSED_SECONDS: Final = 300.0
RETRY_UPLOAD_SECONDS: Final = 60.0


class RunSessionState(msgspec.Struct, frozen=True):
    """What a screen shows of a run's session.

    Attributes:
        error: why there is no connection.
        retry_at_s: monotonic second of the next attempt.
        trust: from the newest welcome; None before the first.
        latest: newest announcement of this process.
        changed: what the organiser serves instead of what was consented to; nothing goes on before new consent.
        bytes_up, bytes_down: on the wire since this process started.
        totals: from the outbox.
    """

    connection: ConnectionState
    error: SparewattError | None
    retry_at_s: float | None
    trust: Literal["trusted", "probation"] | None
    latest: Announcement | None
    bytes_up: int
    bytes_down: int
    totals: RunTotals
    changed: event.ManifestChanged | None = None


class RunSession:
    """The session with one run's coordinator, for as long as the engine runs.

    Args:
        joined: the run, as the outbox keeps it.
        key: the contributor's key for this run.
        on_event: hears `CoordinatorProved`, `Connected`, `Announced`, `LeaseLost`, `LeasesRenewed`, `UploadAccepted`,
            `UploadRefused`, `SessionRefused` and `SessionFailed`, each after what it says is durable.
    """

    def __init__(
        self,
        joined: JoinedRun,
        key: Ed25519PrivateKey,
        outbox: OutboxThread,
        blobs: BlobFolder,
        tools: Tools,
        on_event: Callable[[event.Event], None],
    ) -> None:
        self._joined = joined
        self._key = key
        self._outbox = outbox
        self._blobs = blobs
        self._tools = tools
        self._on_event = on_event
        self._chain = joined.chain()
        self._highest = joined.highest
        self._invite_secret = joined.invite_secret
        self._link: Link | None = None
        self._linked = asyncio.Event()
        self._stood = False
        self._awake = asyncio.Event()
        self._new_update = asyncio.Event()
        self._downloading = asyncio.Lock()
        self._held: frozenset[str] = frozenset()
        self._postponed: dict[str, float] = {}
        self._connection: ConnectionState = "disconnected"
        self._error: SparewattError | None = None
        self._retry_at_s: float | None = None
        self._trust: Literal["trusted", "probation"] | None = None
        self._latest: Announcement | None = None
        self._changed: event.ManifestChanged | None = None
        self._bytes_before = (0, 0)
        self._totals = RunTotals(
            pending=0, accepted=0, refused=0, receipts=0, tokens=0, credit_micro=0, credit_today_micro=0, day_s=0
        )

    @property
    def state(self) -> RunSessionState:
        up, down = self._bytes_before
        if self._link is not None:
            up, down = up + self._link.bytes_up, down + self._link.bytes_down
        return RunSessionState(
            connection=self._connection,
            error=self._error,
            retry_at_s=self._retry_at_s,
            trust=self._trust,
            latest=self._latest,
            bytes_up=up,
            bytes_down=down,
            totals=self._totals,
            changed=self._changed,
        )

    async def run(self) -> None:
        """Stays connected until cancelled.

        Raises:
            StorageError: the outbox cannot be read at the start. Later failures end the session, show in `state` and
                are tried again like a lost connection.
        """
        await self._count()
        attempt = 0
        while True:
            self._awake.clear()
            stood = await self._one_session()
            attempt = 0 if stood else attempt + 1
            wait = self._wait_seconds(attempt)
            self._retry_at_s = self._tools.clock.monotonic() + wait
            try:
                async with asyncio.timeout(wait):
                    await self._awake.wait()
            except TimeoutError:
                pass
            self._retry_at_s = None

    def wake(self) -> None:
        """Connects again now: the network came back, or the computer woke up."""
        self._awake.set()

    # What the engine asks for

    async def request_work(
        self, offer: DeviceOffer, base: VersionId | None
    ) -> event.WorkReceived | event.NoWorkReceived:
        """The next assignment of a device, already kept for a restart.

        Raises:
            UnavailableError: no session stands, or it ended before the answer; ask again at the next `Connected`.
            RefusedError: ``session.refused`` with the coordinator's reason.
        """
        with self._standing().asking_work(offer, base) as inbox:
            told = await _answer(inbox)
        if isinstance(told, event.WorkReceived):
            await self._outbox.call(Outbox.open_assignment, told.assignment, told.signed)
            return told
        assert isinstance(told, event.NoWorkReceived)
        return told

    async def get_versions(self, have: VersionId | None) -> event.VersionsReceived:
        """The way to the newest version; raises like `request_work`."""
        with self._standing().asking_versions(have) as inbox:
            told = await _answer(inbox)
        assert isinstance(told, event.VersionsReceived)
        return told

    async def fetch_blobs(self, blobs: tuple[BlobRef, ...]) -> None:
        """Brings blobs into the folder, one after the other, over as many sessions as it takes.

        Raises:
            RefusedError: ``fetch.refused``.
            IntegrityError: ``blob.hash`` when a blob arrived wrong twice.
            StorageError: from the blob folder.
        """
        for blob in blobs:
            while not await self._fetched(blob):
                await self._linked.wait()

    def hold(self, assignments: frozenset[str]) -> None:
        """The assignments whose leases heartbeats keep, at most 64."""
        self._held = assignments
        if self._link is not None:
            self._link.hold(assignments)

    def renew(self, assignment_id: str) -> None:
        """Hold an assignment and renew it now; `LeasesRenewed` or `LeaseLost` answers. Raises like `request_work`."""
        self.hold(self._held | {assignment_id})
        self._standing().renew()

    async def submit(self, update: Update, signed: Signed, payload: Path) -> OutboxRow:
        """Takes a finished update; it is durable when this returns, and sent as soon as a session stands."""
        row = await self._outbox.call(Outbox.add, update, signed, payload)
        await self._count()
        self._new_update.set()
        return row

    async def release(self, assignment_id: str, fence: int) -> None:
        """Gives an assignment back untouched; without a session its lease runs out by itself."""
        await self._outbox.call(Outbox.close_assignment, assignment_id)
        self.hold(self._held - {assignment_id})
        if self._link is not None and self._linked.is_set():
            self._link.release(assignment_id, fence)

    # One session

    async def _one_session(self) -> bool:
        """Connects and serves until the end; whether the session stood."""
        self._connection, self._error, self._stood = "connecting", None, False
        try:
            transport = await self._tools.dial(self._joined.url, self._joined.pin)
        except SparewattError as error:
            self._connection, self._error = "disconnected", error
            return False
        self._connection = "handshake"
        nonce = self._tools.random_bytes(32).hex()
        protocol = SessionProtocol(self._terms(), self._key, nonce, self._tools.clock.monotonic())
        protocol.hold(self._held)
        self._link = link = Link(transport, protocol, self._tools.clock)
        uploads = asyncio.create_task(self._bring_home(link))
        try:
            serving = asyncio.create_task(link.serve(self._hear))
            try:
                await asyncio.wait((serving, uploads), return_when=asyncio.FIRST_COMPLETED)
                if uploads.done():
                    await uploads
                self._error = error_of(await serving)
            finally:
                serving.cancel()
                uploads.cancel()
                await asyncio.gather(serving, uploads, return_exceptions=True)
        except StorageError as error:
            # What could not be kept is offered or answered again in the next session.
            self._error = error
        finally:
            self._linked.clear()
            up, down = self._bytes_before
            self._bytes_before = (up + link.bytes_up, down + link.bytes_down)
            self._link = None
            self._connection = "refused" if isinstance(self._error, RefusedError) else "disconnected"
        return self._stood

    async def _hear(self, told: event.Event) -> None:
        match told:
            case event.CoordinatorProved(signed=signed, earlier=earlier):
                for each in (*earlier, signed):
                    self._chain = self._chain.with_earlier(each)
                    sequence = msgspec.json.decode(each.body, type=OnlineKey).sequence
                    await self._outbox.call(Outbox.note_online_key, self._joined.run, sequence, each)
            case event.Announced(announcement=announcement):
                self._latest = announcement
                if self._link is not None and (highest := self._link.highest) is not None:
                    await self._outbox.call(Outbox.note_highest, self._joined.run, highest)
                    self._highest = highest
            case event.Connected(trust=trust):
                await self._outbox.call(Outbox.welcomed, self._joined.run)
                self._invite_secret = None
                self._trust = trust
                self._changed = None
                self._connection = "connected"
                self._stood = True
                self._linked.set()
            case event.SessionFailed():
                self._linked.clear()
            case event.SessionRefused(changed=changed):
                self._changed = changed
                self._linked.clear()
            case event.LeaseLost(assignment_id=assignment_id):
                await self._outbox.call(Outbox.close_assignment, assignment_id)
                self._held -= {assignment_id}
            case _:
                pass
        self._on_event(told)

    async def _bring_home(self, link: Link) -> None:
        """Sends `Stored` that were not sent, then every update, until the session ends."""
        await self._linked.wait()
        run = self._joined.run
        for assignment_id in await self._outbox.call(Outbox.unconfirmed, run):
            await self._confirm(link, assignment_id)
        while True:
            self._new_update.clear()
            now = self._tools.clock.monotonic()
            for row in await self._outbox.call(Outbox.pending, run):
                if self._postponed.get(row.assignment_id, now) <= now and not await self._bring(link, row):
                    return
            try:
                async with asyncio.timeout(self._seconds_to_next_upload()):
                    await self._new_update.wait()
            except TimeoutError:
                pass

    async def _bring(self, link: Link, row: OutboxRow) -> bool:
        """One update; False when the session is over and nothing can be sent any more."""
        payload = await self._outbox.call(Outbox.payload, row)
        try:
            outcome = await upload(link, row, payload, self._tools.traffic)
        except UnavailableError:
            return False
        except StorageError:
            # Its disk may come back; other updates do not wait for it.
            self._postpone(row, RETRY_UPLOAD_SECONDS)
            return True
        self._postponed.pop(row.assignment_id, None)
        match outcome:
            case event.UploadAccepted(receipt=receipt, signed=signed):
                await self._outbox.call(Outbox.accept, receipt, signed)
            case event.UploadRefused(refusal=refusal, signed=signed):
                await self._outbox.call(Outbox.refuse, refusal, signed)
            case event.RequestRefused(refused=refused):
                seconds = REFUSED_SECONDS if refused.retry_after_s is None else refused.retry_after_s
                self._postpone(row, seconds)
                return True
            case event.TransferEnded():
                self._postpone(row, RETRY_UPLOAD_SECONDS)
                return True
        await self._count()
        self._on_event(outcome)
        await self._confirm(link, row.assignment_id)
        return True

    def _postpone(self, row: OutboxRow, seconds: float) -> None:
        self._postponed[row.assignment_id] = self._tools.clock.monotonic() + max(1.0, seconds)

    def _seconds_to_next_upload(self) -> float | None:
        if not self._postponed:
            return None
        return max(0.0, min(self._postponed.values()) - self._tools.clock.monotonic())

    async def _confirm(self, link: Link, assignment_id: str) -> None:
        try:
            link.stored(assignment_id)
        except UnavailableError:
            return
        await self._outbox.call(Outbox.confirmed, self._joined.run, assignment_id)

    async def _fetched(self, blob: BlobRef) -> bool:
        """Whether the blob is here now; False when the session was cut."""
        async with self._downloading:
            link = self._link
            if link is None or not self._linked.is_set():
                return self._blobs.has(blob.sha256)
            try:
                await download(link, self._blobs, blob, self._tools.traffic)
            except UnavailableError:
                return False
            return True

    # Small parts

    def _terms(self) -> SessionTerms:
        return SessionTerms(
            run=self._joined.run,
            run_key_sha256=self._joined.run_key_sha256,
            purpose="work",
            invite_secret=self._invite_secret,
            chain=self._chain,
            highest=self._highest,
            software=self._tools.software,
        )

    def _standing(self) -> Link:
        if self._link is None or not self._linked.is_set():
            raise UnavailableError("session.not_active")
        return self._link

    def _wait_seconds(self, attempt: int) -> float:
        wait = backoff_seconds(attempt, self._tools.jitter())
        if isinstance(self._error, IntegrityError):
            return max(wait, REFUSED_SECONDS)
        if isinstance(self._error, RefusedError):
            asked = self._error.parameters.get("retry_after_s", REFUSED_SECONDS)
            return max(wait, float(asked))
        return wait

    async def _count(self) -> None:
        day_s = day_began_unix_s(self._tools.clock.unix())
        self._totals = await self._outbox.call(Outbox.totals, self._joined.run, day_s)


async def _answer(inbox: Inbox) -> event.Event:
    """The one answer of a request; raises when it is a refusal or the session's end."""
    told = await inbox.get()
    match told:
        case event.RequestRefused(refused=refused):
            raise RefusedError("session.refused", reason=refused.reason, words=refused.words)
        case event.SessionFailed() | event.SessionRefused():
            raise UnavailableError("session.ended")
        case _:
            return told
