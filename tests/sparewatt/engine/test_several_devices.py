"""Two devices of one computer, each with a real worker process: what befalls one leaves the other alone."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import numpy as np
import pytest

from sparewatt.clock import SystemClock
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.policy import Compute, Decision, Match
from sparewatt.process.child import environment_for
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.port import WorkerDevice, WorkerFolders
from sparewatt.worker.supervisor import WorkerProcess, WorkerSupervisor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform == "win32", reason="freezes and kills workers by POSIX signals"),
]

SECONDS_MOST = 120


class Starter(WorkerSupervisor):
    """The real one, which remembers whom it started for which folder."""

    def __init__(self) -> None:
        super().__init__(environment_for(os.environ, {}), print)
        self.workers: dict[str, list[int]] = {}

    async def start(self, device: WorkerDevice, areas: WorkerAreas, folders: WorkerFolders) -> WorkerProcess:
        worker = await super().start(device, areas, folders)
        self.workers.setdefault(folders.work.name, []).append(worker.pid)
        return worker


class House:
    """Two devices that are slots of the processor, and a run with work for both."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup) -> None:
        for name in ("blobs", "locks", "first", "second"):
            (folder / name).mkdir()
        np.zeros(256, dtype=np.uint8).tofile(folder / "blobs" / ("aa" * 32))
        self.clock = SystemClock()
        self.pacer = Pacer(self.clock)
        self.starter = Starter()
        self.runs = {name: FakeRunLink(FakeRun(), folder / "blobs", work=10_000) for name in ("first", "second")}
        self._tasks = tasks
        self.drivers = {name: self._driver(name, folder) for name in self.runs}
        self.compute: dict[str, Compute] = dict.fromkeys(self.runs, "full")

    def _driver(self, name: str, folder: Path) -> DeviceDriver:
        tools = DeviceTools(
            clock=self.clock,
            starter=self.starter,
            pacer=self.pacer,
            spawn=self._spawn,
            wake=lambda: None,
            work_folder=folder / name,
            lock_folder=folder / "locks",
            cores=2,
        )
        driver = DeviceDriver(Device(name, "cpu", name, name, None), tools)
        driver.bind(self.runs[name])
        return driver

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.create_task(work)

    def look(self) -> None:
        now = self.clock.monotonic()
        for name, driver in self.drivers.items():
            compute = self.compute[name]
            matches = () if compute == "full" else (Match("game", compute, "essential", {}, None, None),)
            decision = Decision(name, compute, "allowed", matches, 100, now)
            self.pacer.decided(decision)
            self.pacer.sampled(Sample(device=name, t=now))
            driver.step(decision, urgent=compute == "stop")

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MOST):
            while not reached():
                self.look()
                await asyncio.sleep(0.02)

    def delivered(self, name: str) -> int:
        return len(self.runs[name].delivered)


def test_one_worker_is_killed_and_the_other_goes_on(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.until(lambda: all(house.delivered(name) >= 1 for name in house.runs))
        (killed,), (other,) = house.starter.workers["first"], house.starter.workers["second"]
        os.kill(killed, signal.SIGKILL)
        await house.until(lambda: house.drivers["first"].error is not None)
        error = house.drivers["first"].error
        assert error is not None
        assert error.error.error_id == "worker.ended"
        assert error.retry_at is not None
        assert error.retry_at > house.clock.monotonic() - 1.0, "it is started again after a pause, not at once"
        before, first = house.delivered("second"), house.delivered("first")
        await house.until(lambda: house.delivered("second") >= before + 3 and house.delivered("first") >= first + 2)
        assert house.starter.workers["second"] == [other], "the other never noticed"
        assert len(house.starter.workers["first"]) == 2
        assert house.drivers["first"].error is None

    run(tmp_path, story)


def test_a_worker_that_hears_nothing_is_gone_at_an_urgent_stop_all_the_same(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.until(lambda: all(house.delivered(name) >= 1 for name in house.runs))
        (deaf,) = house.starter.workers["first"]
        os.kill(deaf, signal.SIGSTOP)
        house.compute["first"] = "stop"
        await house.until(lambda: house.drivers["first"].state.worker in ("none", "encoding"))
        with pytest.raises(ProcessLookupError):
            os.kill(deaf, 0)
        assert house.drivers["first"].released_milliseconds is not None
        before = house.delivered("second")
        await house.until(lambda: house.delivered("second") > before)

    run(tmp_path, story)


def run(folder: Path, story: Callable[[House], Coroutine[object, object, None]]) -> None:
    async def told() -> None:
        async with asyncio.TaskGroup() as tasks:
            house = House(folder, tasks)
            house.pacer.start()
            try:
                await story(house)
            finally:
                house.compute = dict.fromkeys(house.compute, "stop")
                await house.until(lambda: not any(driver.busy for driver in house.drivers.values()))
                house.pacer.stop()

    asyncio.run(told())
