"""What the policy is told of a device, from its worker, its samples and its faults."""

from pathlib import Path

import pytest

from sparewatt.engine.decisions import DecisionDesk
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_plan import DeviceState, WorkerState
from sparewatt.engine.device_tools import DeviceTools
from sparewatt.engine.options import EngineOptions
from sparewatt.engine.sensor_desk import SensorDesk
from sparewatt.engine.series import Series
from sparewatt.engine.usage import UsageDesk
from sparewatt.governor import Pace
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.policy import Usage
from sparewatt.sensing.pacer import Pacer
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.testing.clock import ManualClock
from sparewatt.testing.worker import FakeWorkers

CARD = Device("cuda:GPU-1", "cuda", "A card", "gpu-1", 8 * 10**9, slowdown_celsius=93)
MEGABYTE = 1_000_000


class SaidPacer(Pacer):
    """A pacer whose pace a test says."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.said: Pace | None = None

    def pace_of(self, device: str) -> Pace | None:
        return self.said


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.pacer = SaidPacer(self.clock)
        self.desk = DecisionDesk(SettingsStore(folder), IntentsStore(folder), self.clock, EngineOptions(folder))
        self.sensors = SensorDesk(self.desk, self.pacer, Series(), self.clock, lambda _: None, lambda: None)
        self.usage = UsageDesk(self.desk, self.pacer, self.sensors, self.clock)
        tools = DeviceTools(
            clock=self.clock,
            starter=FakeWorkers(),
            pacer=self.pacer,
            spawn=lambda work: work.close(),
            wake=lambda: None,
            work_folder=folder,
            lock_folder=folder,
            cores=1,
        )
        self.driver = DeviceDriver(CARD, tools)
        self.desk.sensors[CARD.device] = "waiting"

    def look(self, worker: WorkerState = "training", others: int | None = None, celsius: float | None = None) -> Usage:
        self.clock.advance(1.0)
        sample = Sample(
            CARD.device,
            self.clock.now,
            memory_others_bytes=None if others is None else others * MEGABYTE,
            temperature_celsius=celsius,
        )
        self.sensors.on_samples((sample,))
        self.driver.state = DeviceState(worker=worker)
        self.usage.look(self.driver)
        return self.usage.of(self.driver, None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_others_take_is_counted_from_the_least_since_the_worker_started(bench: Bench) -> None:
    assert bench.look("none", 900).memory_taken_bytes is None
    assert bench.look("starting", 900).memory_taken_bytes == 0
    assert bench.look("training", 700).memory_taken_bytes == 0
    assert bench.look("training", 1_300).memory_taken_bytes == 600 * MEGABYTE
    assert bench.look("none", 1_300).memory_taken_bytes is None
    assert bench.look("starting", 1_300).memory_taken_bytes == 0


def test_memory_that_nobody_else_held_at_the_start_is_counted_too(bench: Bench) -> None:
    assert bench.look("starting", 0).memory_taken_bytes == 0
    assert bench.look("training", 600).memory_taken_bytes == 600 * MEGABYTE


def test_where_others_cannot_be_seen_nothing_is_said_of_them(bench: Bench) -> None:
    assert bench.look().memory_taken_bytes is None


def test_a_rest_is_counted_from_its_begin(bench: Bench) -> None:
    cooling = Pace("hold", 0.0, "decision", None, cooling=True)
    assert bench.look(celsius=78.6).cooling_s is None
    bench.pacer.said = cooling
    rested = bench.look(celsius=78.6)
    assert (rested.cooling_s, rested.temperature_celsius) == (0.0, 79)
    assert bench.look().cooling_s == 1.0
    bench.pacer.said = None
    assert bench.look().cooling_s is None
    bench.pacer.said = cooling
    assert bench.look().cooling_s == 0.0


@pytest.mark.parametrize(
    ("fault", "restarted"),
    [
        (SensorFault(CARD.device, "sensor.nvidia_lost", {}), True),
        (SensorFault("cuda", "sensor.nvidia_driver_changed", {}), True),
        (SensorFault(CARD.device, "sensor.nvidia", {"code": 5}), False),
    ],
)
def test_a_driver_that_went_away_is_told_from_a_lost_sensor(bench: Bench, fault: SensorFault, restarted: bool) -> None:
    bench.sensors.on_sensor_lost(fault, 5)
    assert bench.usage.of(bench.driver, None).driver_restarted is restarted
    if fault.device == CARD.device:
        assert not bench.look().driver_restarted


def test_which_sensors_a_device_has_is_unknown_before_its_first_sample(bench: Bench) -> None:
    unknown = bench.usage.lent(bench.driver)
    assert (unknown.power_sensor, unknown.temperature_sensor, unknown.slowdown_celsius) == (None, None, 93)
    bench.look()
    bench.pacer.said = Pace("compute", 1.0, None, None, had_power=True)
    known = bench.usage.lent(bench.driver, cap_least_watts=60)
    assert (known.power_sensor, known.temperature_sensor, known.cap_least_watts) == (True, False, 60)
