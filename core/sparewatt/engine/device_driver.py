"""Carries out a device's plan, through what is told its worker and its run."""

import asyncio
from dataclasses import replace
from typing import Final

from sparewatt.engine import device_plan
from sparewatt.engine.device_assignments import DeviceAssignments
from sparewatt.engine.device_events import DeviceEvents
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_plan import DeviceState, Work
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_saving import DeviceSaving
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.device_workers import DeviceWorkers
from sparewatt.engine.run_link import RunLink
from sparewatt.host.device import Device
from sparewatt.policy import WITHOUT_ENCODING_RULES, Decision
from sparewatt.worker.port import WorkerEvent

# A worker ends by itself when its permit has not advanced for 10 s; one that has not is killed.
PERMIT_LAPSED_SECONDS: Final = 15.0


class DeviceDriver(DeviceRecord):
    """One device of this computer: looks at its state and begins what is due."""

    def __init__(self, device: Device, tools: DeviceTools) -> None:
        super().__init__(device, tools)
        self._memory = DeviceMemory(tools.clock)
        self._assignments = DeviceAssignments(self)
        self._saving = DeviceSaving(self, self._memory, tools.left_checkpoint)
        self._workers = DeviceWorkers(self, self._memory, self._saving, self._hear)
        self._events = DeviceEvents(self, self._memory, self._workers, self._assignments, self._saving)
        self._resting = False

    def bind(self, run: RunLink | None) -> None:
        """Work for `run` from now on; only an idle device changes runs."""
        if self.run is not run and not self.busy:
            self.run = run
            self.steps.clear()
            self._memory.drop()
            self.state = DeviceState(start_at=self.state.start_at)
            if run is not None:
                self.tools.spawn(self._saving.restore(run))

    async def forget_run(self, run: str) -> None:
        """The run was left: nothing of it stays in the work folder."""
        await self._saving.forget_run(run)

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

    def waits_in_vain(self, assignment_id: str) -> None:
        """No version will hold the update of an assignment before this device has brought what it works on next."""
        if self.state.wait_assignment == assignment_id:
            self.state = replace(self.state, wait_version=None)

    def step(self, decision: Decision, *, urgent: bool) -> None:
        """Look at what is, and begin what is due; nothing while work of an earlier engine is taken up, and nothing any
        more once `end` was asked for."""
        self.decision = decision
        if self.ending.is_set() or self._saving.busy:
            return
        now = self.tools.clock.monotonic()
        run = self.run
        training = run is not None and self.state.worker == "training"
        self.state = replace(
            self.state,
            may_compute=decision.compute in ("full", "limited"),
            may_encode=may_encode(decision),
            may_write=run is None
            or self.tools.disk_writes.may_write(run.manifest.costs.upload_bytes_per_update, now, "fragment"),
            may_save=training and may_encode(decision) and self._saving.may_save(run, decision),
            may_wait=self._saving.may_wait(decision),
            save_due=training and self._saving.save_due(run),
            staleness_most=0 if run is None else run.manifest.outer.staleness_most,
            must_leave=decision.compute == "stop",
            urgent=urgent,
            permit_lapsed=now - self._memory.advanced_at >= PERMIT_LAPSED_SECONDS,
            connected=run is not None and run.connected and _has_all(run),
            ready_version=None if run is None else run.chain.ready,
        )
        self.state, effects = device_plan.plan(self.state, now)
        for effect in effects:
            self._begin(effect)
        self._saving.forget_unneeded()
        if not self.state.must_leave or self.busy:
            self._resting = False
        elif not self._resting:
            self._resting = True
            self.tools.spawn(self._rest(urgent=urgent))

    async def end(self) -> None:
        """Stop the worker in its own time and let go of everything."""
        self.ending.set()
        self._workers.stop(urgent=False, resumable=self.state.may_save and _hardly_begun(self.state.current))
        while self._workers.there:
            await asyncio.sleep(0.05)
        if self.run is not None:
            await self._saving.keep_residual(self.run)
        self._memory.drop()
        # What was not delivered goes to others when its lease runs out.
        self.state = replace(self.state, current=None, next=None)

    def _begin(self, effect: device_plan.Effect) -> None:
        match effect:
            case device_plan.StartWorker():
                self.spawn(self._workers.start())
            case device_plan.StopWorker(urgent=urgent, resumable=resumable):
                self._workers.stop(urgent=urgent, resumable=resumable)
            case device_plan.SaveCheckpoint():
                self.spawn(self._workers.save())
            case device_plan.Claim(assignment=assignment):
                self.spawn(self._assignments.claim(assignment))
            case device_plan.ApplyBase(version=version):
                self.spawn(self._workers.apply_base(version))
            case device_plan.AskForWork():
                self.spawn(self._assignments.ask())
            case device_plan.FetchData(assignment=assignment):
                self.spawn(self._assignments.fetch(assignment))
            case device_plan.ApplyVersion():
                self.spawn(self._workers.apply())
            case device_plan.Train(assignment=assignment, resume=resume):
                self.spawn(self._workers.train(assignment, resume=resume))
            case device_plan.EncodeKept(assignment=assignment):
                self.spawn(self._workers.encode_kept(assignment))
            case device_plan.GiveBack(assignment=assignment):
                self.spawn(self._assignments.give_back(assignment))

    async def _hear(self, told: WorkerEvent) -> None:
        await self._events.hear(told)

    async def _rest(self, *, urgent: bool) -> None:
        """Give memory back while nothing may run: of weights where they can be built again without a download, of the
        residual once the disk has it. While somebody needs the computer at once nothing is written."""
        run = self.run
        if self._memory.areas is None or run is None:
            return
        self._saving.busy = True
        try:
            kept = not urgent and await self._saving.keep_residual(run)
        finally:
            self._saving.busy = False
        if run.chain.path(None) is not None and self.run is run:
            self._memory.drop(residual=kept)
            self.state = replace(self.state, applied=None)
        self.tools.wake()


def _hardly_begun(work: Work | None) -> bool:
    """Whether an update of what is done would be smaller than the smallest assignment there is: a quarter of one.

    An engine that ends may not come back before the lease runs out: what is worth more is sent now.
    """
    return work is not None and 0 < 4 * work.inner_steps < work.assignment.inner_steps


def _has_all(run: RunLink) -> bool:
    """Whether a worker could begin: a lease that waits for gigabytes of frozen weights would only run out."""
    return run.manifest.frozen is None or run.frozen is not None


def may_encode(decision: Decision) -> bool:
    """Whether numpy may make an update of what is kept, at idle priority and without a device."""
    if decision.compute == "hold":
        return False
    return decision.compute != "stop" or not any(match.rule in WITHOUT_ENCODING_RULES for match in decision.matches)
