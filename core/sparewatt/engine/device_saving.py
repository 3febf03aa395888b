"""What of a device's work outlives its worker, and the engine: a checkpoint, and the residual."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from sparewatt.durable import remove_file, storage_errors
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_plan import Saved, Work
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_tools import DeviceError
from sparewatt.engine.run_link import RunLink
from sparewatt.engine.work_folder import CHECKPOINT_SUFFIX
from sparewatt.errors import IntegrityError, SparewattError
from sparewatt.policy import Decision
from sparewatt.work.assignment import Assignment
from sparewatt.work.model import parameter_count
from sparewatt.work.version import VersionId
from sparewatt.worker import messages as frames
from sparewatt.worker.checkpoint import CHECKPOINT, WAY_MOST, CheckpointHeader, checkpoint_bytes
from sparewatt.worker.residual_file import NAME, RESIDUAL, keep_residual, residual_bytes, take_residual

# Work of a run that is over is brought home at once, and a disk that is full or used up takes nothing large.
WITHOUT_CHECKPOINT_RULES: Final = frozenset({"no_run", "disk_low", "disk_writes"})

log = logging.getLogger("sparewatt.engine")


class DeviceSaving:
    """Checkpoint and residual of one device.

    Args:
        left: the checkpoint that an earlier engine left in the work folder.
    """

    def __init__(self, record: DeviceRecord, memory: DeviceMemory, left: Path | None) -> None:
        self._record = record
        self._memory = memory
        self._left = left
        self._on_disk: str | None = None
        self._since_s: float | None = None
        self.busy = False

    # Checkpoints

    def path(self, assignment_id: str) -> Path:
        """Where the checkpoint of an assignment goes or lies."""
        return self._record.tools.work_folder / f"{assignment_id}{CHECKPOINT_SUFFIX}"

    def place(self, run: RunLink, assignment_id: str, base: VersionId) -> frames.CheckpointPlace:
        """What a worker needs to write one, or to go on from it."""
        way = run.chain.way(base) or ()
        return frames.CheckpointPlace(
            path=str(self.path(assignment_id)),
            run=run.run,
            device=self._record.device.device,
            way=tuple(step.blob for step in way) if len(way) <= WAY_MOST else (),
        )

    def began_training(self) -> None:
        """The next checkpoint at an interval is due so long from the first training of a worker."""
        if self._since_s is None:
            self._since_s = self._record.tools.clock.monotonic()

    def ended(self) -> None:
        """The worker is gone."""
        self._since_s = None

    def may_wait(self, decision: Decision) -> bool:
        """Whether what stops the work now may be over before work with a checkpoint has waited too long."""
        current = self._record.state.current
        if current is None:
            return False
        return ends_soon(decision, self._record.tools.clock.unix() + resume_seconds(current.assignment))

    def may_save(self, run: RunLink | None, decision: Decision) -> bool:
        """Whether a stop now should leave a checkpoint instead of an update."""
        if run is None or not _keeps_state(run) or not self.may_wait(decision):
            return False
        tools = self._record.tools
        return tools.disk_writes.may_write(_bytes(run), tools.clock.monotonic(), "stop")

    def save_due(self, run: RunLink | None) -> bool:
        """Whether the training that goes on is to leave a checkpoint now."""
        record = self._record
        if run is None or not _keeps_state(run) or self._since_s is None:
            return False
        now = record.tools.clock.monotonic()
        size, writes = _bytes(run), record.tools.disk_writes
        return now - self._since_s >= writes.interval_seconds(size) and writes.may_write(size, now, "interval")

    def asked(self, run: RunLink) -> None:
        """A worker was told to write one."""
        now = self._record.tools.clock.monotonic()
        self._since_s = now
        self._record.tools.disk_writes.checkpoint(_bytes(run), now)

    def checkpointed(self, told: frames.Checkpointed) -> None:
        """Note how the writing of one ended."""
        record = self._record
        current = record.state.current
        if told.error_id:
            record.error = DeviceError(SparewattError(told.error_id, **told.parameters), None)
            log.warning("no checkpoint of %s: %s", told.assignment_id, record.error.error)
            return
        self._on_disk = told.assignment_id
        if current is None or current.assignment.assignment_id != told.assignment_id:
            return
        log.info("a checkpoint of %s after %d inner steps is kept", told.assignment_id, told.inner_steps)
        saved = Saved(told.base, told.inner_steps, current.tokens)
        record.state = replace(record.state, current=replace(current, saved=saved, attempts=1))

    def forget_unneeded(self) -> None:
        """Remove the checkpoint of work that is over, or that can no longer go on from it."""
        record = self._record
        assignment_id, current = self._on_disk, record.state.current
        if assignment_id is None:
            return
        wanted = current is not None and current.assignment.assignment_id == assignment_id
        writing = record.state.worker in ("training", "stopping")
        if not wanted or (current is not None and current.saved is None and not writing):
            self._on_disk = None
            record.tools.spawn(self._remove(self.path(assignment_id)))

    async def _remove(self, path: Path) -> None:
        try:
            await asyncio.to_thread(_remove, path)
        except SparewattError as error:
            self._record.error = DeviceError(error, None)

    async def restore(self, run: RunLink) -> None:
        """Take up the assignment that an earlier engine left, if its checkpoint is one of this run's."""
        path, self._left = self._left, None
        if path is None:
            return
        self.busy = True
        try:
            await self._restore(run, path)
        except SparewattError as error:
            log.warning("the checkpoint %s is forgotten: %s", path.name, error)
            self._record.error = DeviceError(error, None)
        finally:
            self.busy = False
            self._record.tools.wake()

    async def _restore(self, run: RunLink, path: Path) -> None:
        record = self._record
        assignment_id = path.name.removesuffix(CHECKPOINT_SUFFIX)
        try:
            header = await asyncio.to_thread(CHECKPOINT.read_header, path)
        except SparewattError:
            self._on_disk = assignment_id
            await self._give_back(run, assignment_id)
            raise
        if header.run != run.run:
            self._left = path  # for when the device works for that run again
            return
        self._on_disk = assignment_id
        assignment = await run.left_over(assignment_id)
        if assignment is None:
            return
        if not _fits(header, run, assignment, run.device_name(record.device.device)):
            await run.give_back(assignment)
            raise IntegrityError("kept.other", part="assignment")
        now = record.tools.clock.monotonic()
        self._memory.way = header.way
        record.state = replace(
            record.state,
            current=Work(
                assignment,
                received_at=now,
                inner_steps=header.inner_steps,
                tokens=header.tokens,
                saved=Saved(header.base, header.inner_steps, header.tokens),
                resume_until=now + resume_seconds(assignment),
                kept_until=now + assignment.ttl_s,
                lease="unknown",
            ),
        )
        log.info("%s can go on from its checkpoint after %d inner steps", assignment_id, header.inner_steps)

    async def _give_back(self, run: RunLink, assignment_id: str) -> None:
        assignment = await run.left_over(assignment_id)
        if assignment is not None:
            await run.give_back(assignment)

    async def forget_run(self, run: str) -> None:
        """The run was left: what the disk has of it goes. Its device holds no work of it any more."""
        try:
            await asyncio.to_thread(_remove_of, self._record.tools.work_folder, run)
        except SparewattError as error:
            self._record.error = DeviceError(error, None)

    # The residual

    async def take_residual(self, run: RunLink) -> None:
        """Fill fresh areas with the residual that the disk has; a wrong one is forgotten, in words."""
        record, areas = self._record, self._memory.areas
        if areas is None or areas.residual is None or not self._memory.fresh:
            return
        self._memory.fresh = False
        path = record.tools.work_folder / NAME
        try:
            found = await asyncio.to_thread(take_residual, path, run.run, record.device.device, areas.residual.view)
        except SparewattError as error:
            record.error = DeviceError(error, None)
            await self._remove(path)
            return
        if found is not None:
            log.info("%s goes on with the residual of version %d", record.device.device, found.number)

    async def keep_residual(self, run: RunLink) -> bool:
        """Write the residual if the day allows; whether nothing of it is lost when the memory goes. No worker lives."""
        record, area = self._record, self._memory.residual
        if area is None:
            return True
        now = record.tools.clock.monotonic()
        if not record.tools.disk_writes.may_write(_residual_bytes(run), now, "residual"):
            return False
        path = record.tools.work_folder / NAME
        try:
            wrote = await asyncio.to_thread(keep_residual, path, run.run, record.device.device, area.view)
        except SparewattError as error:
            record.error = DeviceError(error, None)
            return False
        record.tools.disk_writes.wrote(wrote)
        return True


