"""The whole chain from a sensor to a micro-batch, in real processes: a sensor process that freezes stops the worker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import numpy as np
import psutil
import pytest

from sparewatt.clock import SystemClock
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.errors import UnavailableError
from sparewatt.governor import SAMPLE_AGE_MOST_S, Facts, Pace, pace
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.permit import EXPIRED_SECONDS, FRESH_SECONDS, Grant, PermitKind
from sparewatt.policy import Compute, Decision
from sparewatt.process.child import Child, ChildCommand, environment_for
from sparewatt.process.child import start as start_child
from sparewatt.sensing.pacer import Advance, Pacer
from sparewatt.sensing.supervisor import SensingSupervisor
from sparewatt.sensing.watch import Watch
from sparewatt.testing.run import FakeRun
from sparewatt.testing.run_link import FakeRunLink
from sparewatt.testing.timed_worker import leaves
from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.messages import EngineFrame, Progress
from sparewatt.worker.port import StopHow, Worker, WorkerDevice, WorkerEvent, WorkerExited, WorkerFolders
from sparewatt.worker.supervisor import WorkerSupervisor

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

CPU = Device("cpu", "cpu", "Processor", "cpu-frozen", None)
LAST_SAMPLE_SECONDS = 3.0
SECONDS_MOST = 120


class HeardWorker:
    """A real worker; what it says is noted with the time."""

    def __init__(self, worker: Worker, said: list[tuple[float, WorkerEvent]], clock: SystemClock) -> None:
        self._worker = worker
        self._said = said
        self._clock = clock

    async def send(self, frame: EngineFrame) -> None:
        await self._worker.send(frame)

    async def events(self) -> AsyncIterator[WorkerEvent]:
        async for event in self._worker.events():
            self._said.append((self._clock.monotonic(), event))
            yield event

    async def stop(self, how: StopHow) -> None:
        await self._worker.stop(how)


class HeardWorkers:
    """Starts real workers that are heard."""

    def __init__(self, clock: SystemClock) -> None:
        program = (sys.executable, "-P", "-m", "sparewatt.testing.timed_worker")
        self._real = WorkerSupervisor(environment_for(os.environ, {}), print, program)
        self.said: list[tuple[float, WorkerEvent]] = []
        self.clock = clock

    async def start(self, device: WorkerDevice, areas: WorkerAreas, folders: WorkerFolders) -> HeardWorker:
        return HeardWorker(await self._real.start(device, areas, folders), self.said, self.clock)

    async def start_encoder(self, areas: WorkerAreas, folders: WorkerFolders) -> HeardWorker:
        return HeardWorker(await self._real.start_encoder(areas, folders), self.said, self.clock)


class TimedPacer(Pacer):
    """Notes each leave to compute: the moment of its look, its sample's, and the moment when the permit was written.

    What lies between look and writing is the computer's slowness, which no test may depend on.
    """

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock, govern=self._noted)
        self._now = clock.monotonic
        self._seen = (0.0, 0.0)
        self.granted: list[tuple[float, float, float]] = []

    def _noted(
        self, decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
    ) -> Pace:
        if sample is not None:
            self._seen = (now, sample.t)
        return pace(decision, sample, previous, now, facts)

    def attach(self, device: str, advance: Advance, resumed: Callable[[], None] | None = None) -> None:
        def noted(grant: Grant) -> None:
            advance(grant)
            if grant.kind is PermitKind.COMPUTE:
                self.granted.append((*self._seen, self._now()))

        super().attach(device, noted, resumed)


class Chain:
    """Sensor process, supervisor, pacer, permit, driver and worker, all of them the real ones."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup) -> None:
        for name in ("blobs", "locks", "work", "data"):
            (folder / name).mkdir()
        np.zeros(256, dtype=np.uint8).tofile(folder / "blobs" / ("aa" * 32))
        self.clock = SystemClock()
        self.pacer = TimedPacer(self.clock)
        self.workers = HeardWorkers(self.clock)
        self.sampled_s: list[float] = []
        self.compute: Compute = "full"
        self.sensor_pid: int | None = None
        self._folder = folder
        self.work_folder = folder / "work"
        self._tasks = tasks
        self.sensing = SensingSupervisor(self._start_sensing, self.clock, self)
        self.driver = DeviceDriver(
            CPU,
            DeviceTools(
                clock=self.clock,
                starter=self.workers,
                pacer=self.pacer,
                spawn=self._spawn,
                wake=lambda: None,
                work_folder=folder / "work",
                lock_folder=folder / "locks",
                cores=2,
            ),
        )
        self.driver.bind(FakeRunLink(FakeRun(), folder / "blobs", work=1_000_000))

    async def _start_sensing(self) -> Child:
        if self.sensor_pid is not None:
            # A second one would bring the samples back; what is looked at here is that they stay away.
            raise UnavailableError("child.start", program="sensing", reason="only one")
        command = ChildCommand(
            (sys.executable, "-P", "-m", "sparewatt.sensing", str(self._folder / "data")),
            environment_for(os.environ, {}),
        )
        child = await start_child(command, print)
        self.sensor_pid = child.pid
        return child

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.create_task(work)

    # What the supervisor tells

    def on_devices(self, devices: tuple[Device, ...], faults: tuple[SensorFault, ...]) -> None:
        pass

    def on_samples(self, samples: tuple[Sample, ...]) -> None:
        for sample in samples:
            self.sampled_s.append(sample.t)
            self.pacer.sampled(sample)

    def on_reading(self, reading: Reading) -> None:
        pass

    def on_sleeping(self, coming: bool) -> None:
        pass

    def on_sensor_lost(self, fault: SensorFault, retry_s: int) -> None:
        pass

    def on_sensing_state(self, watch: Watch) -> None:
        pass

    # The engine's loop

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MOST):
            while not reached():
                decision = Decision("cpu", self.compute, "allowed", (), 100, self.clock.monotonic())
                self.pacer.decided(decision)
                self.driver.step(decision, urgent=self.compute == "stop")
                await asyncio.sleep(0.05)

    def steps(self) -> list[tuple[float, Progress]]:
        return [(at, event) for at, event in self.workers.said if isinstance(event, Progress)]

    def exits(self) -> list[tuple[float, WorkerExited]]:
        return [(at, event) for at, event in self.workers.said if isinstance(event, WorkerExited)]


