"""Carries out a device's plan, through what is told its worker and its run."""

import asyncio
from dataclasses import replace
from typing import Final

from sparewatt.engine import device_plan
from sparewatt.engine.device_assignments import DeviceAssignments
from sparewatt.engine.device_events import DeviceEvents
from sparewatt.engine.device_memory import DeviceMemory
from sparewatt.engine.device_plan import DeviceState
from sparewatt.engine.device_record import DeviceRecord
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
        self._workers = DeviceWorkers(self, self._memory, self._hear)
        self._events = DeviceEvents(self, self._memory, self._workers, self._assignments)

    def bind(self, run: RunLink | None) -> None:
        """Work for `run` from now on; only an idle device changes runs."""
        if self.run is not run and not self.busy:
            self.run = run
            self.steps.clear()
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
        if self.ending.is_set():
            return
        self.decision = decision
        now = self.tools.clock.monotonic()
        run = self.run
        self.state = replace(
            self.state,
            may_compute=decision.compute in ("full", "limited"),
            may_encode=may_encode(decision),
            may_write=run is None or self.tools.disk_writes.allows(run.manifest.costs.upload_bytes_per_update, now),
            must_leave=decision.compute == "stop",
            urgent=urgent,
            permit_lapsed=now - self._memory.advanced_at >= PERMIT_LAPSED_SECONDS,
            connected=run is not None and run.connected,
            ready_version=None if run is None else run.chain.ready,
        )
        self.state, effects = device_plan.plan(self.state, now)
        for effect in effects:
            self._begin(effect)
        if self.state.must_leave and not self.busy:
            self._free_areas()

    async def end(self) -> None:
        """Stop the worker in its own time and let go of everything."""
        self.ending.set()
        self._workers.stop(urgent=False)
        while self._workers.there:
            await asyncio.sleep(0.05)
        self._memory.drop()
        # What was not delivered goes to others when its lease runs out.
        self.state = replace(self.state, current=None, next=None)

    def _begin(self, effect: device_plan.Effect) -> None:
        match effect:
            case device_plan.StartWorker():
                self.spawn(self._workers.start())
            case device_plan.StopWorker(urgent=urgent):
                self._workers.stop(urgent=urgent)
            case device_plan.AskForWork():
                self.spawn(self._assignments.ask())
            case device_plan.FetchData(assignment=assignment):
                self.spawn(self._assignments.fetch(assignment))
            case device_plan.ApplyVersion():
                self.spawn(self._workers.apply())
            case device_plan.Train(assignment=assignment):
                self.spawn(self._workers.train(assignment))
            case device_plan.EncodeKept(assignment=assignment):
                self.spawn(self._workers.encode_kept(assignment))
            case device_plan.GiveBack(assignment=assignment):
                self.spawn(self._assignments.give_back(assignment))

    async def _hear(self, told: WorkerEvent) -> None:
        await self._events.hear(told)

    def _free_areas(self) -> None:
        """Give back the areas while nothing may run, where the version can be built again without a download."""
        if self._memory.areas is not None and self.run is not None and self.run.chain.path(None) is not None:
            self._memory.drop()
            self.state = replace(self.state, applied=None)


def may_encode(decision: Decision) -> bool:
    """Whether numpy may make an update of what is kept, at idle priority and without a device."""
    if decision.compute == "hold":
        return False
    return decision.compute != "stop" or not any(match.rule in WITHOUT_ENCODING_RULES for match in decision.matches)
