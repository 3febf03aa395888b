"""A device's plan carried out, with a fake worker on real memory areas."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_plan import DeviceState, Work
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.version_chain import VersionChain
from sparewatt.errors import StorageError, UnavailableError
from sparewatt.host.device import Device
from sparewatt.host.lock import slot_lock
from sparewatt.host.sample import Sample
from sparewatt.policy import Compute, Decision, Match
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.worker import FakeWorkers
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import FrozenBase
from sparewatt.work.version import BlobRef
from sparewatt.worker.messages import Configure, Failed, FrozenFile, Train

CPU = Device(device="cpu", kind="cpu", name="Processor", slot="cpu-test", memory_bytes=None)


class Bench:
    """A driver, and time that passes only when a test says so."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup, work: int = 3) -> None:
        for name in ("blobs", "work", "locks"):
            (folder / name).mkdir()
        self.clock = ManualClock()
        self.pacer = Pacer(self.clock)
        self.starter = FakeWorkers(step_seconds=0.01)
        self.run = FakeRunLink(FakeRun(), folder / "blobs", work)
        self._tasks = tasks
        self.driver = DeviceDriver(
            CPU,
            DeviceTools(
                clock=self.clock,
                starter=self.starter,
                pacer=self.pacer,
                spawn=self._spawn,
                wake=lambda: None,
                work_folder=folder / "work",
                lock_folder=folder / "locks",
                cores=2,
            ),
        )
        self.driver.bind(self.run)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.create_task(work)

    def look(self, compute: Compute = "full", *, urgent: bool = False, rule: str | None = None) -> None:
        now = self.clock.monotonic()
        matches = () if rule is None else (Match(rule, compute, "essential", {}, None, None),)
        decision = Decision("cpu", compute, "allowed", matches, 100, now)
        self.pacer.decided(decision)
        self.pacer.sampled(Sample(device="cpu", t=now))
        self.driver.step(decision, urgent=urgent)
        self.pacer.tick()

    async def until(
        self,
        reached: Callable[[], bool],
        compute: Compute = "full",
        *,
        urgent: bool = False,
        rule: str | None = None,
    ) -> None:
        """Look again and again until something is so, at most five seconds of real time."""
        async with asyncio.timeout(5):
            while not reached():
                self.clock.advance(0.01)
                self.look(compute, urgent=urgent, rule=rule)
                await asyncio.sleep(0.001)


def drive(folder: Path, story: Callable[[Bench], Coroutine[object, object, None]], work: int = 3) -> None:
    async def told() -> None:
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(folder, tasks, work)
            await story(bench)
            await bench.until(lambda: not bench.driver.busy, "stop", rule="no_run")

    asyncio.run(told())


def test_assignments_are_trained_one_after_the_other_and_delivered(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: len(bench.run.delivered) == 3)
        assert [trained.outcome for _, trained in bench.run.delivered] == ["finished"] * 3
        assert bench.driver.tokens == sum(assignment.token_budget for assignment, _ in bench.run.delivered)
        assert bench.driver.state.applied == bench.run.start
        assert (bench.driver.tokens_per_s or 0) > 0

    drive(tmp_path, story)


