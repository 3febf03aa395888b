"""One joined run: its session, the versions that can be built here, and what it offers to devices."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.engine.run_link import NothingToDo
from sparewatt.engine.version_chain import VersionChain, chain_from
from sparewatt.errors import IntegrityError, SparewattError, StorageError, UnavailableError
from sparewatt.keys.derive import MasterSecret
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.policy import Offer
from sparewatt.session import events as event
from sparewatt.session.inspection import Tools
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox import Outbox
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.session.run_session import RunSession, RunSessionState
from sparewatt.signing import sign
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import Announcement
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.messages import FrozenFile, Trained

# 4,096 assignments of one shard each are more than any cache holds; it bounds the index of a run.
INDEX_BYTES_MOST: Final = 64 * 1024 * 1024
RETRY_SECONDS: Final = 5.0
WITHHELD_SECONDS: Final = 1.0
RESTART_SECONDS: Final = 30.0
# Longer than a session waits for the answer to a heartbeat.
CLAIM_SECONDS: Final = 70.0
UNTRUSTED_REASONS: Final = frozenset({"contributor.not_trusted", "contributor.optimiser_kept"})


@dataclass(frozen=True)
class RunTools:
    """What a run works with.

    Attributes:
        wake: makes the engine look at its devices again.
        resumable: assignments of an earlier engine of which a checkpoint lies here; they are not given back at once.
        announced, lease_lost: hear of versions, and of assignments whose lease ran out.
        waits_in_vain: hears of assignments whose update no version will hold before their device has brought more.
    """

    outbox: OutboxThread
    blobs: BlobFolder
    session: Tools
    secret: MasterSecret
    wake: Callable[[], None]
    announced: Callable[[Announcement], None]
    lease_lost: Callable[[str], None]
    waits_in_vain: Callable[[str], None]
    resumable: frozenset[str] = frozenset()


def shard_index(data: bytes) -> tuple[BlobRef, ...]:
    """The shards that a run's index names, in order.

    Raises:
        IntegrityError: ``manifest.index`` when the blob holds something else.
    """
    try:
        return decoded(data, tuple[BlobRef, ...])
    except Unreadable as error:
        raise IntegrityError("manifest.index") from error


class RunDriver:
    """Keeps a run's session standing and its versions at hand; `run_link.RunLink` says what devices need of it.

    Raises:
        IntegrityError: what was kept of the run does not hold.
    """

    def __init__(self, joined: JoinedRun, tools: RunTools) -> None:
        self.joined = joined
        self.leaving = False
        self.error: SparewattError | None = None
        self._tools = tools
        self._manifest = joined.verified_manifest()
        self._key: Ed25519PrivateKey = tools.secret.run_key(joined.run)
        self._session = RunSession(joined, self._key, tools.outbox, tools.blobs, tools.session, self._hear)
        self._chain = VersionChain()
        self._latest: Announcement | None = None
        self._news = asyncio.Event()
        self._index: tuple[BlobRef, ...] | None = None
        self._used: dict[str, BlobRef] = {}
        self._disk_bytes = 0
        self._refused_work: str | None = None
        self._left_over_given_back = False
        self._claims: dict[str, asyncio.Future[bool]] = {}
        self._has_frozen = False

    # RunLink

    @property
    def run(self) -> str:
        return self.joined.run

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def connected(self) -> bool:
        return not self.leaving and self._session.state.connection == "connected"

    @property
    def chain(self) -> VersionChain:
        return self._chain

    @property
    def frozen(self) -> FrozenFile | None:
        base = self._manifest.frozen
        if base is None or not self._has_frozen:
            return None
        return FrozenFile(path=str(self.blob_path(base.weights)), sha256=base.weights.sha256)

    def device_name(self, device: str) -> str:
        return self._tools.secret.device_name(self.run, device)

    @property
    def blob_folder(self) -> Path:
        return self._tools.blobs.root

    def blob_path(self, blob: BlobRef) -> Path:
        return self._tools.blobs.path(blob.sha256)

    async def ask_for_work(self, offer: DeviceOffer) -> Assignment | NothingToDo:
        if not self._tools.session.traffic.may_download:
            # Work needs data, which may not be fetched now; a lease would only run out here.
            return NothingToDo("transfers.withheld", WITHHELD_SECONDS)
        told = await self._session.request_work(offer, self._chain.ready)
        if isinstance(told, event.NoWorkReceived):
            self._refused_work = told.reason
            return NothingToDo(told.reason, float(told.retry_after_s))
        self._refused_work = None
        return told.assignment

    async def fetch_data(self, assignment: Assignment) -> None:
        index = await self._shard_index()
        for part in assignment.ranges:
            if part.shard >= len(index) or index[part.shard] != part.blob:
                raise IntegrityError("assignment.shard", shard=part.shard)
        await self._bring(tuple(part.blob for part in assignment.ranges))

    async def deliver(self, assignment: Assignment, trained: Trained, payload: Path) -> None:
        update = Update(
            assignment_id=assignment.assignment_id,
            run=self.run,
            device=assignment.device,
            fence=assignment.fence,
            base=trained.base,
            payload=trained.payload,
            tokens=trained.tokens,
            inner_steps=trained.inner_steps,
            loss_first_micro=trained.loss_first_micro,
            loss_last_micro=trained.loss_last_micro,
            train_milliseconds=trained.train_milliseconds,
            delta_root=trained.delta_root,
            residual_before_root=trained.residual_before_root,
            residual_after_root=trained.residual_after_root,
            compute="bf16" if trained.compute == "bf16" else None,
        )
        await self._session.submit(update, sign(UPDATE_KIND, update, self._key), payload)

    async def give_back(self, assignment: Assignment) -> None:
        await self._session.release(assignment.assignment_id, assignment.fence)

    async def left_over(self, assignment_id: str) -> Assignment | None:
        for signed in await self._tools.outbox.call(Outbox.open_assignments, self.run):
            left = self.joined.chain().verify(signed, ASSIGNMENT_KIND, Assignment)
            if left.assignment_id == assignment_id:
                return left
        return None

    async def claim(self, assignment: Assignment) -> bool:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._claims[assignment.assignment_id] = answer
        try:
            self._session.renew(assignment.assignment_id)
            async with asyncio.timeout(CLAIM_SECONDS):
                return await answer
        except TimeoutError as error:
            raise UnavailableError("session.not_active") from error
        finally:
            self._claims.pop(assignment.assignment_id, None)

    def _claimed(self, assignment_id: str, *, held: bool) -> None:
        answer = self._claims.get(assignment_id)
        if answer is not None and not answer.done():
            answer.set_result(held)

    async def mistrust(self) -> None:
        self._chain = VersionChain()
        self._news.set()

    # What the engine asks

    @property
    def state(self) -> RunSessionState:
        return self._session.state

    @property
    def latest(self) -> Announcement | None:
        return self._latest

    @property
    def refused_work(self) -> str | None:
        """Why the run gave no work at the last request; None when it did."""
        return self._refused_work

    @property
    def disk_bytes(self) -> int:
        """What its data and weights take on the disk, counted when some were fetched."""
        return self._disk_bytes

    @property
    def offer(self) -> Offer:
        """What the run has for devices, as far as is known."""
        if self.leaving:
            return "none_joined"
        if self._latest is not None and self._latest.state != "open":
            return self._latest.state
        state = self._session.state
        if state.changed is not None:
            return "changed"
        if state.connection == "refused":
            reason = state.error.parameters.get("reason", "") if state.error else ""
            return "untrusted" if reason in UNTRUSTED_REASONS else "refused"
        needs_trust = self._manifest.validation == "unaudited" or self._manifest.inner.state == "kept"
        if state.trust == "probation" and needs_trust:
            return "untrusted"
        return "work"

    def hold(self, assignments: frozenset[str]) -> None:
        """Keep the leases of these assignments alive."""
        self._session.hold(assignments)

    def shorten(self, applied: frozenset[VersionId]) -> None:
        """Forget steps that none of the devices, which stand at these versions, will need."""
        if applied:
            self._chain = self._chain.shortened(applied)

    async def serve(self) -> None:
        """Stay connected and follow the versions until cancelled."""
        for blob in await self._tools.outbox.call(Outbox.blobs, self.run):
            self._used[blob.sha256] = blob
        await self._count_disk()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._follow())

    def forget_blobs(self) -> None:
        """Delete everything that was ever fetched for this run. Blocking."""
        if self._manifest.frozen is not None and self._has_frozen:
            self._tools.blobs.unpin(self._manifest.frozen.weights.sha256)
            self._has_frozen = False
        for sha256 in self._used:
            self._tools.blobs.remove(sha256)

    # Inside

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._session.run()
            except StorageError as error:
                self.error = error
                self._tools.wake()
                await asyncio.sleep(RESTART_SECONDS)
                self.error = None

    def _hear(self, told: event.Event) -> None:
        match told:
            case event.Announced(announcement=announcement):
                self._latest = announcement
                self._tools.announced(announcement)
                self._news.set()
            case event.Connected():
                self._news.set()
            case event.LeaseLost(assignment_id=assignment_id):
                self._claimed(assignment_id, held=False)
                self._tools.lease_lost(assignment_id)
            case event.UploadAccepted(receipt=receipt, needs_more=True):
                self._tools.waits_in_vain(receipt.assignment_id)
            case event.LeasesRenewed(assignments=renewed):
                for each in renewed:
                    self._claimed(each, held=True)
            case _:
                pass
        self._tools.wake()

    async def _follow(self) -> None:
        """Know the way to the newest version, and have its blobs."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not self.connected or self._latest is None or self.offer == "untrusted":
                continue
            try:
                await self._give_back_left_over()
                await self._bring_frozen()
                await self._catch_up(self._latest)
            except SparewattError as error:
                self.error = error
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()
            else:
                self.error = None

    async def _catch_up(self, latest: Announcement) -> None:
        while self._chain.tip is None or self._chain.tip.position < latest.version.position:
            if self._chain.extends(latest):
                self._chain = self._chain.extended(latest)
                break
            told = await self._session.get_versions(self._chain.tip)
            if told.keyframe is None and not told.patches:
                break
            self._chain = chain_from(told.keyframe, told.patches, self._chain)
        for step in self._chain.missing:
            await self._bring(step.blobs)
            self._chain = self._chain.with_fetched(step)
            self._tools.wake()

    async def _bring_frozen(self) -> None:
        """Fetch what the run's adapter stands on, once, and keep it from making room for other blobs."""
        base = self._manifest.frozen
        if base is None or self._has_frozen:
            return
        await self._bring((base.weights,))
        self._tools.blobs.pin(base.weights.sha256)
        self._has_frozen = True
        self._tools.wake()

    async def _give_back_left_over(self) -> None:
        """Assignments of an engine that crashed were never finished; others can have them at once."""
        if self._left_over_given_back:
            return
        self._left_over_given_back = True
        for signed in await self._tools.outbox.call(Outbox.open_assignments, self.run):
            left = self.joined.chain().verify(signed, ASSIGNMENT_KIND, Assignment)
            if left.assignment_id in self._tools.resumable:
                continue
            await self._session.release(left.assignment_id, left.fence)

    async def _shard_index(self) -> tuple[BlobRef, ...]:
        if self._index is None:
            blob = self._manifest.data.index
            await self._bring((blob,))
            data = await asyncio.to_thread(self._tools.blobs.read, blob, INDEX_BYTES_MOST)
            self._index = shard_index(data)
        return self._index

    async def _bring(self, blobs: tuple[BlobRef, ...]) -> None:
        new = tuple(blob for blob in blobs if blob.sha256 not in self._used)
        if new:
            # Before the first byte comes, so that whoever leaves the run leaves nothing behind.
            await self._tools.outbox.call(Outbox.note_blobs, self.run, new)
            self._used.update((blob.sha256, blob) for blob in new)
        await self._session.fetch_blobs(blobs)
        if new:
            await self._count_disk()

    async def _count_disk(self) -> None:
        used = tuple(self._used.values())
        self._disk_bytes = await asyncio.to_thread(self._tools.blobs.held_bytes, used)
