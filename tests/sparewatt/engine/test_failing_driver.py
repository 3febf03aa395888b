"""A driver that fails under a computing card, and sensors that lie: the worker leaves, and comes back after them.

The library and the workers are made up; the card's source, the poller, desk, policy, governor and driver are not.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from sparewatt.host.nvidia import NvidiaSource
from sparewatt.host.reading import Reading
from sparewatt.sensing.messages import Devices, Discover, Poll, Readings, Samples, SensorLost
from sparewatt.sensing.poller import Poller
from sparewatt.session.outbox_thread import OutboxThread
from sparewatt.testing.engine_bench import LOOK_S, EngineBench, steer
from sparewatt.testing.nvml import (
    DRIVER_NOT_LOADED,
    LOST,
    NOT_SUPPORTED,
    RESET_REQUIRED,
    UNINITIALIZED,
    VERSION_MISMATCH,
    FakeCard,
    FakeNvml,
)
from sparewatt.wording.rules import rule_words

MAINS = Reading("mains", None, 16 * 2**30, 10**12, 2, 720, seat=True, idle_s=900.0, games=())
# The card is asked once more after 5, 10, 20 ... s, and a stop for heat or sensors lasts a minute at least.
BACK_SECONDS = 400.0


class StillComputer:
    """Nobody uses it, and nothing happens on it."""

    def read(self, unix_s: float, programs: tuple[str, ...], device_of: Callable[[int], str | None]) -> Reading:
        return MAINS

    def delay_sleep(self, *, wanted: bool) -> None:
        pass


class Bench(EngineBench):
    """An engine with a card, whose library a test breaks."""

    def __init__(self, folder: Path, outbox: OutboxThread, tasks: asyncio.TaskGroup) -> None:
        super().__init__(folder, outbox, tasks)
        self.card = FakeCard(milliwatts=200_000)
        self.library = FakeNvml([self.card])
        source = NvidiaSource(self.library.load, lambda _pid: True, folder / "nowhere")
        self.poller = Poller({"cuda": source}, StillComputer())
        self.asked = Poll((), 500)
        self.moves = True
        self._hear(self.poller.due(self.clock.now, 0.0))
        self._hear(self.poller.handle(Discover(), self.clock.now, 0.0))

    def sense(self) -> None:
        if self.moves:
            self.card.energy_millijoules += round(self.card.milliwatts * LOOK_S)
            self.card.fan = 40 + int(self.clock.now) % 3
            self.card.utilisation = 80 + int(self.clock.now) % 10
        if self.sensing._poll != self.asked:
            self.asked = self.sensing._poll
            self._hear(self.poller.handle(self.asked, self.clock.now, 0.0))
        self._hear(self.poller.due(self.clock.now, 0.0))

    def _hear(self, frames: tuple[object, ...]) -> None:
        """As the supervisor hands on what the sensor process says."""
        for frame in frames:
            match frame:
                case Devices():
                    self.sensors.on_devices(frame.devices, frame.faults)
                case Readings():
                    self.sensors.on_reading(frame.reading)
                case Samples():
                    self.sensors.on_samples(frame.samples)
                case SensorLost():
                    self.sensors.on_sensor_lost(frame.fault, frame.retry_s)

    @property
    def computes(self) -> bool:
        paced = self.pacer.pace_of(self.driver.device.device)
        return self.driver.state.worker == "training" and paced is not None and paced.grant == "compute"


async def until_computing(bench: Bench, seconds: float) -> None:
    end = bench.clock.now + seconds
    while not bench.computes:
        assert bench.clock.now < end, bench.told
        await bench.live(LOOK_S)


FAILURES: MappingProxyType[str, Callable[[Bench], None]] = MappingProxyType(
    {
        "unplugged": lambda bench: bench.card.failures.update(
            nvmlDeviceGetMemoryInfo_v2=LOST, nvmlDeviceGetHandleByUUID=LOST
        ),
        "needs a reset": lambda bench: bench.card.failures.update(nvmlDeviceGetMemoryInfo_v2=RESET_REQUIRED),
        "driver updated underneath": lambda bench: bench.library.failures.update(
            nvmlInit=VERSION_MISMATCH, nvmlDeviceGetMemoryInfo_v2=VERSION_MISMATCH
        ),
        "driver unloaded": lambda bench: bench.library.failures.update(
            nvmlInit=DRIVER_NOT_LOADED, nvmlDeviceGetMemoryInfo_v2=UNINITIALIZED
        ),
    }
)  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_a_card_whose_driver_fails_is_left_within_three_seconds_and_taken_up_when_it_is_back(
    tmp_path: Path, failure: str
) -> None:
    async def story(bench: Bench) -> None:
        await until_computing(bench, 60.0)
        FAILURES[failure](bench)
        await bench.live(3.0)
        assert not bench.computes
        assert rule_words(bench.told, {})
        await bench.live(30.0)
        assert bench.driver.state.worker == "none", "a card that does not answer holds nobody's memory"
        assert bench.told in ("sensors_lost", "driver_restarted")
        bench.card.failures.clear()
        bench.library.failures.clear()
        await until_computing(bench, BACK_SECONDS)

    steer(tmp_path, Bench, story)


def power(bench: Bench, milliwatts: int) -> None:
    """From now on the card tells no energy, and this power."""
    bench.card.failures["nvmlDeviceGetTotalEnergyConsumption"] = NOT_SUPPORTED
    bench.card.milliwatts = milliwatts


def celsius(bench: Bench, told: int) -> None:
    bench.card.celsius = told


def freeze(bench: Bench) -> None:
    bench.moves = False


LIES: MappingProxyType[str, tuple[Callable[[Bench], None], float]] = MappingProxyType(
    {
        "no power at all": (lambda bench: power(bench, 0), 3.0),
        "a negative power": (lambda bench: power(bench, -5_000), 3.0),
        "the power of a power station": (lambda bench: power(bench, 4_000_000_000), 3.0),
        "colder than ice": (lambda bench: celsius(bench, -40), 3.0),
        "hotter than any chip": (lambda bench: celsius(bench, 255), 3.0),
        "a leap of sixty kelvins": (lambda bench: celsius(bench, 121), 3.0),
        "everything stands still": (freeze, 63.0),
    }
)


@pytest.mark.parametrize("lie", LIES)
def test_a_card_whose_sensors_lie_computes_nothing_until_they_can_be_believed(tmp_path: Path, lie: str) -> None:
    tell, seconds = LIES[lie]

    async def story(bench: Bench) -> None:
        await until_computing(bench, 60.0)
        await bench.live(10.0)
        tell(bench)
        await bench.live(seconds)
        assert not bench.computes, bench.told
        assert bench.told != "computes"
        bench.card.failures.clear()
        bench.card.milliwatts, bench.card.celsius, bench.moves = 200_000, 61, True
        await until_computing(bench, BACK_SECONDS)

    steer(tmp_path, Bench, story)