def test_a_version_is_believed_only_by_its_hash(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.run.pretend_hash("ba" * 32)
        await bench.until(lambda: bench.run.mistrusted > 0)
        assert bench.driver.state.applied is None
        assert bench.run.delivered == []

    drive(tmp_path, story)


def test_a_pause_ends_the_assignment_at_its_last_completed_step(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: bench.driver.state.current is not None and bench.driver.state.current.inner_steps > 0)
        await bench.until(lambda: not bench.driver.busy, "stop", rule="disk_low")
        assert len(bench.run.delivered) <= 3
        handed = {assignment.assignment_id for assignment, _ in bench.run.delivered}
        handed |= {assignment.assignment_id for assignment in bench.run.given_back}
        assert handed, "work that was begun comes back as an update or is given back"

    drive(tmp_path, story)


def test_a_killed_worker_is_started_again_and_its_work_is_done_from_the_start(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: bench.driver.state.worker == "training")
        bench.starter.started[0].kill()
        await bench.until(lambda: bench.driver.state.worker == "none")
        assert bench.driver.error is not None
        assert bench.driver.error.error.error_id == "worker.ended"
        bench.clock.advance(2.0)
        await bench.until(lambda: len(bench.run.delivered) == 1)
        assert len(bench.starter.started) == 2
        assert bench.run.delivered[0][1].outcome == "finished"

    drive(tmp_path, story, work=1)


def test_work_that_was_not_begun_is_dropped_with_its_lease(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        offer = DeviceOffer(device="cd" * 16, kind="cpu", tokens_per_s=0, memory_bytes=0)
        begun, waiting = await bench.run.ask_for_work(offer), await bench.run.ask_for_work(offer)
        assert isinstance(begun, Assignment)
        assert isinstance(waiting, Assignment)
        driver = bench.driver
        driver.state = DeviceState(worker="training", current=Work(begun, 0.0), next=Work(waiting, 0.0))
        driver.lease_lost(waiting.assignment_id)
        assert driver.state.next is None
        driver.lease_lost(begun.assignment_id)
        assert driver.state.current is not None, "what is being trained is finished: late work is credited all the same"
        driver.state = DeviceState()

    drive(tmp_path, story)


def test_the_version_with_its_own_update_is_waited_for_until_the_coordinator_says_that_it_is_in_vain(
    tmp_path: Path,
) -> None:
    async def story(bench: Bench) -> None:
        rounds = msgspec.structs.replace(bench.run.manifest.rounds, next_version_wait_milliseconds=10_000)
        bench.run.manifest = msgspec.structs.replace(bench.run.manifest, rounds=rounds)
        await bench.until(lambda: len(bench.run.delivered) == 1)
        first = bench.run.delivered[0][0].assignment_id
        bench.driver.waits_in_vain("another")
        assert bench.driver.state.wait_version is not None
        bench.driver.waits_in_vain(first)
        assert bench.driver.state.wait_version is None
        began = bench.clock.monotonic()
        await bench.until(lambda: len(bench.run.delivered) == 2)
        assert bench.clock.monotonic() - began < 10.0

    drive(tmp_path, story, work=2)


def test_a_run_that_cannot_be_reached_is_asked_again_later(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.run.refusal = UnavailableError("session.not_active")
        await bench.until(lambda: bench.driver.error is not None)
        bench.run.refusal = None
        bench.clock.advance(10.0)
        await bench.until(lambda: len(bench.run.delivered) == 1)

    drive(tmp_path, story, work=1)


def test_a_device_in_use_by_somebody_else_is_left_alone_and_tried_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        with slot_lock("cpu-0", tmp_path / "locks"), slot_lock("cpu-1", tmp_path / "locks"):
            await bench.until(lambda: bench.driver.error is not None)
            assert bench.driver.error is not None
            assert bench.driver.error.error.error_id == "device.busy"
            assert bench.starter.started == []
        bench.clock.advance(60.0)
        await bench.until(lambda: len(bench.run.delivered) == 1)

    drive(tmp_path, story, work=1)


def full_disk(bench: Bench) -> bool:
    """Whether an update stands before a full disk, and says so."""
    error = bench.driver.error
    return error is not None and error.error.error_id == "storage.full"


def test_an_update_waits_for_room_on_a_full_disk_and_is_then_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparewatt.engine.device_assignments.RETRY_SECONDS", 0.01)

    async def story(bench: Bench) -> None:
        bench.run.storage = StorageError("storage.full", folder="outbox")
        await bench.until(lambda: full_disk(bench))
        waiting = bench.driver.state.current
        bench.run.storage = None
        await bench.until(lambda: len(bench.run.delivered) == 2)
        assert waiting is not None
        assert bench.run.delivered[0][0] == waiting.assignment
        assert bench.driver.error is None

    drive(tmp_path, story)


def test_an_engine_can_end_while_an_update_waits_for_room(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.run.storage = StorageError("storage.full", folder="outbox")
        await bench.until(lambda: full_disk(bench))
        async with asyncio.timeout(4):
            await bench.driver.end()
        bench.run.storage = None

    drive(tmp_path, story, work=1)


def in_the_middle(bench: Bench) -> bool:
    current = bench.driver.state.current
    return current is not None and current.inner_steps >= 1


def left_areas(bench: Bench) -> bool:
    return bench.driver._memory.areas is None


def test_an_urgent_stop_frees_the_device_and_brings_home_what_was_completed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: in_the_middle(bench))
        bench.look("stop", urgent=True, rule="game")
        await bench.until(lambda: len(bench.run.delivered) == 1, "stop", urgent=True, rule="game")
        assignment, trained = bench.run.delivered[0]
        assert trained.outcome == "partial"
        assert 1 <= trained.inner_steps < assignment.inner_steps
        assert trained.tokens == trained.inner_steps * assignment.token_budget // assignment.inner_steps
        assert trained.loss_first_micro > 0
        assert len(bench.starter.encoders) == 1
        assert bench.driver.released_milliseconds is not None
        assert bench.driver.error is None, "a worker that was told to go has not failed"
        await bench.until(lambda: left_areas(bench), "stop", urgent=True, rule="game")
        assert bench.run.given_back == [], "the rest is a gap that the update's own size tells of"
        bench.clock.advance(60.0)
        await bench.until(lambda: len(bench.run.delivered) == 2)
        assert bench.run.delivered[1][1].outcome == "finished"

    drive(tmp_path, story, work=2)


def test_on_battery_what_was_completed_waits_and_is_encoded_when_power_is_back(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: in_the_middle(bench))
        await bench.until(lambda: bench.driver.state.worker == "none", "stop", urgent=True, rule="battery")
        for _ in range(20):
            bench.look("stop", urgent=True, rule="battery")
            await asyncio.sleep(0.001)
        assert bench.starter.encoders == []
        assert bench.driver.held_assignments == frozenset(), "its lease may run out meanwhile"
        await bench.until(lambda: len(bench.run.delivered) == 1)
        assert bench.run.delivered[0][1].outcome == "partial"

    drive(tmp_path, story, work=1)


def test_what_waits_longer_than_its_lease_is_a_gap(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: in_the_middle(bench))
        await bench.until(lambda: bench.driver.state.worker == "none", "stop", urgent=True, rule="memory_low")
        bench.clock.advance(600.0)
        await bench.until(lambda: len(bench.run.given_back) == 1, "stop", urgent=True, rule="memory_low")
        await bench.until(lambda: left_areas(bench), "stop", urgent=True, rule="memory_low")
        assert bench.run.delivered == []
        assert bench.starter.encoders == []

    drive(tmp_path, story, work=1)


def test_a_worker_killed_by_the_system_loses_no_completed_step(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: in_the_middle(bench))
        bench.starter.started[0].kill()
        bench.clock.advance(2.0)
        await bench.until(lambda: len(bench.run.delivered) == 1)
        assert bench.run.delivered[0][1].inner_steps >= 1

    drive(tmp_path, story, work=1)


def test_a_worker_whose_permit_stopped_long_ago_is_killed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: bench.driver.state.worker == "training")
        bench.clock.advance(14.0)
        bench.driver.step(decision_at(bench.clock.monotonic()), urgent=False)
        assert bench.driver.state.worker == "training"
        bench.clock.advance(1.5)
        bench.driver.step(decision_at(bench.clock.monotonic()), urgent=False)
        assert bench.driver.state.worker == "stopping"

    drive(tmp_path, story, work=1)


def decision_at(now: float) -> Decision:
    return Decision("cpu", "full", "allowed", (), 100, now)


def test_a_worker_that_is_unwanted_before_it_has_started_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.look()
        assert bench.driver.state.worker == "starting"
        bench.look("stop", urgent=True, rule="paused")
        await bench.until(lambda: bench.driver.state.worker == "none", "stop", urgent=True, rule="paused")

    drive(tmp_path, story, work=1)


def test_a_run_that_does_not_fit_starts_no_worker_until_there_is_room(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.driver.memory_free_bytes = 1_000_000
        await bench.until(lambda: bench.driver.error is not None)
        assert bench.driver.error is not None
        assert bench.driver.error.error.error_id == "device.memory_needed"
        assert bench.driver.error.error.parameters["free_bytes"] == 1_000_000
        assert bench.starter.started == []
        bench.driver.memory_free_bytes = 64 * 2**30
        bench.clock.advance(31.0)
        await bench.until(lambda: len(bench.run.delivered) == 1)
        configured = bench.starter.started[0].frames[0]
        assert isinstance(configured, Configure)
        assert (configured.memory_free_bytes or 0) >= 64 * 2**30

    drive(tmp_path, story, work=1)


def test_the_worker_is_given_the_moments_of_the_version_that_it_trains_from(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        inner = msgspec.structs.replace(bench.run.manifest.inner, state="fresh-shared-v")
        bench.run.manifest = msgspec.structs.replace(bench.run.manifest, inner=inner)
        moments = BlobRef("ee" * 32, 10)
        bench.run.chain = VersionChain((replace(bench.run.chain.steps[0], moments=moments),), fetched=1)
        await bench.until(lambda: len(bench.run.delivered) == 1)
        told = [frame for frame in bench.starter.started[0].frames if isinstance(frame, Train)]
        assert [frame.moments for frame in told] == [str(bench.run.blob_path(moments))]

    drive(tmp_path, story, work=1)


def test_nothing_begins_before_what_an_adapter_stands_on_is_here(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        manifest = bench.run.manifest
        adapter = AdapterSpec(2, 4, ("self_attn.q_proj",))
        bench.run.manifest = msgspec.structs.replace(
            manifest,
            task="causal-lm-lora",
            model=msgspec.structs.replace(manifest.model, adapter=adapter),
            frozen=FrozenBase(BlobRef("f" * 64, 1_000), "e" * 64),
        )
        for _ in range(20):
            bench.clock.advance(1.0)
            bench.look()
            await asyncio.sleep(0.001)
        assert bench.driver.state.worker == "none"
        assert bench.driver.state.current is None
        bench.run.frozen = FrozenFile("frozen", "e" * 64)
        await bench.until(lambda: bench.driver.state.worker != "none" and bench.driver.state.current is not None)

    drive(tmp_path, story)


def test_a_device_that_a_runs_optimiser_is_not_for_takes_no_work_from_others(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        manifest = bench.run.manifest
        optimiser = msgspec.structs.replace(manifest.optimiser, name="adamw-8bit")
        bench.run.manifest = msgspec.structs.replace(manifest, optimiser=optimiser)
        await bench.until(lambda: bench.driver.error is not None)
        assert bench.driver.error is not None
        assert bench.driver.error.error.error_id == "optimiser.device"
        assert bench.driver.state.current is None
        assert bench.starter.started == []
        bench.run.manifest = manifest

    drive(tmp_path, story)


def test_work_that_a_worker_cannot_begin_is_handed_on_at_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.starter.unavailable = Failed("optimiser.library", {"library": "bitsandbytes"}, fatal=True)
        await bench.until(lambda: bool(bench.run.given_back))
        assert bench.driver.error is not None
        assert bench.driver.error.error.error_id == "optimiser.library"
        assert bench.driver.state.current is None
        bench.starter.unavailable = None

    drive(tmp_path, story, work=1)
