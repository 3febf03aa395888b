"""Work that is stopped goes on where it stopped, in this engine or the next one."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_saving import ends_soon, resume_seconds
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.disk_writes import DiskWrites, Ledger
from sparewatt.engine.work_folder import left_checkpoints
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.policy import Compute, Decision, Match
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.worker import FakeWorkers
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import CodecSpec, InnerSpec
from sparewatt.work.version import VersionId
from sparewatt.worker.checkpoint import CHECKPOINT
from sparewatt.worker.messages import Train
from sparewatt.worker.residual_file import NAME, RESIDUAL

CPU = Device(device="cpu", kind="cpu", name="Processor", slot="cpu-test", memory_bytes=None)
CARD = msgspec.structs.replace(CPU, kind="cuda", name="A card", slot="card-test")
STEPS = 12
FEEDBACK = CodecSpec("topk", "decay", kept=64, decay_micro=950_000)


def decision(compute: Compute, rule: str | None, until_unix_s: int | None = None, now: float = 0.0) -> Decision:
    matches = () if rule is None else (Match(rule, compute, "essential", {}, until_unix_s, None),)
    return Decision("cpu", compute, "allowed", matches, 100, now)


class Bench:
    """A run with one long assignment, and engines that follow one another on the same folder."""

    def __init__(
        self, folder: Path, tasks: asyncio.TaskGroup, codec: CodecSpec | None = None, optimiser: str = "adamw"
    ) -> None:
        for name in ("blobs", "work", "locks"):
            (folder / name).mkdir()
        self.folder = folder
        self.clock = ManualClock()
        self.written: list[int] = []
        self.disk = DiskWrites(lambda: Ledger(10**9, sum(self.written)), self.written.append)
        run = FakeRun()
        run.manifest = msgspec.structs.replace(
            run.manifest,
            inner=InnerSpec(STEPS, 2, "fresh"),
            codec=codec or run.manifest.codec,
            optimiser=msgspec.structs.replace(run.manifest.optimiser, name=optimiser),
        )
        self._device = CARD if run.manifest.optimiser.eight_bit else CPU
        self.run = FakeRunLink(run, folder / "blobs", work=1)
        self._tasks = tasks
        self.engine()

    def engine(self) -> None:
        """A new engine, after the last one ended or was killed."""
        self.pacer = Pacer(self.clock)
        self.starter = FakeWorkers(step_seconds=0.01)
        left = sorted((self.folder / "work").glob("*.checkpoint"))
        tools = DeviceTools(
            clock=self.clock,
            starter=self.starter,
            pacer=self.pacer,
            spawn=self._tasks.create_task,
            wake=lambda: None,
            work_folder=self.folder / "work",
            lock_folder=self.folder / "locks",
            cores=2,
            disk_writes=self.disk,
            left_checkpoint=left[0] if left else None,
        )
        self.driver = DeviceDriver(self._device, tools)
        self.driver.bind(self.run)

    def killed(self) -> None:
        """The engine and its worker are gone, as by a power cut; what it was given is still noted."""
        current = self.driver.state.current
        assert current is not None
        self.run.left[current.assignment.assignment_id] = current.assignment
        for worker in self.starter.started:
            worker.kill()

    def look(self, compute: Compute, rule: str | None, until_unix_s: int | None) -> None:
        now = self.clock.monotonic()
        self.pacer.decided(decision(compute, None, now=now))
        self.pacer.sampled(Sample(device="cpu", t=now))
        self.driver.step(decision(compute, rule, until_unix_s, now), urgent=False)
        self.pacer.tick()

    async def until(
        self,
        reached: Callable[[], bool],
        compute: Compute = "full",
        rule: str | None = None,
        until_unix_s: int | None = None,
    ) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self.clock.advance(0.01)
                self.look(compute, rule, until_unix_s)
                await asyncio.sleep(0.001)

    async def begin(self) -> None:
        """Into the middle of the assignment."""
        await self.until(lambda: self.inner_steps >= 4)

    async def stopped(self, rule: str | None = "outside_hours", until_unix_s: int | None = None) -> None:
        await self.until(lambda: self.driver.state.worker == "none", "stop", rule, until_unix_s)

    @property
    def inner_steps(self) -> int:
        current = self.driver.state.current
        return 0 if current is None else current.inner_steps

    @property
    def checkpoints(self) -> list[Path]:
        return list((self.folder / "work").glob("*.checkpoint"))

    @property
    def resumed(self) -> list[bool]:
        """Of every training that a worker of this engine was told to begin."""
        return [frame.resume for worker in self.starter.started for frame in worker.frames if isinstance(frame, Train)]

    async def finished(self) -> None:
        await self.until(lambda: bool(self.run.delivered) and not self.checkpoints)
        ((assignment, trained),) = self.run.delivered
        assert (trained.outcome, trained.inner_steps) == ("finished", STEPS)
        assert trained.tokens == assignment.token_budget


def drive(
    folder: Path,
    story: Callable[[Bench], Coroutine[object, object, None]],
    codec: CodecSpec | None = None,
    optimiser: str = "adamw",
) -> None:
    async def told() -> None:
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(folder, tasks, codec, optimiser)
            await story(bench)
            await bench.until(lambda: not bench.driver.busy, "stop", "no_run")

    asyncio.run(told())


def test_a_pause_costs_no_inner_step(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        done = bench.inner_steps
        assert done >= 4
        assert [CHECKPOINT.read_header(path).inner_steps for path in bench.checkpoints] == [done]
        assert bench.run.delivered == []
        assert len(bench.driver.held_assignments) == 1, "its lease is kept meanwhile"
        await bench.until(lambda: bench.driver.state.worker == "training")
        assert bench.inner_steps >= done
        await bench.finished()
        assert bench.resumed == [False, True]
        assert bench.driver.tokens == bench.run.delivered[0][0].token_budget

    drive(tmp_path, story)


def test_a_pause_that_lasts_ends_the_assignment_as_a_smaller_update(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        current = bench.driver.state.current
        assert current is not None
        bench.clock.advance(resume_seconds(current.assignment))
        await bench.until(lambda: not bench.driver.busy and not bench.checkpoints, "stop", "outside_hours")
        ((_, trained),) = bench.run.delivered
        assert trained.outcome == "partial"
        assert 4 <= trained.inner_steps < STEPS

    drive(tmp_path, story)


@pytest.mark.parametrize("rule", ["no_run", "disk_low", "battery", "outside_hours"])
def test_where_waiting_would_be_in_vain_the_smaller_update_is_made_at_once(tmp_path: Path, rule: str) -> None:
    """The hours begin again tomorrow; on battery nothing may be encoded later; a full disk takes no checkpoint."""

    async def story(bench: Bench) -> None:
        await bench.begin()
        tomorrow = round(bench.clock.unix()) + 80_000 if rule == "outside_hours" else None
        await bench.stopped(rule, tomorrow)
        ((_, trained),) = bench.run.delivered
        assert trained.outcome == "partial"
        assert bench.checkpoints == []

    drive(tmp_path, story)


def test_an_optimiser_of_eight_bits_leaves_no_checkpoint_but_a_smaller_update(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        ((_, trained),) = bench.run.delivered
        assert trained.outcome == "partial"
        assert trained.inner_steps >= 4
        assert bench.checkpoints == []
        assert bench.driver.error is None, "nothing is lost, so nothing is said"

    drive(tmp_path, story, optimiser="adamw-8bit")


def test_work_that_waits_is_brought_home_when_its_run_is_left(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        await bench.until(lambda: not bench.driver.busy and not bench.checkpoints, "stop", "no_run")
        assert [trained.outcome for _, trained in bench.run.delivered] == ["partial"]

    drive(tmp_path, story)


def test_a_checkpoint_of_another_run_is_left_alone(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        bench.killed()
        own, bench.run.run = bench.run.run, "cd" * 32
        bench.engine()
        await bench.until(lambda: bench.driver.state.ask_at > 0)
        assert len(bench.checkpoints) == 1
        assert bench.driver.error is None
        await bench.driver.end()
        bench.run.run = own
        bench.engine()
        await bench.finished()

    drive(tmp_path, story)


def test_an_engine_that_was_killed_in_a_pause_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        done = bench.inner_steps
        bench.killed()
        assert left_checkpoints([tmp_path / "work"]) == set(bench.run.left)
        bench.engine()
        await bench.until(lambda: bench.driver.state.current is not None)
        assert bench.inner_steps == done
        await bench.finished()
        assert bench.resumed == [True]

    drive(tmp_path, story)


def test_where_the_pause_outlasts_the_killed_engine_the_next_one_sends_what_was_done(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        done = bench.inner_steps
        bench.killed()
        bench.engine()
        await bench.until(lambda: bench.driver.state.current is not None, "stop", "outside_hours")
        current = bench.driver.state.current
        assert current is not None
        bench.clock.advance(resume_seconds(current.assignment))
        await bench.until(lambda: not bench.driver.busy and not bench.checkpoints, "stop", "outside_hours")
        ((_, trained),) = bench.run.delivered
        assert (trained.outcome, trained.inner_steps, trained.base) == ("partial", done, bench.run.start)
        assert len(bench.starter.encoders) == 1, "no device was touched for it"

    drive(tmp_path, story)


def test_what_others_have_meanwhile_is_forgotten(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        bench.killed()
        bench.run.lost = set(bench.run.left)
        bench.engine()
        await bench.until(lambda: bench.driver.state.current is not None)
        await bench.until(lambda: bench.driver.state.current is None and not bench.checkpoints)
        assert bench.resumed == []
        assert bench.run.delivered == []

    drive(tmp_path, story)


@pytest.mark.parametrize(
    ("damage", "error_id"),
    [
        (lambda data: data[: len(data) // 2], "kept.damaged"),
        (lambda data: data[:10], "kept.damaged"),
        (lambda data: b"", "kept.damaged"),
    ],
)
def test_a_damaged_checkpoint_is_said_in_words_and_costs_nothing_else(
    tmp_path: Path, damage: Callable[[bytes], bytes], error_id: str
) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        bench.killed()
        (path,) = bench.checkpoints
        path.write_bytes(damage(path.read_bytes()))
        said = []
        bench.engine()

        def over() -> bool:
            if bench.driver.error is not None:
                said.append(bench.driver.error.error.error_id)
            return bool(bench.run.delivered or bench.run.given_back)

        await bench.until(over)
        assert error_id in said
        await bench.until(lambda: not bench.checkpoints)
        if bench.run.delivered:
            await bench.finished()

    drive(tmp_path, story)


def test_a_version_that_is_gone_means_beginning_anew(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped()
        bench.killed()
        (path,) = bench.checkpoints
        other = replace_base(path)
        bench.engine()
        said = []

        def finished() -> bool:
            if bench.driver.error is not None:
                said.append(bench.driver.error.error.error_id)
            return bool(bench.run.delivered)

        await bench.until(finished)
        assert "kept.base_gone" in said
        assert other.sha256 != bench.run.start.sha256
        await bench.finished()
        assert bench.resumed == [False]

    drive(tmp_path, story)


def replace_base(path: Path) -> VersionId:
    """The same checkpoint, but of a version whose blobs do not lead to its hash."""
    coordinates = CHECKPOINT.read_header(path).coordinates
    arrays = [memoryview(bytearray(4 * coordinates)) for _ in range(3)]
    header = CHECKPOINT.read(path, arrays)
    base = msgspec.structs.replace(header.base, sha256="ba" * 32)
    CHECKPOINT.write(path, msgspec.structs.replace(header, base=base), arrays)
    return base


def test_an_engine_that_ends_keeps_what_is_hardly_begun_and_sends_what_is_worth_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: bench.inner_steps == 1)
        await bench.driver.end()
        assert len(bench.checkpoints) == 1
        assert bench.run.delivered == []
        bench.run.left = {f"{1:032x}": await again(bench)}
        bench.engine()
        await bench.begin()
        await bench.driver.end()
        ((_, trained),) = bench.run.delivered
        assert trained.outcome == "partial"

    drive(tmp_path, story)


async def again(bench: Bench) -> Assignment:
    """The only assignment of the run, as the outbox would have noted it."""
    run = FakeRun()
    run.manifest = bench.run.manifest
    (bench.folder / "other").mkdir(exist_ok=True)
    offer = DeviceOffer(device=bench.run.device_name("cpu"), kind="cpu", tokens_per_s=0, memory_bytes=0)
    work = await FakeRunLink(run, bench.folder / "other", work=1).ask_for_work(offer)
    assert isinstance(work, Assignment)
    return work


def test_checkpoints_are_written_at_intervals_while_the_work_goes_on(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.until(lambda: bench.inner_steps == 2)
        assert bench.checkpoints == []
        for _ in range(1_801):
            # Half an hour in which the worker gets no turn; in longer steps its permit would look abandoned.
            bench.clock.advance(1.0)
            bench.look("full", None, None)
        await bench.until(lambda: bool(bench.checkpoints))
        bench.killed()
        bench.engine()
        await bench.finished()
        assert bench.resumed == [True]

    drive(tmp_path, story)


def test_a_checkpoint_that_does_not_fit_the_day_is_not_written(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.written.append(10**9 - 1_000)
        await bench.begin()
        await bench.stopped()
        assert bench.checkpoints == []
        assert [trained.outcome for _, trained in bench.run.delivered] == ["partial"]

    drive(tmp_path, story)


def test_the_residual_outlives_the_engine_but_not_its_own_change(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped("no_run")
        file = tmp_path / "work" / NAME
        await bench.until(file.exists, "stop", "no_run")
        assert RESIDUAL.read_header(file).mark.generation == 1
        await bench.driver.end()
        first = bench.run.delivered[0][1]

        bench.run.work = 2
        bench.engine()
        await bench.until(lambda: len(bench.run.delivered) == 2)
        second = bench.run.delivered[1][1]
        assert second.residual_before_root == first.residual_after_root, "it is the one that was kept"
        assert not file.exists(), "an engine that is killed now is followed by one without a residual"

    drive(tmp_path, story, FEEDBACK)


def test_nothing_of_a_run_stays_when_it_is_left(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.begin()
        await bench.stopped("no_run")
        file = tmp_path / "work" / NAME
        await bench.until(file.exists, "stop", "no_run")
        await bench.driver.forget_run("ab" * 32)
        assert file.exists(), "it is another run's"
        await bench.driver.forget_run(bench.run.run)
        assert not file.exists()

    drive(tmp_path, story, FEEDBACK)


def test_a_pause_is_worth_waiting_for_unless_it_is_known_to_last() -> None:
    assert ends_soon(decision("full", None), 100.0)
    assert ends_soon(decision("stop", "contribution_off"), 100.0)
    assert ends_soon(decision("stop", "cooling", 100), 100.0)
    assert not ends_soon(decision("stop", "outside_hours", 101), 100.0)
    assert not ends_soon(decision("stop", "no_run"), 100.0)
    both = replace(
        decision("stop", "outside_hours", 101),
        matches=(*decision("full", "metered", 10**9).matches, *decision("stop", "cooling", 50).matches),
    )
    assert ends_soon(both, 100.0), "only what stops the work counts"
