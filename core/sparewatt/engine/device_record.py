"""What is known of one device: read by screens and by the account, written by the parts of its driver."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Final

from sparewatt.engine.device_plan import DeviceState, Work, WorkerState
from sparewatt.engine.device_tools import DeviceError, DeviceTools
from sparewatt.engine.run_link import RunLink
from sparewatt.errors import SparewattError, UnavailableError
from sparewatt.host.device import Device
from sparewatt.policy import Decision
from sparewatt.work.assignment import Assignment
from sparewatt.work.memory import Compute

# A speed over this many inner steps is steady to a few percent and follows a change within a minute.
SPEED_STEPS: Final = 20


class DeviceRecord:
    """One device's state, shared by the parts of its driver, and what each of them needs of the others.

    Attributes:
        failures: ends of workers and refused work in a row; an inner step that was completed sets it back.
        steps: tokens and milliseconds of the last inner steps.
        mistrusted: a version did not have the hash it should have.
        released_milliseconds: from the last urgent stop to its worker's end.
        isolation: how its last worker said that it is held in.
        compute: type of matrix products of its last worker.
        memory_free_bytes: what other programs leave of the memory that it computes in; None where nobody knows.
        compile_wanted: the person wants models compiled for it.
        compiling: its last worker was told to.
        uncompiled: why they are not; not tried again before the person says so anew or the engine starts again.
        ending: the device is wanted no more; nothing is begun.
    """

    def __init__(self, device: Device, tools: DeviceTools) -> None:
        self.device = device
        self.tools = tools
        self.state = DeviceState()
        self.run: RunLink | None = None
        self.decision: Decision | None = None
        self.error: DeviceError | None = None
        self.tokens = 0
        self.worker_name: str | None = None
        self.threads = 1
        self.failures = 0
        self.steps: deque[tuple[int, int]] = deque(maxlen=SPEED_STEPS)
        self.mistrusted = False
        self.released_milliseconds: int | None = None
        self.isolation: tuple[str, ...] = ()
        self.compute: Compute = "fp32"
        self.memory_free_bytes: int | None = None
        self.compile_wanted = False
        self.compiling = False
        self.uncompiled: SparewattError | None = None
        self.ending = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether it holds work or a worker of its run."""
        state = self.state
        return state.worker != "none" or state.current is not None or state.next is not None

    @property
    def lent(self) -> bool:
        """Whether something computes on it, or could begin to at any moment."""
        return self.state.worker != "none" or self.state.may_compute

    @property
    def tokens_per_s(self) -> float | None:
        """Over the last inner steps, pauses included; None before the first."""
        tokens = sum(each for each, _ in self.steps)
        milliseconds = sum(each for _, each in self.steps)
        return 1000 * tokens / milliseconds if milliseconds else None

    @property
    def held_assignments(self) -> frozenset[str]:
        """Assignments whose leases are to be kept alive."""
        current = self.state.current
        waits = current is not None and current.to_encode and not self.state.may_encode
        # A lease that is kept for work which nobody may bring home would keep it from others.
        works = (None if waits else current, self.state.next)
        return frozenset(work.assignment.assignment_id for work in works if work is not None)

    def want_compiled(self, wanted: bool, power_cap_watts: int | None) -> None:
        """Note the person's wish, and at once what stands against it.

        Args:
            power_cap_watts: of the device.
        """
        if self.compile_wanted != wanted:
            self.compile_wanted, self.uncompiled = wanted, None
        capped = self.device.kind == "cpu" and power_cap_watts is not None
        if wanted and capped and self.uncompiled is None:
            # Nothing paces a compiler, and what it draws is the processor's.
            self.uncompiled = UnavailableError("compile.power_cap", cap_watts=power_cap_watts or 0)
        elif not capped and self.uncompiled is not None and self.uncompiled.error_id == "compile.power_cap":
            self.uncompiled = None

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work`, and look at the device again when it is done."""

        async def then_look() -> None:
            await work
            self.tools.wake()

        self.tools.spawn(then_look())

    def later(self, error: SparewattError, seconds: float) -> float:
        """Note what went wrong; the moment (monotonic seconds) at which it may be tried again."""
        at = self.tools.clock.monotonic() + seconds
        self.error = DeviceError(error, at)
        return at

    def change_work(self, assignment: Assignment, change: Callable[[Work], Work]) -> None:
        """Change what is noted of an assignment, if it is still this device's."""
        current, following = self.state.current, self.state.next
        if current is not None and current.assignment == assignment:
            self.state = replace(self.state, current=change(current))
        elif following is not None and following.assignment == assignment:
            self.state = replace(self.state, next=change(following))

    def unless_stopping(self, then: WorkerState) -> WorkerState:
        """The worker's state after an event: a stop that was asked for outlives it, and an encoder stays one."""
        return self.state.worker if self.state.worker in ("stopping", "encoding") else then

    def payload_path(self, assignment_id: str) -> Path:
        """Where a worker writes the update of an assignment."""
        return self.tools.work_folder / f"{assignment_id}.payload"
