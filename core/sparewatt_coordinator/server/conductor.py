"""Drives rounds: feeds `rounds.tick` with what happens and carries out its effects."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.errors import SparewattError, StorageError
from sparewatt.signing import Signed
from sparewatt.wording.errors import sentence
from sparewatt_coordinator import schedule
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.rounds import (
    Ending,
    Event,
    Explanation,
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
from sparewatt_coordinator.server.measuring import Measurement, next_measurement
from sparewatt_coordinator.server.ports import Aggregator
from sparewatt_coordinator.store.base import Fenced, MergeTask, Published, RunRecord, Store

TICK_SECONDS: Final = 0.2
IDLE_TICK_SECONDS: Final = 1.0
STORAGE_RETRY_SECONDS: Final = 5.0
EVENTS_MOST: Final = 4_096
MEASURE_FAILURES_MOST: Final = 3


class Conductor:
    """The run's rounds, measurements and end.

    Args:
        announce: called with every new announcement.
    """

    def __init__(
        self,
        books: Books,
        blobs: BlobFolder,
        aggregator: Aggregator,
        clock: Clock,
        announce: Callable[[Signed], None],
        log: logging.Logger,
    ) -> None:
        self._books = books
        self._blobs = blobs
        self._aggregator = aggregator
        self._clock = clock
        self._announce = announce
        self._log = log
        self._events: asyncio.Queue[Event] = asyncio.Queue(EVENTS_MOST)
        self._state: Rounds | None = None
        self._explanation = Explanation("round.open", 0)
        self._merging: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._measured_milliseconds: int | None = None
        self._measure_failures = 0
        self._measured_last = False
        self._error_id = ""
        self._measure_at_end = True

    @property
    def explanation(self) -> str:
        """Why the gathering round is open or closing."""
        return self._explanation.reason

    @property
    def error_id(self) -> str:
        """The last failure of the aggregator; empty after a success."""
        return self._error_id

    def joined(self, tokens: int) -> None:
        """An update joined the gathering round."""
        self._tell(Joined(tokens))

    async def finish(self, words: str) -> None:
        """Hand out no more work; merge, measure and close when what is there is merged."""
        await self._books.call(lambda store: store.end_run(words))
        self._tell(Ending())

    async def close(self, words: str) -> None:
        """End the run without measuring it; what was accepted is merged first, as its receipts say. A run that is
        stalled is closed as it is."""
        if (await self._record()).state == "stalled":
            await self._close(words)
            return
        self._measure_at_end = False
        await self.finish(words)

    async def resume(self) -> None:
        """Try a stalled merge again."""
        now = self._now()
        await self._books.call(lambda store: store.resume(self._books.sign, now))
        self._state = None
        self._announce((await self._record()).latest)

    async def run(self) -> None:
        """Until cancelled. A full disk is waited for; everything else that is unexpected ends the program."""
        await self.resume()
        told = ""
        try:
            while True:
                try:
                    await self._step()
                    told = ""
                except StorageError as error:
                    if told != error.error_id:
                        self._log.warning("%s", sentence(error))
                    told = error.error_id
                    self._state = None
                    await asyncio.sleep(STORAGE_RETRY_SECONDS)
        finally:
            for task in (self._merging, self._measuring):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _step(self) -> None:
        self._raise_failures()
        if self._state is None:
            while not self._events.empty():
                self._events.get_nowait()
            self._state = await self._books.call(lambda store: store.rounds())
        event = await self._next_event()
        if event is not None:
            await self._tick(event)
        now = self._now()
        leases = await self._books.call(lambda store: (store.expire_leases(now), store.live_leases(now))[1])
        await self._tick(TimePassed(leases))
        await self._keep_up()

    async def _next_event(self) -> Event | None:
        state = self._state
        busy = state is not None and (state.gathering.updates > 0 or state.merge is not None)
        try:
            async with asyncio.timeout(TICK_SECONDS if busy else IDLE_TICK_SECONDS):
                return await self._events.get()
        except TimeoutError:
            return None

    async def _tick(self, event: Event) -> None:
        if self._state is None:
            return
        self._state, effects, self._explanation = tick(self._state, event, self._now(), secrets.randbits(16))
        for effect in effects:
            match effect:
                case FixPlan(round=number):
                    if await self._books.call(lambda store, number=number: store.plan_merge(number)):  # type: ignore[misc]
                        await self._tick(PlanFixed(number))
                    else:
                        self._state = None
                case LeaseMerge(round=number):
                    task = await self._books.call(lambda store, number=number: store.lease_merge(number))  # type: ignore[misc]
                    if task is None:
                        self._state = None
                    else:
                        if self._merging is not None:
                            # Its lease ran out; what it would still publish is fenced off.
                            self._merging.cancel()
                        self._merging = asyncio.create_task(self._merge(task))
                        await self._tick(MergeLeased(task.fence))
                case NoteFailure():
                    await self._note(effect)

    async def _note(self, effect: NoteFailure) -> None:
        now, words = self._now(), self._error_id
        await self._books.call(
            lambda store: store.fail_merge(effect.round, effect.fence, effect.stalled, words, self._books.sign, now)
        )
        if effect.stalled:
            self._announce((await self._record()).latest)

    async def _merge(self, task: MergeTask) -> None:
        """A full disk is no failure of the merge, for it passes: room is waited for as long as it takes."""
        waited = False
        try:
            while True:
                try:
                    outcome = await self._merged(task)
                    break
                except StorageError as error:
                    if error.error_id != "storage.full":
                        raise
                    if not waited:
                        self._log.warning("%s", sentence(error))
                    waited = True
                    self._error_id = error.error_id
                    await asyncio.sleep(STORAGE_RETRY_SECONDS)
        except SparewattError as error:
            self._log.warning("merging round %d failed: %s", task.plan.round, error)
            self._error_id = error.error_id
            self._tell(MergeFailed(task.fence))
            return
        self._error_id = ""
        if isinstance(outcome, Published):
            self._announce(outcome.announcement)
            await self._books.call(self._delete_disposable)
        elif waited:
            # The wait was longer than leases last, and the run stands still although nothing is wrong any more.
            await self.resume()
        self._tell(MergePublished(task.fence))

    async def _merged(self, task: MergeTask) -> Published | Fenced:
        publication = await self._aggregator.merge(task)
        now = self._now()
        return await self._books.call(lambda store: store.publish(publication, self._books.sign, now))

    def _delete_disposable(self, store: Store) -> None:
        """In the store's thread, so that no update with the same bytes is accepted meanwhile."""
        gone = store.disposable_blobs()
        for blob in gone:
            self._blobs.remove(blob.sha256)
        if gone:
            store.forget_blobs(gone)

    async def _keep_up(self) -> None:
        """Measure what is due; end a run whose plan is fulfilled; close one that has ended."""
        record = await self._record()
        now = self._now()
        if record.state == "open" and _plan_fulfilled(record, now):
            await self.finish("")
        # One that has ended stays until `_raise_failures` has looked at it.
        if record.state == "closed" or self._measuring is not None:
            return
        final = record.state == "ending" and self._all_merged()
        status = await self._books.call(lambda store: store.status())
        wanted = next_measurement(record.manifest, status, self._measured_milliseconds, now, final)
        given_up = self._measure_failures >= MEASURE_FAILURES_MOST or (final and not self._measure_at_end)
        if wanted is not None and not given_up and not self._measured_last:
            self._measured_milliseconds = now
            self._measuring = asyncio.create_task(self._measure(wanted, final))
        elif final:
            await self._close(record.words)

    async def _measure(self, wanted: Measurement, final: bool) -> None:
        try:
            found = await self._aggregator.evaluate(wanted.version, wanted.outer_state, wanted.tokens)
        except SparewattError as error:
            self._log.warning("measuring version %d failed: %s", wanted.version.number, error)
            self._error_id = error.error_id
            self._measure_failures += 1
            return
        self._measure_failures = 0
        self._measured_last = final
        now = self._now()
        self._announce(await self._books.call(lambda store: store.record_evaluation(found, self._books.sign, now)))

    async def _close(self, words: str) -> None:
        """No work and no merging any more."""
        now = self._now()
        self._announce(await self._books.call(lambda store: store.close_run(words, self._books.sign, now)))

    def _all_merged(self) -> bool:
        state = self._state
        return state is not None and state.merge is None and state.gathering.updates == 0

    def _raise_failures(self) -> None:
        """What one of our tasks did not expect is the whole program's: a full disk is waited for, a bug crashes."""
        tasks = (self._merging, self._measuring)
        self._merging, self._measuring = (None if task is not None and task.done() else task for task in tasks)
        ended = (task for task in tasks if task is not None and task.done() and not task.cancelled())
        failures = [error for task in ended if (error := task.exception()) is not None]
        if failures:
            raise failures[0]

    def _tell(self, event: Event) -> None:
        """Queue an event. When the queue is full, the next reading of the store brings the news."""
        if self._events.full():
            self._state = None
        else:
            self._events.put_nowait(event)

    async def _record(self) -> RunRecord:
        return await self._books.call(lambda store: store.run())

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)


def _plan_fulfilled(record: RunRecord, now_milliseconds: int) -> bool:
    if record.started_milliseconds is None:
        return False
    elapsed = max(0, now_milliseconds - record.started_milliseconds) // 1000
    return schedule.ended(record.manifest, record.trained_tokens, elapsed)
