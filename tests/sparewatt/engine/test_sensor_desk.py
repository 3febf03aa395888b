"""What the engine makes of what its sensors say."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from msgspec.structs import replace

from sparewatt.engine.decisions import DecisionDesk, SensorState
from sparewatt.engine.sensor_desk import SensorDesk
from sparewatt.engine.series import Series
from sparewatt.host.device import Device
from sparewatt.host.reading import Game, Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.sensing.pacer import Pacer
from sparewatt.testing.clock import ManualClock

CARD = "cuda:1"
READING = Reading("mains", 80, 10**9, 10**9, 0, 0, idle_s=100.0)
LOST = SensorFault(CARD, "sensor.nvidia_lost", {})
WAITS = SensorFault("cuda", "sensor.waits_for_mains", {}, absent=True)


@dataclass
class Decisions:
    """The part of a decision desk that is told of sensors."""

    reading: Reading | None = None
    sensors: dict[str, SensorState] = field(default_factory=lambda: {CARD: "waiting"})


@dataclass
class Bench:
    decisions: Decisions = field(default_factory=Decisions)
    found: list[tuple[Device, ...]] = field(default_factory=list)
    woken: int = 0

    def __post_init__(self) -> None:
        clock = ManualClock()
        desk = cast(DecisionDesk, self.decisions)
        self.desk = SensorDesk(desk, Pacer(clock), Series(), clock, self.found.append, self._wake)

    def _wake(self) -> None:
        self.woken += 1


def test_the_first_reading_is_looked_at_at_once() -> None:
    bench = Bench()
    bench.desk.on_reading(READING)
    assert (bench.decisions.reading, bench.woken) == (READING, 1)


@pytest.mark.parametrize(
    ("changed", "wakes"),
    [
        ({"games": (Game("a game"),)}, True), ({"power_source": "battery"}, True), ({"locked": True}, True),
        ({"sleeping": True}, True), ({"programs": ("blender",)}, True), ({"metered": True}, True),
        ({"idle_s": 0.0}, True), ({"idle_s": 105.0}, False), ({"idle_s": None}, False),
        ({"memory_available_bytes": 5}, False), ({"minute": 1}, False),
    ],
)  # fmt: skip
def test_what_happens_is_looked_at_at_once_and_what_drifts_is_not(changed: dict[str, Any], wakes: bool) -> None:
    bench = Bench()
    bench.desk.on_reading(READING)
    bench.desk.on_reading(replace(READING, **changed))
    assert (bench.woken == 2) is wakes


def test_at_rest_every_reading_is_looked_at_so_that_no_clock_has_to_tick() -> None:
    bench = Bench()
    bench.desk.on_reading(READING)
    bench.desk.every_reading_wakes = True
    bench.desk.on_reading(replace(READING, minute=1))
    assert bench.woken == 2


def test_a_coming_sleep_is_looked_at_at_once_and_is_over_when_it_is_said_to_be() -> None:
    bench = Bench()
    bench.desk.on_sleeping(True)
    assert bench.decisions.reading is None, "before the first reading nothing computes that could be stopped"
    bench.desk.on_reading(READING)
    bench.desk.on_sleeping(True)
    assert (bench.decisions.reading, bench.woken) == (replace(READING, sleeping=True), 2)
    bench.desk.on_sleeping(False)
    assert (bench.decisions.reading, bench.woken) == (READING, 3)


def test_a_lost_device_is_lost_until_its_next_sample() -> None:
    bench = Bench()
    bench.desk.on_sensor_lost(LOST, 5)
    assert bench.decisions.sensors[CARD] == "lost"
    assert bench.desk.error is not None
    bench.desk.on_samples((Sample(CARD, 0.0),))
    assert (bench.decisions.sensors[CARD], bench.desk.error) == ("working", None)


def test_what_was_wrong_with_a_kind_is_forgotten_when_it_is_looked_for_again() -> None:
    bench = Bench()
    bench.desk.on_devices((), (replace(WAITS, absent=False),))
    assert bench.desk.error is not None
    bench.desk.on_devices((Device(CARD, "cuda", "Card", "gpu-1", None),), ())
    assert bench.desk.error is None


def test_hardware_that_is_not_there_is_no_error() -> None:
    bench = Bench()
    bench.desk.on_devices((), (WAITS,))
    assert bench.desk.error is None
