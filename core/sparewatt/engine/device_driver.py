"""Carries out a device's plan: its worker, its memory areas, its permit and its lock."""

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sparewatt.clock import Clock
from sparewatt.engine import device_plan
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_plan import DeviceState, Work
from sparewatt.engine.device_slot import take_slot, worker_device
from sparewatt.engine.disk_writes import DiskWrites
from sparewatt.engine.run_link import NothingToDo, RunLink
from sparewatt.errors import SparewattError, StorageError
from sparewatt.host.device import Device
from sparewatt.host.lock import FileLock, HeldSlots
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.policy import WITHOUT_ENCODING_RULES, Decision
from sparewatt.process.child import restart_delay_seconds
from sparewatt.sensing.pacer import Pacer
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.version import VersionId
from sparewatt.worker import messages as frames
from sparewatt.worker.areas import TrainedMark
from sparewatt.worker.port import Worker, WorkerEvent, WorkerExited, WorkerFolders, WorkerStarter

# A speed over this many inner steps is steady to a few percent and follows a change within a minute.
SPEED_STEPS: Final = 20
RETRY_SECONDS: Final = 5.0
BUSY_RETRY_SECONDS: Final = 30.0
TRAINING_ATTEMPTS_MOST: Final = 3
# A worker ends by itself when its permit has not advanced for 10 s; one that has not is killed.
PERMIT_LAPSED_SECONDS: Final = 15.0
# Ends after which the weights in the trainable area are as good as before: nobody's memory was damaged.
_CLEAN_CODES: Final = (0, -signal.SIGTERM, -9)

Spawn = Callable[[Coroutine[object, object, None]], object]


@dataclass(frozen=True)
class DeviceTools:
    """What a driver works with.

    Attributes:
        spawn: runs a coroutine in the engine's task group, so that a bug in it ends the engine.
        wake: makes the engine look at its devices again.
        work_folder: the only folder that this device's workers write to.
        lock_folder: where machine-wide locks of devices are.
        cores: threads of this computer's processor, each of which is a slot.
        disk_writes: shared by all devices.
    """

    clock: Clock
    starter: WorkerStarter
    pacer: Pacer
    spawn: Spawn
    wake: Callable[[], None]
    work_folder: Path
    lock_folder: Path
    cores: int
    disk_writes: DiskWrites = field(default_factory=DiskWrites)


@dataclass(frozen=True)
class DeviceError:
    """What went wrong last, and when it is tried again (monotonic seconds)."""

    error: SparewattError
    retry_at: float | None


