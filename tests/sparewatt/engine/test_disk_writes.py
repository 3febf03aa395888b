"""What a day of games costs the disk: an urgent stop writes a smaller update once, and no checkpoint ever."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.disk_writes import DAY_SECONDS, DiskWrites, Ledger, Use, interval_seconds, may_write
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.numeric.codec import update_bytes_most
from sparewatt.policy import Compute, Decision, Match
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.worker import FakeWorkers
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.model import parameter_count
from sparewatt.worker.checkpoint import checkpoint_bytes
from sparewatt.worker.residual_file import residual_bytes

GAMES = 24
GIGABYTE = 10**9
# The default of `disk_write_limit_gb_per_day`.
LIMIT_BYTES = 20 * GIGABYTE


class Day:
    """A device whose person begins a game every hour, while it trains."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup) -> None:
        for name in ("blobs", "work", "locks"):
            (folder / name).mkdir()
        self.work_folder = folder / "work"
        self.clock = ManualClock()
        self.pacer = Pacer(self.clock)
        self.run = FakeRunLink(FakeRun(), folder / "blobs", work=10_000)
        self._tasks = tasks
        self._seen: set[tuple[str, int]] = set()
        self.written_bytes = 0
        tools = DeviceTools(
            clock=self.clock,
            starter=FakeWorkers(step_seconds=0.005),
            pacer=self.pacer,
            spawn=self._spawn,
            wake=lambda: None,
            work_folder=self.work_folder,
            lock_folder=folder / "locks",
            cores=2,
        )
        self.driver = DeviceDriver(Device("cpu", "cpu", "Processor", "cpu", None), tools)
        self.driver.bind(self.run)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.create_task(work)

    async def look(self, compute: Compute) -> None:
        self.clock.advance(0.01)
        now = self.clock.monotonic()
        matches = () if compute == "full" else (Match("game", compute, "essential", {}, None, None),)
        decision = Decision("cpu", compute, "allowed", matches, 100, now)
        self.pacer.decided(decision)
        self.pacer.sampled(Sample(device="cpu", t=now))
        self.driver.step(decision, urgent=compute == "stop")
        self.pacer.tick()
        await asyncio.sleep(0.001)
        self._count_writes()

    def _count_writes(self) -> None:
        """Every file of the work folder, once for each time it was written."""
        for file in self.work_folder.iterdir():
            try:
                status = file.stat()
            except FileNotFoundError:  # it was renamed meanwhile
                continue
            if (file.name, status.st_mtime_ns) not in self._seen:
                self._seen.add((file.name, status.st_mtime_ns))
                self.written_bytes += status.st_size

    async def game(self) -> int:
        """Train into the middle of an assignment, play, come back; inner steps that were kept."""
        async with asyncio.timeout(30):
            while self.driver.state.current is None or not 1 <= self.driver.state.current.inner_steps < 4:
                await self.look("full")
            before = len(self.run.delivered)
            while self.driver.busy:
                await self.look("stop")
        self.clock.advance(3600.0)
        return sum(trained.inner_steps for _, trained in self.run.delivered[before:])


def test_a_day_of_hourly_games_stays_far_below_the_limit(tmp_path: Path) -> None:
    async def told() -> None:
        async with asyncio.TaskGroup() as tasks:
            day = Day(tmp_path, tasks)
            kept = [await day.game() for _ in range(GAMES)]
            assert all(steps >= 1 for steps in kept), "each game left a smaller update"
            one = update_bytes_most(CodecSpec("int8", "none"), parameter_count(day.run.manifest.model))
            written = len(day.run.delivered)
            assert 0 < day.written_bytes <= (written + 1) * one, "payloads, each once, and nothing else"
            assert all(file.suffix == ".payload" for file in day.work_folder.iterdir())

    asyncio.run(told())


@dataclass(frozen=True)
class Model:
    """Sizes of a real model, and what it moves: an assignment of five minutes, each with a version and an update.

    Attributes:
        parameters: of which an update holds 64, and a patch 512, of 4,096.
    """

    parameters: int

    @property
    def update(self) -> int:
        return update_bytes_most(CodecSpec("topk", "decay", kept=64, decay_micro=950_000), self.parameters)

    @property
    def patch(self) -> int:
        # 0.81 bit a coordinate.
        return self.parameters * 81 // 800

    @property
    def checkpoint(self) -> int:
        return checkpoint_bytes(self.parameters) + residual_bytes(self.parameters)


