"""A device's assignments: asked for, provided with data, handed in, given back."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sparewatt.engine.device_fit import check_optimiser
from sparewatt.engine.device_plan import Work
from sparewatt.engine.device_record import DeviceRecord
from sparewatt.engine.device_tools import DeviceError
from sparewatt.engine.run_link import NothingToDo, RunLink
from sparewatt.errors import SparewattError, StorageError
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.worker import messages as frames

RETRY_SECONDS: Final = 5.0
TRAINING_ATTEMPTS_MOST: Final = 3


class DeviceAssignments:
    """Between a device and its run; every error of the run is noted and tried again."""

    def __init__(self, record: DeviceRecord) -> None:
        self._record = record

    async def ask(self) -> None:
        """Ask the run for work; what comes is the current assignment or the next."""
        record = self._record
        run = record.run
        assert run is not None
        offer = DeviceOffer(
            device=run.device_name(record.device.device),
            kind=record.device.kind,
            tokens_per_s=round(record.tokens_per_s or 0),
            memory_bytes=record.device.memory_bytes or 0,
        )
        now = record.tools.clock.monotonic()
        try:
            check_optimiser(run.manifest, record.device)
            answer = await run.ask_for_work(offer)
        except SparewattError as error:
            record.state = replace(record.state, asked=False, ask_at=record.later(error, RETRY_SECONDS))
            return
        if isinstance(answer, NothingToDo):
            record.state = replace(record.state, asked=False, ask_at=now + max(answer.retry_after_s, 0.2))
            return
        if answer.assignment_id in record.held_assignments:
            # The coordinator believed that its first answer was lost; it was not.
            record.state = replace(record.state, asked=False, ask_at=now + RETRY_SECONDS)
            return
        work = Work(answer, received_at=now)
        if record.state.current is None:
            record.state = replace(record.state, asked=False, current=work)
        else:
            record.state = replace(record.state, asked=False, next=work)

    async def fetch(self, assignment: Assignment) -> None:
        """Bring an assignment's shards to this computer."""
        record = self._record
        run = record.run
        assert run is not None
        try:
            await run.fetch_data(assignment)
        except SparewattError as error:
            record.later(error, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
            record.change_work(assignment, lambda work: replace(work, data="missing"))
            return
        record.change_work(assignment, lambda work: replace(work, data="here"))

    async def delivered(self, run: RunLink, assignment: Assignment, told: frames.Trained) -> bool:
        """Whether the update is in the outbox. Room on a full disk is waited for, while the payload keeps its place; an
        engine that ends meanwhile leaves the assignment to whoever gets it next."""
        record = self._record
        while True:
            try:
                await run.deliver(assignment, told, record.payload_path(told.assignment_id))
                return True
            except StorageError as error:
                if record.ending.is_set():
                    return False
                record.later(error, RETRY_SECONDS)
                record.tools.wake()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await record.ending.wait()

    async def claim(self, assignment: Assignment) -> None:
        """Ask whether work of an earlier engine is still this device's; what others have is dropped."""
        record = self._record
        run = record.run
        assert run is not None
        try:
            ours = await run.claim(assignment)
        except SparewattError as error:
            record.later(error, RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
            record.change_work(assignment, lambda work: replace(work, lease="unknown"))
            return
        current = record.state.current
        if ours:
            record.change_work(assignment, lambda work: replace(work, lease="held"))
        elif current is not None and current.assignment == assignment:
            record.state = replace(record.state, current=None)

    async def give_back(self, assignment: Assignment) -> None:
        """Hand an assignment back, for others."""
        record = self._record
        run = record.run
        assert run is not None
        try:
            await run.give_back(assignment)
        except SparewattError as error:
            # The lease runs out by itself; nothing is lost but a little time.
            record.error = DeviceError(error, None)

    def drop_hopeless_work(self) -> None:
        """Give back what was begun too often to be begun once more."""
        record = self._record
        current = record.state.current
        if current is not None and current.attempts >= TRAINING_ATTEMPTS_MOST:
            record.state = replace(record.state, current=None)
            record.spawn(self.give_back(current.assignment))