class DeviceDriver:
    """One device of this computer."""

    def __init__(self, device: Device, tools: DeviceTools) -> None:
        self.device = device
        self.state = DeviceState()
        self.decision: Decision | None = None
        self.error: DeviceError | None = None
        self.tokens = 0
        self.worker_name: str | None = None
        self.threads = 1
        self._tools = tools
        self._run: RunLink | None = None
        self._memory = DeviceMemory(tools.clock)
        self._worker: Worker | None = None
        self._lock: FileLock | HeldSlots | None = None
        self._steps: deque[tuple[int, int]] = deque(maxlen=SPEED_STEPS)
        self._failures = 0
        self._ending = asyncio.Event()
        self._leaving_since: float | None = None
        self._encoding = False
        self.mistrusted = False
        self.released_milliseconds: int | None = None
        self.isolation: tuple[str, ...] = ()

    # What others see

    @property
    def run(self) -> RunLink | None:
        """The run it works for."""
        return self._run

    @property
    def busy(self) -> bool:
        """Whether it holds work or a worker of its run."""
        state = self.state
        return state.worker != "none" or state.current is not None or state.next is not None

    @property
    def tokens_per_s(self) -> float | None:
        """Over the last inner steps, pauses included; None before the first."""
        tokens = sum(each for each, _ in self._steps)
        milliseconds = sum(each for _, each in self._steps)
        return 1000 * tokens / milliseconds if milliseconds else None

    @property
    def held_assignments(self) -> frozenset[str]:
        """Assignments whose leases are to be kept alive."""
        current = self.state.current
        waits = current is not None and current.kept_inner_steps > 0 and not self.state.may_encode
        # A lease that is kept for work which nobody may bring home would keep it from others.
        works = (None if waits else current, self.state.next)
        return frozenset(work.assignment.assignment_id for work in works if work is not None)

    # What the engine says

    def bind(self, run: RunLink | None) -> None:
        """Work for `run` from now on; only an idle device changes runs."""
        if self._run is not run and not self.busy:
            self._run = run
            self._steps.clear()
            self._memory.drop()
            self.state = DeviceState(start_at=self.state.start_at)

    def lease_lost(self, assignment_id: str) -> None:
        """The lease of an assignment ran out: what was not begun is dropped, what is trained is finished."""
        state = self.state
        if state.next is not None and state.next.assignment.assignment_id == assignment_id:
            self.state = replace(state, next=None)
        current = state.current
        if (
            current is not None
            and current.assignment.assignment_id == assignment_id
            and state.worker not in ("training", "encoding")
        ):
            self.state = replace(self.state, current=None)

    def step(self, decision: Decision, *, urgent: bool) -> None:
        """Look at what is, and begin what is due; nothing any more once `end` was asked for."""
        if self._ending.is_set():
            return
        self.decision = decision
        now = self._tools.clock.monotonic()
        run = self._run
        self.state = replace(
            self.state,
            may_compute=decision.compute in ("full", "limited"),
            may_encode=may_encode(decision),
            may_write=run is None or self._tools.disk_writes.allows(run.manifest.costs.upload_bytes_per_update, now),
            must_leave=decision.compute == "stop",
            urgent=urgent,
            permit_lapsed=now - self._memory.advanced_at >= PERMIT_LAPSED_SECONDS,
            connected=run is not None and run.connected and _has_all(run),
            ready_version=None if run is None else run.chain.ready,
        )
        self.state, effects = device_plan.plan(self.state, now)
        for effect in effects:
            self._begin(effect)
        if self.state.must_leave and not self.busy:
            self._free_areas()

    async def end(self) -> None:
        """Stop the worker in its own time and let go of everything."""
        self._ending.set()
        if self._worker is not None:
            await self._worker.stop("relaxed")
        while self._worker is not None:
            await asyncio.sleep(0.05)
        self._memory.drop()
        # What was not delivered goes to others when its lease runs out.
        self.state = replace(self.state, current=None, next=None)

    # Effects

    def _begin(self, effect: device_plan.Effect) -> None:
        match effect:
            case device_plan.StartWorker():
                self._spawn(self._start())
            case device_plan.StopWorker(urgent=urgent):
                if urgent and not self._encoding:
                    self._leaving_since = self._tools.clock.monotonic()
                if self._worker is not None:
                    self._tools.spawn(self._worker.stop("urgent" if urgent else "relaxed"))
            case device_plan.AskForWork():
                self._spawn(self._ask())
            case device_plan.FetchData(assignment=assignment):
                self._spawn(self._fetch(assignment))
            case device_plan.ApplyVersion():
                self._spawn(self._apply())
            case device_plan.Train(assignment=assignment):
                self._spawn(self._train(assignment))
            case device_plan.EncodeKept(assignment=assignment):
                self._spawn(self._encode_kept(assignment))
            case device_plan.GiveBack(assignment=assignment):
                self._spawn(self._give_back(assignment))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        async def then_look() -> None:
            await work
            self._tools.wake()

        self._tools.spawn(then_look())

    def _later(self, error: SparewattError, seconds: float) -> float:
        at = self._tools.clock.monotonic() + seconds
        self.error = DeviceError(error, at)
        return at

    async def _start(self) -> None:
        run = self._run
        assert run is not None
        try:
            if self._lock is None:
                self._lock = take_slot(self.device, self.threads, self._tools.cores, self._tools.lock_folder)
            areas = self._memory.make(run.manifest.model, run.manifest.codec)
            device = worker_device(self.device, self.threads)
            worker = await self._tools.starter.start(device, areas, self._folders(run))
        except SparewattError as error:
            self._release_lock()
            self.state = replace(self.state, worker="none", start_at=self._later(error, BUSY_RETRY_SECONDS))
            return
        await self._adopt(worker)
        manifest = run.manifest
        await worker.send(
            frames.Configure(
                model=manifest.model,
                data=manifest.data,
                optimiser=manifest.optimiser,
                inner=manifest.inner,
                codec=manifest.codec,
                patch=manifest.outer.patch,
                device=device.kind,
                threads=device.threads,
                work_folder=str(self._tools.work_folder),
                frozen=run.frozen,
            )
        )

    async def _adopt(self, worker: Worker) -> None:
        """Pace and hear a worker that was started; one that is not wanted any more is stopped."""
        self._worker = worker
        self._memory.begin()
        self._tools.pacer.attach(self.device.device, self._memory.advance, self._memory.resumed)
        self._tools.spawn(self._listen(worker))
        if self.state.worker == "stopping":
            await worker.stop("urgent")

    async def _encode_kept(self, assignment: Assignment) -> None:
        """Start an encoder on the areas as they were left."""
        run, areas, base = self._run, self._memory.areas, self.state.applied
        assert run is not None
        assert areas is not None
        assert base is not None
        try:
            worker = await self._tools.starter.start_encoder(areas, self._folders(run))
        except SparewattError as error:
            self._later(error, RETRY_SECONDS)
            self.state = replace(self.state, worker="none")
            return
        self._encoding = True
        await self._adopt(worker)
        await worker.send(
            frames.Encode(
                assignment_id=assignment.assignment_id,
                base=base,
                inner_steps=assignment.inner_steps,
                codec=run.manifest.codec,
                work_folder=str(self._tools.work_folder),
                payload_path=str(self._payload_path(assignment.assignment_id)),
            )
        )

    def _folders(self, run: RunLink) -> WorkerFolders:
        return WorkerFolders(self._tools.work_folder, read=(run.blob_folder,))

    def _free_areas(self) -> None:
        """Give back the areas while nothing may run, where the version can be built again without a download."""
        if self._memory.areas is not None and self._run is not None and self._run.chain.path(None) is not None:
            self._memory.drop()
            self.state = replace(self.state, applied=None)

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _ask(self) -> None:
        run = self._run
        assert run is not None
        offer = DeviceOffer(
            device=run.device_name(self.device.device),
            kind=self.device.kind,
            tokens_per_s=round(self.tokens_per_s or 0),
            memory_bytes=self.device.memory_bytes or 0,
        )
        now = self._tools.clock.monotonic()
        try:
            answer = await run.ask_for_work(offer)
        except SparewattError as error:
            self.state = replace(self.state, asked=False, ask_at=self._later(error, RETRY_SECONDS))
            return
        if isinstance(answer, NothingToDo):
            self.state = replace(self.state, asked=False, ask_at=now + max(answer.retry_after_s, 0.2))
            return
        if answer.assignment_id in self.held_assignments:
            # The coordinator believed that its first answer was lost; it was not.
            self.state = replace(self.state, asked=False, ask_at=now + RETRY_SECONDS)
            return
        work = Work(answer, received_at=now)
        if self.state.current is None:
            self.state = replace(self.state, asked=False, current=work)
        else:
            self.state = replace(self.state, asked=False, next=work)

    async def _fetch(self, assignment: Assignment) -> None:
        run = self._run
        assert run is not None
        try:
            await run.fetch_data(assignment)
        except SparewattError as error:
            self._later(error, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
            self._change_work(assignment, lambda work: replace(work, data="missing"))
            return
        self._change_work(assignment, lambda work: replace(work, data="here"))

    def _change_work(self, assignment: Assignment, change: Callable[[Work], Work]) -> None:
        current, following = self.state.current, self.state.next
        if current is not None and current.assignment == assignment:
            self.state = replace(self.state, current=change(current))
        elif following is not None and following.assignment == assignment:
            self.state = replace(self.state, next=change(following))

    async def _apply(self) -> None:
        run, worker = self._run, self._worker
        assert run is not None
        path = run.chain.path(self.state.applied)
        if worker is None:
            return
        if path is None:
            await run.mistrust()
            self.state = replace(self.state, worker="ready")
            return
        blobs = [str(run.blob_path(step.blob)) for step in path]
        keyframe = blobs.pop(0) if path[0].keyframe else None
        self._memory.forget_trained()
        await worker.send(
            frames.ApplyVersion(version=path[-1].version, keyframe=keyframe, patches=tuple(blobs)),
        )

    async def _train(self, assignment: Assignment) -> None:
        run, worker = self._run, self._worker
        assert run is not None
        assert self.state.applied is not None
        if worker is None:
            return
        self._memory.forget_trained()
        await worker.send(
            frames.Train(
                assignment_id=assignment.assignment_id,
                base=self.state.applied,
                ranges=tuple(
                    frames.TokenRange(str(run.blob_path(each.blob)), each.first, each.count)
                    for each in assignment.ranges
                ),
                inner_steps=assignment.inner_steps,
                seed=assignment.seed,
                rate_first_nano=assignment.rate_first_nano,
                rate_last_nano=assignment.rate_last_nano,
                payload_path=str(self._payload_path(assignment.assignment_id)),
            )
        )

    def _payload_path(self, assignment_id: str) -> Path:
        return self._tools.work_folder / f"{assignment_id}.payload"

    async def _give_back(self, assignment: Assignment) -> None:
        run = self._run
        assert run is not None
        try:
            await run.give_back(assignment)
        except SparewattError as error:
            # The lease runs out by itself; nothing is lost but a little time.
            self.error = DeviceError(error, None)

    # What the worker says

    async def _listen(self, worker: Worker) -> None:
        async for told in worker.events():
            await self._hear(told)
            self._tools.wake()

    async def _hear(self, told: WorkerEvent) -> None:
        match told:
            case frames.Ready():
                self.worker_name = told.device_name
                self.isolation = told.isolation
                self._memory.begin()
                self.state = replace(self.state, worker=_unless_stopping(self.state, "ready"))
            case frames.Applied():
                await self._check(told.version)
            case frames.Progress():
                self._progress(told)
            case frames.Trained():
                await self._trained(told)
            case frames.Failed():
                self._failed(told)
            case WorkerExited():
                self._exited(told)

    async def _check(self, version: VersionId) -> None:
        """Believe what the base area holds only by its hash."""
        run, areas = self._run, self._memory.areas
        assert run is not None
        assert areas is not None
        found = await asyncio.to_thread(version_sha256, run.manifest.model, areas.base.view)
        holds = found == version.sha256
        if not holds:
            self.mistrusted = True
            await run.mistrust()
        self.state = replace(
            self.state, applied=version if holds else None, worker=_unless_stopping(self.state, "ready")
        )

    def _progress(self, told: frames.Progress) -> None:
        current = self.state.current
        if current is None or current.assignment.assignment_id != told.assignment_id:
            return
        self._failures = 0
        self.error = None
        self._steps.append((told.tokens - current.tokens, told.step_milliseconds))
        self.state = replace(
            self.state,
            current=replace(current, inner_steps=told.inner_steps, tokens=told.tokens, loss_micro=told.loss_micro),
        )

    async def _trained(self, told: frames.Trained) -> None:
        run, current = self._run, self.state.current
        assert run is not None
        assert current is not None, "a worker trains only what it was told to"
        if not await self._delivered(run, current.assignment, told):
            return
        self.error = None
        self.tokens += told.tokens
        self._tools.disk_writes.wrote(told.payload.size, self._tools.clock.monotonic())
        encoded = current.kept_inner_steps > 0
        wait = run.manifest.rounds.next_version_wait_milliseconds / 1000
        self.state = replace(
            self.state,
            current=None,
            worker=self.state.worker if encoded else _unless_stopping(self.state, "ready"),
            wait_version=told.base if wait else None,
            wait_until=self._tools.clock.monotonic() + wait,
        )
        if encoded and self._worker is not None:
            self._tools.spawn(self._worker.stop("relaxed"))

    async def _delivered(self, run: RunLink, assignment: Assignment, told: frames.Trained) -> bool:
        """Whether the update is in the outbox. Room on a full disk is waited for, while the payload keeps its place; an
        engine that ends meanwhile leaves the assignment to whoever gets it next."""
        while True:
            try:
                await run.deliver(assignment, told, self._payload_path(told.assignment_id))
                return True
            except StorageError as error:
                if self._ending.is_set():
                    return False
                self._later(error, RETRY_SECONDS)
                self._tools.wake()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._ending.wait()

    def _failed(self, told: frames.Failed) -> None:
        self._failures += 1
        delay = restart_delay_seconds(self._failures)
        at = self._later(SparewattError(told.error_id, **told.parameters), delay)
        if told.fatal:
            self.state = replace(self.state, start_at=at)
            return
        current = self.state.current
        if current is not None and current.kept_inner_steps and self._worker is not None:
            self.state = replace(self.state, current=None)
            self._spawn(self._give_back(current.assignment))
            self._tools.spawn(self._worker.stop("relaxed"))
            return
        self.state = replace(self.state, worker=_unless_stopping(self.state, "ready"), applied=None)
        self._drop_hopeless_work()

    def _exited(self, told: WorkerExited) -> None:
        self._tools.pacer.detach(self.device.device)
        self._worker = None
        self._encoding = False
        self._release_lock()
        now = self._tools.clock.monotonic()
        start_at = max(self.state.start_at, now)
        if self._leaving_since is not None:
            self.released_milliseconds = round(1000 * (now - self._leaving_since))
            self._leaving_since = None
        if told.reason not in ("stopped", "permit_expired") and self.state.worker != "stopping":
            self._failures += 1
            start_at = now + restart_delay_seconds(self._failures)
            if self.error is None or told.reason != "unavailable":
                error = SparewattError("worker.ended", reason=told.reason, code=told.code)
                self.error = DeviceError(error, start_at)
        # The base area was written by the process that is gone, perhaps in the middle of a patch.
        applied = None if self.state.worker == "applying" else self.state.applied
        mark = self._kept(told) if applied is not None else None
        self.state = replace(self.state, worker="none", start_at=start_at, applied=applied)
        current = self.state.current
        if current is None:
            return
        if mark is not None:
            until = current.kept_until or now + current.assignment.ttl_s
            current = replace(current, kept_inner_steps=mark.inner_steps, kept_until=until, tokens=mark.tokens)
            self.state = replace(self.state, current=replace(current, inner_steps=mark.inner_steps))
            return
        self.state = replace(self.state, current=replace(current, inner_steps=0, tokens=0, kept_inner_steps=0))
        self._drop_hopeless_work()

    def _kept(self, told: WorkerExited) -> TrainedMark | None:
        """What the trainable area holds of the current work after its worker's end; None when it is of no use."""
        current = self.state.current
        clean = told.reason == "permit_expired" or told.code in _CLEAN_CODES
        if current is None or not current.attempts or not clean:
            return None
        return self._memory.trained(current.assignment.assignment_id)

    def _drop_hopeless_work(self) -> None:
        current = self.state.current
        if current is not None and current.attempts >= TRAINING_ATTEMPTS_MOST:
            self.state = replace(self.state, current=None)
            self._spawn(self._give_back(current.assignment))


def _unless_stopping(state: DeviceState, then: device_plan.WorkerState) -> device_plan.WorkerState:
    return "stopping" if state.worker == "stopping" else then


def _has_all(run: RunLink) -> bool:
    """Whether a worker could begin: a lease that waits for gigabytes of frozen weights would only run out."""
    return run.manifest.frozen is None or run.frozen is not None


def may_encode(decision: Decision) -> bool:
    """Whether numpy may make an update of what is kept, at idle priority and without a device."""
    if decision.compute == "hold":
        return False
    return decision.compute != "stop" or not any(match.rule in WITHOUT_ENCODING_RULES for match in decision.matches)
