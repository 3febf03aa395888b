"""The run's loop: rounds close, merges are carried out, versions are published and measured, the run ends."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.errors import ConflictError, SparewattError
from sparewatt.signing import Signed
from sparewatt.work.invite import Invite, format_invite, run_key_sha256
from sparewatt.work.receipt import Evaluation
from sparewatt_coordinator import schedule
from sparewatt_coordinator.aggregate import messages as aggregator
from sparewatt_coordinator.gateway.admin_messages import CreateInvite, Sample, StatusReply
from sparewatt_coordinator.gateway.server import GatewayServer
from sparewatt_coordinator.rounds import (
    Effect,
    Ending,
    Event,
    FixPlan,
    Joined,
    LeaseMerge,
    MergeFailed,
    MergeLeased,
    MergePublished,
    NoteFailure,
    PlanFixed,
    Rounds,
    TimePassed,
    tick,
)
from sparewatt_coordinator.server.aggregators import Aggregator
from sparewatt_coordinator.server.scoring import Scoring
from sparewatt_coordinator.store.base import Accepted, Fenced, MergeTask, Publication, RunRecord, Sign, Store
from sparewatt_coordinator.store.thread import StoreThread

TICK_SECONDS: Final = 0.25
CLEAN_SECONDS: Final = 60.0
FINISH_SECONDS: Final = 120.0
STALLED_WORDS: Final = "Merging failed three times; the organiser has been told."

log = logging.getLogger("sparewatt.coordinator")


@dataclass(frozen=True)
class CoordinatorParts:
    """What a coordinator is made of; everything here outlives its loop.

    Attributes:
        merger, scorer: two aggregators, so that measuring never delays merging.
    """

    store: StoreThread
    blobs: BlobFolder
    clock: Clock
    sign: Sign
    merger: Aggregator
    scorer: Aggregator


class Coordinator:
    """Drives one run for as long as the process lives."""

    def __init__(self, parts: CoordinatorParts, record: RunRecord) -> None:
        self._parts = parts
        self._record = record
        self._gateway: GatewayServer
        self._rounds: Rounds
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks: asyncio.TaskGroup
        self._scoring = Scoring(parts, record, self._publish_evaluation)
        self._quiet = asyncio.Event()
        self._finishing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def accepted(self, accepted: Accepted) -> None:
        """The gateway has entered an update."""
        self._scoring.wanted()
        if accepted.joined_tokens is not None:
            self._events.put_nowait(Joined(accepted.joined_tokens))

    def leases_changed(self) -> None:
        """A lease was handed out, given back or has ended; the next tick looks."""

    def stop(self) -> None:
        """End the loop; everything that was accepted is in the store."""
        self._stopping.set()

    async def serve(self, gateway: GatewayServer, ready: Callable[[], None]) -> None:
        """Run until `stop`.

        Raises:
            ExceptionGroup: a bug; the process ends and is started again.
        """
        self._gateway = gateway
        self._rounds = await self._parts.store.call(lambda store: store.rounds())
        ready()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                loops = [tasks.create_task(self._drive()), tasks.create_task(self._keep_time())]
                loops += [tasks.create_task(self._scoring.run()), tasks.create_task(self._clean())]
                await self._stopping.wait()
                raise _Stop
        except* _Stop:
            pass

    # Rounds

    async def _drive(self) -> None:
        while True:
            event = await self._events.get()
            now = self._now_milliseconds()
            self._rounds, effects, explanation = tick(self._rounds, event, now, secrets.randbits(32))
            for effect in effects:
                log.info("round %d: %s (%s)", explanation.round, type(effect).__name__, explanation.reason)
                await self._do(effect)
            idle = self._rounds.merge is None and self._rounds.gathering.first_milliseconds is None
            if idle or (self._rounds.merge is not None and self._rounds.merge.phase == "stalled"):
                self._quiet.set()
            else:
                self._quiet.clear()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._now_milliseconds()
            self._events.put_nowait(TimePassed(await self._parts.store.call(_live_leases(now))))
            await self._end_by_plan()

    async def _do(self, effect: Effect) -> None:
        store = self._parts.store
        match effect:
            case FixPlan(round=number):
                if await store.call(lambda store: store.plan_merge(number)):
                    self._events.put_nowait(PlanFixed(number))
            case LeaseMerge(round=number):
                task = await store.call(lambda store: store.lease_merge(number))
                if task is not None:
                    self._events.put_nowait(MergeLeased(task.fence))
                    self._tasks.create_task(self._merge(task))
            case NoteFailure(round=number, fence=fence, stalled=stalled):
                now, sign = self._now_milliseconds(), self._parts.sign
                words = STALLED_WORDS if stalled else ""
                await store.call(lambda store: store.fail_merge(number, fence, stalled, words, sign, now))
                if stalled:
                    await self._refresh()
                    self._gateway.announce(self._record.latest)

    async def _merge(self, task: MergeTask) -> None:
        parts = self._parts
        request = aggregator.Merge(
            id=parts.merger.next_id(),
            model=self._record.manifest.model,
            plan=task.plan,
            start_keyframe=self._record.manifest.start_keyframe,
            keyframe=task.keyframe,
        )
        try:
            merged = await parts.merger.merge(request)
        except SparewattError as error:
            log.warning("merge of round %d under fence %d failed: %s", task.plan.round, task.fence, error)
            self._events.put_nowait(MergeFailed(task.fence))
            return
        publication = Publication(
            plan_digest=task.plan_digest,
            fence=task.fence,
            version=merged.version,
            patch=merged.patch,
            outer_state=merged.outer_state,
            keyframe=merged.keyframe,
        )
        now = self._now_milliseconds()
        outcome = await parts.store.call(lambda store: store.publish(publication, parts.sign, now))
        if isinstance(outcome, Fenced):
            log.info("merge of round %d under fence %d came too late", task.plan.round, task.fence)
            return
        await self._refresh()
        self._gateway.announce(outcome.announcement)
        self._events.put_nowait(MergePublished(task.fence))

    # The end

    async def _end_by_plan(self) -> None:
        record = self._record
        if record.started_milliseconds is None:
            await self._refresh()
            return
        elapsed = (self._now_milliseconds() - record.started_milliseconds) // 1000
        trained = record.credited_tokens
        if record.state == "open" and schedule.ended(record.manifest, trained, elapsed) and self._finishing is None:
            self._finishing = self._tasks.create_task(self._finish("The run has reached its planned end."))

    async def _finish(self, words: str) -> None:
        """No more work; merge what is there; measure; close."""
        store, sign = self._parts.store, self._parts.sign
        await store.call(lambda store: store.end_run())
        await self._refresh()
        self._quiet.clear()
        self._events.put_nowait(Ending())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._quiet.wait()
        try:
            await self._scoring.measure_last(self._record)
        except SparewattError as error:
            log.warning("the last version could not be measured: %s", error)
        now = self._now_milliseconds()
        signed = await store.call(lambda store: store.close_run(words, sign, now))
        await self._refresh()
        self._gateway.announce(signed)

    async def _publish_evaluation(self, evaluation: Evaluation) -> None:
        sign, now = self._parts.sign, self._now_milliseconds()
        signed = await self._parts.store.call(lambda store: store.record_evaluation(evaluation, sign, now))
        await self._refresh()
        self._gateway.announce(signed)

    async def _refresh(self) -> None:
        self._record = await self._parts.store.call(lambda store: store.run())
        self._scoring.record = self._record
        self._gateway.refresh(self._record)

    async def _clean(self) -> None:
        """Delete blobs that nobody needs any more."""
        while True:
            await asyncio.sleep(CLEAN_SECONDS)
            await self._clean_once()

    async def _clean_once(self) -> None:
        blobs = await self._parts.store.call(lambda store: store.disposable_blobs())
        for blob in blobs:
            await asyncio.to_thread(self._parts.blobs.remove, blob.sha256)
        if blobs:
            await self._parts.store.call(lambda store: store.forget_blobs(blobs))

    def _now_milliseconds(self) -> int:
        return round(1000 * self._parts.clock.unix())

    # The organiser's commands (`gateway.admin.AdminHandler`)

    async def create_invite(self, request: CreateInvite) -> str:
        secret = secrets.token_urlsafe(24)
        expires = round(self._parts.clock.unix()) + request.expires_in_s
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        await self._parts.store.call(lambda store: store.create_invite(hashed, request.uses, expires, request.trusted))
        return format_invite(
            Invite(
                url=self._gateway.url,
                run=self._record.run,
                run_key_sha256=run_key_sha256(self._record.manifest.run_key),
                secret=secret,
            )
        )

    async def status(self, request_id: int) -> StatusReply:
        status = await self._parts.store.call(lambda store: store.status())
        return StatusReply(
            reply_to=request_id,
            run=self._record.run,
            manifest=self._record.manifest_signed,
            url=self._gateway.url,
            version=status.version,
            outer_state=status.outer_state,
            sessions=self._gateway.sessions,
            status=status,
        )

    async def close_run(self, words: str) -> None:
        sign, now = self._parts.sign, self._now_milliseconds()
        signed: Signed = await self._parts.store.call(lambda store: store.close_run(words, sign, now))
        await self._refresh()
        self._gateway.announce(signed)

    async def finish(self, words: str) -> None:
        """Raises ConflictError ``run.closed`` when there is nothing left to finish."""
        if self._finishing is None:
            if self._record.state == "closed":
                raise ConflictError("run.closed")
            self._finishing = self._tasks.create_task(self._finish(words))
        await asyncio.shield(self._finishing)

    async def sample(self, request: Sample) -> str:
        return await self._scoring.sample(request)


def _live_leases(now_milliseconds: int) -> Callable[[Store], int]:
    """Ends what ran out, then counts what is left."""

    def count(store: Store) -> int:
        store.expire_leases(now_milliseconds)
        return store.live_leases(now_milliseconds)

    return count


class _Stop(Exception):
    """Ends the loop's tasks."""
