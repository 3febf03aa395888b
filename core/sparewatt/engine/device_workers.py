"""A device's worker process: started on its memory areas, told what to do, and cleared away after."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Literal

from sparewatt.engine.device_assignments import RETRY_SECONDS
from sparewatt.engine.device_fit import card_memory, check_memory, check_optimiser
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_saving import DeviceSaving
from sparewatt.engine.device_slot import take_slot, worker_device
from sparewatt.engine.device_tools import DeviceError
from sparewatt.engine.run_link import RunLink
from sparewatt.errors import SparewattError
from sparewatt.host.lock import FileLock, HeldSlots
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.work.assignment import Assignment
from sparewatt.work.version import VersionId
from sparewatt.worker import messages as frames
from sparewatt.worker.port import Worker, WorkerEvent, WorkerFolders

BUSY_RETRY_SECONDS: Final = 30.0

log = logging.getLogger("sparewatt.engine")


class DeviceWorkers:
    """At most one worker at a time, under this device's machine-wide lock.

    Args:
        hear: is told each event of a worker, one after the other.
    """

    def __init__(
        self,
        record: DeviceRecord,
        memory: DeviceMemory,
        saving: DeviceSaving,
        hear: Callable[[WorkerEvent], Awaitable[None]],
    ) -> None:
        self._record = record
        self._memory = memory
        self._saving = saving
        self._hear = hear
        self._worker: Worker | None = None
        self._lock: FileLock | HeldSlots | None = None
        self._encoding = False
        self._leaving_since: float | None = None

    @property
    def there(self) -> bool:
        """Whether a worker process lives."""
        return self._worker is not None

    def stop(self, *, urgent: bool, resumable: bool = False) -> None:
        """Ask the worker to go; the time that an urgent stop takes a device to be free is measured from here.

        Args:
            resumable: it is to leave a checkpoint.
        """
        record = self._record
        if urgent and not self._encoding:
            self._leaving_since = record.tools.clock.monotonic()
        if self._worker is not None:
            if resumable and record.run is not None:
                self._saving.asked(record.run)
            record.tools.spawn(self._worker.stop("urgent" if urgent else "resumable" if resumable else "relaxed"))

    async def save(self) -> None:
        """Ask for a checkpoint of the training that goes on."""
        if self._worker is not None and self._record.run is not None:
            self._saving.asked(self._record.run)
            await self._worker.send(frames.SaveCheckpoint())

    def gone(self) -> None:
        """Clear away after a worker that has ended."""
        record = self._record
        record.tools.pacer.detach(record.device.device)
        self._worker = None
        self._encoding = False
        self._saving.ended()
        self._release_lock()
        if self._leaving_since is not None:
            record.released_milliseconds = round(1000 * (record.tools.clock.monotonic() - self._leaving_since))
            self._leaving_since = None

    async def start(self) -> None:
        """Start a worker for the device's run and say what it works on."""
        record = self._record
        run = record.run
        assert run is not None
        try:
            if self._lock is None:
                self._lock = take_slot(record.device, record.threads, record.tools.cores, record.tools.lock_folder)
            check_optimiser(run.manifest, record.device)
            check_memory(run.manifest, record.device, self._free_for_worker)
            areas = self._memory.make(run.manifest.model, run.manifest.codec)
            await self._saving.take_residual(run)
            record.compiling = record.compile_wanted and record.uncompiled is None
            device = worker_device(record.device, record.threads, compiling=record.compiling)
            worker = await record.tools.starter.start(device, areas, self._folders(run))
        except SparewattError as error:
            self._release_lock()
            record.state = replace(record.state, worker="none", start_at=record.later(error, BUSY_RETRY_SECONDS))
            return
        await self._adopt(worker)
        await worker.send(self._configure(run, device.kind, device.threads, compiling=record.compiling))

    async def _adopt(self, worker: Worker) -> None:
        """Pace and hear a worker that was started; one that is not wanted any more is stopped."""
        record = self._record
        self._worker = worker
        self._memory.begin()
        record.tools.pacer.attach(record.device.device, self._memory.advance, self._memory.resumed)
        record.tools.spawn(self._listen(worker))
        if record.state.worker == "stopping":
            await worker.stop("urgent")

    async def encode_kept(self, assignment: Assignment) -> None:
        """Start an encoder on the areas as they were left, or for what only a checkpoint has."""
        record = self._record
        run, current = record.run, record.state.current
        assert run is not None
        try:
            areas = self._memory.make(run.manifest.model, run.manifest.codec)
            await self._saving.take_residual(run)
            worker = await record.tools.starter.start_encoder(areas, self._folders(run))
        except SparewattError as error:
            record.later(error, RETRY_SECONDS)
            record.state = replace(record.state, worker="none")
            return
        self._encoding = True
        await self._adopt(worker)
        saved = None if current is None or not current.ends else current.saved
        if saved is not None and saved.base != record.state.applied:
            await worker.send(self._configure(run, "cpu", 1))
            await self.apply_base(saved.base)
            return
        await self.encode(assignment)

    async def encode(self, assignment: Assignment) -> None:
        """Tell the encoder, whose base area holds the right version, to make the update."""
        record = self._record
        run, worker, base, current = record.run, self._worker, record.state.applied, record.state.current
        assert run is not None
        assert base is not None
        if worker is None:
            return
        ends = current is not None and current.ends
        await worker.send(
            frames.Encode(
                assignment_id=assignment.assignment_id,
                base=base,
                inner_steps=assignment.inner_steps,
                codec=run.manifest.codec,
                work_folder=str(record.tools.work_folder),
                payload_path=str(record.payload_path(assignment.assignment_id)),
                checkpoint_path=str(self._saving.path(assignment.assignment_id)) if ends else None,
                moment_numbers=moment_numbers(run.manifest.model) if run.manifest.inner.shares_moments else 0,
                compute=record.compute,
            )
        )

    def _configure(
        self, run: RunLink, device: Literal["cpu", "cuda", "xpu", "mps"], threads: int, *, compiling: bool = False
    ) -> frames.Configure:
        manifest = run.manifest
        return frames.Configure(
            model=manifest.model,
            data=manifest.data,
            optimiser=manifest.optimiser,
            inner=manifest.inner,
            codec=manifest.codec,
            outer=manifest.outer,
            device=device,
            threads=threads,
            work_folder=str(self._record.tools.work_folder),
            frozen=run.frozen,
            memory_free_bytes=None if card_memory(self._record.device) else self._free_for_worker,
            compile=compiling,
        )

    @property
    def _free_for_worker(self) -> int | None:
        """What a worker may take in all; the areas are held for it already, where there are any."""
        free = self._record.memory_free_bytes
        return free if free is None or card_memory(self._record.device) else free + self._memory.held_bytes

    async def _listen(self, worker: Worker) -> None:
        async for told in worker.events():
            await self._hear(told)
            self._record.tools.wake()

    def _folders(self, run: RunLink) -> WorkerFolders:
        record = self._record
        return WorkerFolders(record.tools.work_folder, read=(run.blob_folder,))

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def apply(self) -> None:
        """Build the newest version in the base area."""
        record = self._record
        run, worker = record.run, self._worker
        assert run is not None
        path = run.chain.path(record.state.applied)
        if worker is None:
            return
        if path is None:
            await run.mistrust()
            record.state = replace(record.state, worker="ready")
            return
        blobs = [str(run.blob_path(step.blob)) for step in path]
        keyframe = blobs.pop(0) if path[0].keyframe else None
        self._memory.forget_trained()
        await worker.send(
            frames.ApplyVersion(version=path[-1].version, keyframe=keyframe, patches=tuple(blobs)),
        )

    async def apply_base(self, version: VersionId) -> None:
        """Build the version that a checkpoint was trained from, over the run's chain or as an earlier engine had it."""
        record = self._record
        run, worker = record.run, self._worker
        assert run is not None
        if worker is None:
            return
        way = tuple(step.blob for step in run.chain.way(version) or ()) or self._memory.way
        if not way:
            await self._hear(frames.Failed("kept.base_gone", {"number": version.number}, fatal=False))
            return
        keyframe, *patches = (str(run.blob_path(blob)) for blob in way)
        self._memory.forget_trained()
        record.state = replace(record.state, applied=None)
        await worker.send(frames.ApplyVersion(version=version, keyframe=keyframe, patches=tuple(patches)))

    def forget_saved(self, error: SparewattError) -> None:
        """The checkpoint of the current work is of no use: it is begun anew."""
        record = self._record
        record.error = DeviceError(error, None)
        log.warning("the work is begun anew, since its checkpoint cannot be used: %s", error)
        current = record.state.current
        if current is not None:
            current = replace(current, saved=None, inner_steps=0, tokens=0)
        record.state = replace(record.state, current=current, applied=None, worker=record.unless_stopping("ready"))

    async def train(self, assignment: Assignment, *, resume: bool) -> None:
        """Begin an assignment on the version that was applied, or go on from its checkpoint."""
        record = self._record
        run, worker = record.run, self._worker
        assert run is not None
        assert record.state.applied is not None
        if worker is None:
            return
        self._memory.forget_trained()
        self._saving.began_training()
        if resume:
            log.info("%s goes on from its checkpoint", assignment.assignment_id)
        moments = run.chain.moments(record.state.applied) if run.manifest.inner.shares_moments else None
        await worker.send(
            frames.Train(
                assignment_id=assignment.assignment_id,
                base=record.state.applied,
                ranges=tuple(
                    frames.TokenRange(str(run.blob_path(each.blob)), each.first, each.count)
                    for each in assignment.ranges
                ),
                inner_steps=assignment.inner_steps,
                seed=assignment.seed,
                rate_first_nano=assignment.rate_first_nano,
                rate_last_nano=assignment.rate_last_nano,
                payload_path=str(record.payload_path(assignment.assignment_id)),
                moments=None if moments is None else str(run.blob_path(moments)),
                checkpoint=self._saving.place(run, assignment.assignment_id, record.state.applied),
                resume=resume,
            )
        )
