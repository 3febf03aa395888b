import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from sparewatt.errors import UnavailableError
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.sensing.messages import Devices, Discover, EngineFrame, Poll, Readings, Samples, SensorLost, Sleeping
from sparewatt.sensing.supervisor import SensingSupervisor
from sparewatt.sensing.watch import Watch

CPU = Device("cpu", "cpu", "Processor", "cpu", None)
READING = Reading("mains", None, 1, 1, 0, 0)
LOST = SensorFault("cuda:1", "sensor.nvidia_lost", {})


@dataclass
class SetClock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return self.now


@dataclass
class Child:
    """A sensor process whose frames a test writes; an empty payload is its end."""

    said: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    heard: list[EngineFrame] = field(default_factory=list)
    patience_s: float | None = None

    async def send(self, payload: bytes) -> None:
        self.heard.append(msgspec.json.decode(payload, type=EngineFrame))

    async def frames(self) -> AsyncIterator[bytes]:
        while payload := await self.said.get():
            yield payload

    async def stop(self, *, by_itself_seconds: float, terminate_seconds: float = 1.0) -> object:
        self.patience_s = by_itself_seconds
        return None

    def say(self, frame: Devices | Samples | Readings | Sleeping | SensorLost) -> None:
        self.said.put_nowait(msgspec.json.encode(frame))


@dataclass
class Listener:
    events: list[object] = field(default_factory=list)

    def on_devices(self, devices: tuple[Device, ...], faults: tuple[SensorFault, ...]) -> None:
        self.events.append(devices)

    def on_samples(self, samples: tuple[Sample, ...]) -> None:
        self.events.append(samples)

    def on_reading(self, reading: Reading) -> None:
        self.events.append(reading)

    def on_sleeping(self, coming: bool) -> None:
        self.events.append(("sleeping", coming))

    def on_sensor_lost(self, fault: SensorFault, retry_s: int) -> None:
        self.events.append((fault, retry_s))

    def on_sensing_state(self, watch: Watch) -> None:
        self.events.append(watch.state)


@dataclass
class Bench:
    clock: SetClock = field(default_factory=SetClock)
    listener: Listener = field(default_factory=Listener)
    children: list[Child] = field(default_factory=list)
    unavailable: bool = False

    async def spawn(self) -> Child:
        if self.unavailable:
            raise UnavailableError("child.start", program="python", number=11)
        self.children.append(Child())
        return self.children[-1]


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until something has happened."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def run(work: Callable[[Bench, SensingSupervisor], Awaitable[None]]) -> Bench:
    bench = Bench()

    async def supervised() -> None:
        supervisor = SensingSupervisor(bench.spawn, bench.clock, bench.listener, tick_s=0.001)
        running = asyncio.create_task(supervisor.run())
        try:
            await work(bench, supervisor)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(supervised())
    return bench


def test_it_is_started_asked_for_devices_and_heard() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        await until(lambda: bool(bench.children and bench.children[0].heard))
        assert bench.children[0].heard[0] == Discover()
        bench.children[0].say(Devices((CPU,), ()))
        bench.children[0].say(Readings(READING))
        bench.children[0].say(SensorLost(LOST, 5))
        await until(lambda: (LOST, 5) in bench.listener.events)

    bench = run(work)
    assert bench.listener.events[:5] == ["starting", "running", (CPU,), READING, (LOST, 5)]
    assert bench.children[0].patience_s == 2.0


def test_samples_come_in_the_engines_clock() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        await until(lambda: bool(bench.children))
        bench.clock.now = 100.0
        bench.children[0].say(Samples((Sample("cpu", t=7.0),)))
        await until(lambda: (Sample("cpu", t=100.0),) in bench.listener.events)
        bench.clock.now = 104.0  # the next one was taken 1 s later and lay in the pipe for 3 s
        bench.children[0].say(Samples((Sample("cpu", t=8.0),)))
        await until(lambda: (Sample("cpu", t=101.0),) in bench.listener.events)

    run(work)


def test_what_to_poll_is_sent_once_and_again_after_a_restart() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        supervisor.poll(("cpu",), 500)
        await until(lambda: bool(bench.children and Poll(("cpu",), 500) in bench.children[0].heard))
        supervisor.poll(("cpu",), 500)
        bench.children[0].said.put_nowait(b"")
        await until(lambda: supervisor.watch.state == "failed")
        bench.clock.now = 4.9
        assert len(bench.children) == 1
        bench.clock.now = 5.0
        await until(lambda: len(bench.children) == 2 and Poll(("cpu",), 500) in bench.children[1].heard)
        assert bench.children[0].heard.count(Poll(("cpu",), 500)) == 1

    run(work)


def test_a_coming_sleep_is_handed_on_and_what_computes_is_told_to_the_process() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        supervisor.poll(("cpu",), 500, delay_sleep=True)
        await until(lambda: bool(bench.children and Poll(("cpu",), 500, delay_sleep=True) in bench.children[0].heard))
        bench.children[0].say(Sleeping(True))
        await until(lambda: ("sleeping", True) in bench.listener.events)
        supervisor.poll(("cpu",), 500)
        await until(lambda: Poll(("cpu",), 500) in bench.children[0].heard)
        bench.children[0].say(Sleeping(False))
        await until(lambda: ("sleeping", False) in bench.listener.events)

    run(work)


def test_a_process_that_hangs_while_polling_is_killed_at_once() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        supervisor.poll(("cpu",), 500)
        await until(lambda: bool(bench.children))
        bench.clock.now = 1.0
        bench.children[0].say(Samples((Sample("cpu", t=1.0),)))
        await until(lambda: supervisor.watch.state == "running")
        bench.clock.now = 4.1
        await until(lambda: supervisor.watch.state == "failed")
        assert bench.children[0].patience_s == 0.0

    run(work)


def test_a_process_that_says_nonsense_is_replaced() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        await until(lambda: bool(bench.children))
        bench.children[0].said.put_nowait(b"nonsense")
        await until(lambda: supervisor.watch.state == "failed")

    run(work)


def test_a_system_that_starts_no_process_is_tried_again() -> None:
    async def work(bench: Bench, supervisor: SensingSupervisor) -> None:
        bench.unavailable = True
        await until(lambda: supervisor.watch.state == "failed")
        bench.unavailable = False
        bench.clock.now = 5.0
        await until(lambda: len(bench.children) == 1)

    run(work)