@dataclass
class Disk:
    """A disk under the production rules, with everything written to it."""

    limit: int | None = LIMIT_BYTES
    writes: list[tuple[float, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = 0.0
        self.rules = DiskWrites(self._ledger, lambda size: self.write(size, "optional"))

    def _ledger(self) -> Ledger:
        midnight = self.now - self.now % DAY_SECONDS
        return Ledger(self.limit, sum(size for moment, size, _ in self.writes if moment >= midnight))

    def write(self, size: int, what: str) -> None:
        self.writes.append((self.now, size, what))

    def day(self, number: int) -> int:
        begin = number * DAY_SECONDS
        return sum(size for moment, size, _ in self.writes if begin <= moment < begin + DAY_SECONDS)

    @property
    def full(self) -> bool:
        """Whether the policy's rule `disk_writes` lets nothing compute until midnight."""
        return self._ledger().written_bytes >= LIMIT_BYTES

    def may(self, size: int, use: Use) -> bool:
        return self.rules.may_write(size, self.now, use)


DAYS = 3
MINUTE = 60.0


def gaming(model: Model, pause_at_minute: int, how: Literal["urgent", "relaxed"]) -> Disk:
    """Three days in which every hour something stops the work for a quarter of an hour, in the midst of an assignment.

    Every five minutes of work a version is received and an update written; a stop leaves what it may leave, and the
    residual is written when the memory is given back.
    """
    disk = Disk()
    for minute in range(round(DAYS * DAY_SECONDS / MINUTE)):
        disk.now = minute * MINUTE
        within = (minute - pause_at_minute) % 60
        if within == 0 and how == "urgent" and disk.may(model.update, "fragment"):
            disk.rules.wrote(model.update)
        if within == 0 and how == "relaxed":
            if disk.may(model.checkpoint, "stop"):
                disk.rules.checkpoint(model.checkpoint, disk.now)
            elif disk.may(model.update, "fragment"):
                disk.rules.wrote(model.update)
            if disk.may(residual_bytes(model.parameters), "residual"):
                disk.rules.wrote(residual_bytes(model.parameters))
        if within < 15 or disk.full:
            continue
        if disk.may(model.checkpoint, "interval") and within % 30 == 29:
            disk.rules.checkpoint(model.checkpoint, disk.now)
        if within % 5 == 0:
            disk.write(model.patch + model.update, "needed")
    return disk


MODELS = {"125 M": Model(125_000_000), "1 B": Model(1_000_000_000)}


@pytest.mark.parametrize("how", ["urgent", "relaxed"])
@pytest.mark.parametrize("name", MODELS)
def test_a_day_of_hourly_gaming_stays_within_the_limit(name: str, how: Literal["urgent", "relaxed"]) -> None:
    model = MODELS[name]
    for pause_at_minute in (0, 7, 31, 59):
        disk = gaming(model, pause_at_minute, how)
        assert any(what == "optional" for _, _, what in disk.writes)
        for day in range(DAYS):
            assert 0 < disk.day(day) <= LIMIT_BYTES + model.patch + model.update


def test_without_the_rules_such_a_day_would_break_the_limit() -> None:
    model, disk = MODELS["1 B"], Disk(limit=None)
    for hour in range(24):
        disk.now = hour * 3_600.0
        assert disk.may(model.checkpoint, "stop")
        disk.rules.checkpoint(model.checkpoint, disk.now)
    assert disk.day(0) > 10 * LIMIT_BYTES


SIZES = st.integers(0, 40 * GIGABYTE)
LEDGERS = st.builds(
    Ledger,
    limit_bytes=st.integers(GIGABYTE, 100 * GIGABYTE),
    written_bytes=st.integers(0, 120 * GIGABYTE),
    checkpoint_s=st.none() | st.floats(0, 10**6),
)


@given(
    size=SIZES,
    ledger=LEDGERS,
    later=st.floats(0, 10**6),
    use=st.sampled_from(["fragment", "residual", "stop", "interval"]),
)
def test_nothing_that_can_be_left_out_goes_beyond_the_limit(size: int, ledger: Ledger, later: float, use: Use) -> None:
    assert ledger.limit_bytes is not None
    now = (ledger.checkpoint_s or 0.0) + later
    if may_write(size, ledger, now, use):
        assert ledger.written_bytes + size <= ledger.limit_bytes
        if use != "fragment":
            assert 4 * (ledger.written_bytes + size) <= 3 * ledger.limit_bytes, "a quarter is left for what is needed"
            assert may_write(size, replace(ledger, checkpoint_s=None), now, use)
        if use in ("stop", "interval"):
            assert ledger.checkpoint_s is None or now - ledger.checkpoint_s >= 600.0
        assert use != "interval" or may_write(size, ledger, now, "stop"), "intervals are the longer ones"
    assert may_write(size, None, now, use) == (use == "fragment"), "an account that cannot be read may be used up"


def test_checkpoints_keep_apart_by_their_size() -> None:
    assert interval_seconds(GIGABYTE // 100, LIMIT_BYTES, "stop") == 600.0
    assert interval_seconds(GIGABYTE // 100, LIMIT_BYTES, "interval") == 1_800.0
    assert interval_seconds(2 * GIGABYTE, LIMIT_BYTES, "stop") == DAY_SECONDS / 10
    assert interval_seconds(2 * GIGABYTE, None, "interval") == 1_800.0


def test_without_a_limit_everything_is_written() -> None:
    assert DiskWrites().may_write(10**15, 0.0, "fragment")
    assert DiskWrites().may_write(10**15, 0.0, "interval")
