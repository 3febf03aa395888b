"""What a day of games costs the disk: an urgent stop writes a smaller update once, and no checkpoint ever."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.disk_writes import DiskWrites
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


def test_where_models_are_large_fragments_are_left_out_before_the_limit_is_reached() -> None:
    """Every hour an update of 2 GB that could be left out, under a limit of 20 GB a day, for three days."""
    writes, hour, size = DiskWrites(lambda: LIMIT_BYTES // GIGABYTE), 3600.0, 2 * GIGABYTE
    moments = []
    for number in range(3 * GAMES):
        if writes.allows(size, number * hour):
            writes.wrote(size, number * hour)
            moments.append(number * hour)
    for end in range(3 * GAMES):
        within = [moment for moment in moments if end * hour - 24 * hour < moment <= end * hour]
        assert len(within) * size <= LIMIT_BYTES
    assert len(moments) == 30, "ten a day, all that the limit allows"


def test_without_a_limit_everything_is_written() -> None:
    assert DiskWrites().allows(10**15, 0.0)