def ends_soon(decision: Decision, until_unix_s: float) -> bool:
    """Whether every reason for a stop may be gone by a moment: none is known to last longer."""
    return not any(
        match.rule in WITHOUT_CHECKPOINT_RULES or (match.until_unix_s is not None and match.until_unix_s > until_unix_s)
        for match in decision.matches
        if match.compute == "stop"
    )


def resume_seconds(assignment: Assignment) -> float:
    """How long work waits to go on: half a lease, so that the other half is left to bring home a smaller update."""
    return assignment.ttl_s / 2


def _fits(header: CheckpointHeader, run: RunLink, assignment: Assignment, device: str) -> bool:
    return (
        header.assignment_id == assignment.assignment_id
        and assignment.device == device
        and header.coordinates == parameter_count(run.manifest.model)
        and header.inner_steps < assignment.inner_steps
    )


def _keeps_state(run: RunLink) -> bool:
    """Whether work can go on from a checkpoint; else a stop leaves a smaller update."""
    return not run.manifest.optimiser.eight_bit


def _bytes(run: RunLink) -> int:
    coordinates = parameter_count(run.manifest.model)
    feedback = run.manifest.codec.error_feedback == "decay"
    return checkpoint_bytes(coordinates) + (residual_bytes(coordinates) if feedback else 0)


def _residual_bytes(run: RunLink) -> int:
    return residual_bytes(parameter_count(run.manifest.model))


def _remove(path: Path) -> None:
    with storage_errors(path.parent):
        remove_file(path)


def _remove_of(folder: Path, run: str) -> None:
    """Remove every kept file of a run, and every one that does not say whose it is."""
    for path in (folder / NAME, *folder.glob(f"*{CHECKPOINT_SUFFIX}")):
        try:
            form = RESIDUAL if path.name == NAME else CHECKPOINT
            owner = form.read_header(path).run
        except SparewattError:
            owner = run
        if owner == run:
            _remove(path)
