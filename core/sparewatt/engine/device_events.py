"""What a device's worker says, and what that changes."""

import asyncio
import logging
import signal
from dataclasses import replace
from typing import Final

from sparewatt.engine.device_assignments import DeviceAssignments
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_plan import Work
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_saving import DeviceSaving, resume_seconds
from sparewatt.engine.device_tools import DeviceError
from sparewatt.engine.device_workers import DeviceWorkers
from sparewatt.errors import IntegrityError, SparewattError
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.process.child import restart_delay_seconds
from sparewatt.work.version import VersionId
from sparewatt.worker import messages as frames
from sparewatt.worker.areas import TrainedMark
from sparewatt.worker.port import WorkerEvent, WorkerExited

# Ends after which the weights in the trainable area are as good as before: nobody's memory was damaged.
_CLEAN_CODES: Final = (0, -signal.SIGTERM, -9)

log = logging.getLogger("sparewatt.engine")


class DeviceEvents:
    """One handler an event."""

    def __init__(
        self,
        record: DeviceRecord,
        memory: DeviceMemory,
        workers: DeviceWorkers,
        assignments: DeviceAssignments,
        saving: DeviceSaving,
    ) -> None:
        self._saving = saving
        self._record = record
        self._memory = memory
        self._workers = workers
        self._assignments = assignments

    async def hear(self, told: WorkerEvent) -> None:
        """Take note of an event, and do what it asks for."""
        record = self._record
        match told:
            case frames.Ready():
                record.worker_name = told.device_name
                record.isolation = told.isolation
                record.compute = told.compute
                self._memory.begin()
                record.state = replace(record.state, worker=record.unless_stopping("ready"))
            case frames.Applied():
                await self._check(told.version)
            case frames.Progress():
                self._progress(told)
            case frames.Uncompiled():
                self._uncompiled(SparewattError(told.error_id, **told.parameters))
            case frames.Checkpointed():
                self._saving.checkpointed(told)
            case frames.Trained():
                await self._trained(told)
            case frames.Failed():
                self._failed(told)
            case WorkerExited():
                self._exited(told)

    async def _check(self, version: VersionId) -> None:
        """Believe what the base area holds only by its hash."""
        record = self._record
        run, areas = record.run, self._memory.areas
        assert run is not None
        assert areas is not None
        found = await asyncio.to_thread(version_sha256, run.manifest.model, areas.base.view)
        holds = found == version.sha256
        current = record.state.current
        if not holds and current is not None and current.saved is not None:
            self._fail(IntegrityError("kept.base_gone", number=version.number))
            return
        if not holds:
            record.mistrusted = True
            await run.mistrust()
        record.state = replace(record.state, applied=version if holds else None, worker=record.unless_stopping("ready"))
        if current is not None and current.ends and record.state.worker == "encoding":
            await self._workers.encode(current.assignment)

    def _progress(self, told: frames.Progress) -> None:
        record = self._record
        current = record.state.current
        if current is None or current.assignment.assignment_id != told.assignment_id:
            return
        record.failures = 0
        record.error = None
        if not told.compiled:
            record.steps.append((told.tokens - current.tokens, told.step_milliseconds))
        record.state = replace(
            record.state,
            current=replace(current, inner_steps=told.inner_steps, tokens=told.tokens, loss_micro=told.loss_micro),
        )

    def _uncompiled(self, why: SparewattError) -> None:
        self._record.compiling = False
        self._record.uncompiled = why
        log.warning("%s trains uncompiled: %s", self._record.device.device, why)

    async def _trained(self, told: frames.Trained) -> None:
        record = self._record
        run, current = record.run, record.state.current
        assert run is not None
        assert current is not None, "a worker trains only what it was told to"
        wait = run.manifest.rounds.next_version_wait_milliseconds / 1000
        # Before it is delivered, for the answer may come while that is written down.
        record.state = replace(
            record.state,
            wait_version=told.base if wait else None,
            wait_until=record.tools.clock.monotonic() + wait,
            wait_assignment=current.assignment.assignment_id,
        )
        if not await self._assignments.delivered(run, current.assignment, told):
            record.state = replace(record.state, wait_version=None)
            return
        record.error = None
        record.tokens += told.tokens
        record.tools.disk_writes.wrote(told.payload.size)
        encoded = current.to_encode
        record.state = replace(
            record.state,
            current=None,
            worker=record.state.worker if encoded else record.unless_stopping("ready"),
        )
        if encoded:
            self._workers.stop(urgent=False)

    def _failed(self, told: frames.Failed) -> None:
        record = self._record
        record.failures += 1
        delay = restart_delay_seconds(record.failures)
        at = record.later(SparewattError(told.error_id, **told.parameters), delay)
        if told.fatal:
            record.state = replace(record.state, start_at=at)
            self._hand_on()
            return
        self._fail(record.error.error if record.error is not None else SparewattError(told.error_id))

    def _hand_on(self) -> None:
        """Work of which nothing is done is for others, while this device cannot begin."""
        record = self._record
        current = record.state.current
        if current is not None and not current.to_encode and current.saved is None and not current.inner_steps:
            record.state = replace(record.state, current=None)
            record.spawn(self._assignments.give_back(current.assignment))

    def _fail(self, error: SparewattError) -> None:
        """What was asked of the worker failed, and the worker goes on: try something else."""
        record = self._record
        current = record.state.current
        if current is not None and current.to_encode and self._workers.there:
            record.error = record.error or DeviceError(error, None)
            record.state = replace(record.state, current=None)
            record.spawn(self._assignments.give_back(current.assignment))
            self._workers.stop(urgent=False)
            return
        if current is not None and current.saved is not None:
            self._workers.forget_saved(error)
            self._assignments.drop_hopeless_work()
            return
        record.state = replace(record.state, worker=record.unless_stopping("ready"), applied=None)
        self._assignments.drop_hopeless_work()

    def _exited(self, told: WorkerExited) -> None:
        record = self._record
        self._workers.gone()
        now = record.tools.clock.monotonic()
        start_at = max(record.state.start_at, now)
        if told.reason not in ("stopped", "permit_expired") and record.state.worker != "stopping":
            record.failures += 1
            start_at = now + restart_delay_seconds(record.failures)
            if record.compiling and told.reason in ("crashed", "killed"):
                # Perhaps it was not the compiled code; without it the next worker shows that.
                self._uncompiled(SparewattError("compile.ended", code=told.code))
            if record.error is None or told.reason != "unavailable":
                error = SparewattError("worker.ended", reason=told.reason, code=told.code)
                record.error = DeviceError(error, start_at)
        record.compiling = False
        # The base area was written by the process that is gone, perhaps in the middle of a patch.
        applied = None if record.state.worker == "applying" else record.state.applied
        mark = self._kept(told) if applied is not None else None
        record.state = replace(record.state, worker="none", start_at=start_at, applied=applied)
        current = record.state.current
        if current is None:
            return
        record.state = replace(record.state, current=_left(current, mark, now))
        if mark is None:
            self._assignments.drop_hopeless_work()

    def _kept(self, told: WorkerExited) -> TrainedMark | None:
        """What the trainable area holds of the current work after its worker's end; None when it is of no use."""
        record = self._record
        current = record.state.current
        clean = told.reason == "permit_expired" or told.code in _CLEAN_CODES
        if current is None or not current.attempts or not clean:
            return None
        return self._memory.trained(current.assignment.assignment_id)


def _left(work: Work, mark: TrainedMark | None, now: float) -> Work:
    """Work whose worker is gone: the trainable area holds `mark` of it, and perhaps there is a checkpoint."""
    saved = work.saved
    if saved is not None and mark is not None and mark.inner_steps > saved.inner_steps:
        # What is in memory has more than the checkpoint, and becomes a smaller update.
        saved = None
    resume_until = now + resume_seconds(work.assignment)
    work = replace(work, saved=saved, resume_until=resume_until)
    work = replace(work, kept_until=work.kept_until or now + work.assignment.ttl_s)
    if mark is not None:
        return replace(
            work,
            kept_inner_steps=mark.inner_steps,
            inner_steps=mark.inner_steps,
            tokens=mark.tokens,
        )
    done = (0, 0) if saved is None else (saved.inner_steps, saved.tokens)
    return replace(work, kept_inner_steps=0, inner_steps=done[0], tokens=done[1])