def test_a_frozen_sensor_process_stops_the_worker_within_three_seconds_and_ends_it_after_ten(tmp_path: Path) -> None:
    # All processes of a computer share its monotonic clock, so their notes can be compared.
    assert LAST_SAMPLE_SECONDS == SAMPLE_AGE_MOST_S + FRESH_SECONDS

    async def story(chain: Chain) -> None:
        chain.sensing.poll(("cpu",), 500)
        await chain.until(lambda: len(chain.steps()) >= 5)
        assert chain.sensor_pid is not None
        psutil.Process(chain.sensor_pid).suspend()
        await chain.until(lambda: bool(chain.exits()))
        chain.compute = "stop"
        last_sample = chain.sampled_s[-1]
        assert max(looked - sample for looked, sample, _ in chain.pacer.granted) <= SAMPLE_AGE_MOST_S
        looked, _, written = chain.pacer.granted[-1]
        last_leave = leaves(chain.work_folder)[-1]
        assert last_leave <= written + FRESH_SECONDS
        assert last_leave - (written - looked) <= last_sample + LAST_SAMPLE_SECONDS
        (ended, exited), *others = chain.exits()
        assert others == []
        assert exited.reason == "permit_expired", "it ends by itself, before the driver has to kill it"
        assert ended - last_sample >= EXPIRED_SECONDS - 1.0, "a short silence costs no worker"

    run(tmp_path, story)


def run(folder: Path, story: Callable[[Chain], Coroutine[object, object, None]]) -> None:
    async def told() -> None:
        async with asyncio.TaskGroup() as tasks:
            chain = Chain(folder, tasks)
            chain.pacer.start()
            sensing = tasks.create_task(chain.sensing.run())
            try:
                await story(chain)
            finally:
                chain.compute = "stop"
                await chain.until(lambda: not chain.driver.busy)
                chain.pacer.stop()
                sensing.cancel()

    asyncio.run(told())
