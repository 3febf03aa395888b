import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from sparewatt.host.facts import FACT_SECONDS_MOST, Fact, Gatherer
from sparewatt.host.unknown import Unknown

PATIENCE_S = 20.0


@dataclass
class SetClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Source:
    """Hangs while `hanging` is set; counts how often it was opened and asked."""

    released: threading.Event = field(default_factory=threading.Event)
    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    hanging: bool = False
    opened: int = 0
    asked: int = 0

    def make(self) -> Callable[[], int]:
        self.opened += 1
        return self.ask

    def ask(self) -> int:
        self.asked += 1
        self.reached.release()
        if self.hanging:
            self.released.wait(PATIENCE_S)
        return self.asked


@pytest.fixture
def hanging() -> Iterator[Source]:
    source = Source(hanging=True)
    yield source
    source.released.set()


def test_what_was_answered_is_known_until_it_is_old() -> None:
    clock, source = SetClock(), Source()
    fact = Fact("fine", source.make)
    assert fact.value(0.0) == Unknown("not_yet")
    gatherer = Gatherer([fact], clock)
    gatherer.gather(PATIENCE_S)
    gatherer.gather(PATIENCE_S)
    assert fact.value(FACT_SECONDS_MOST) == 2
    assert fact.value(FACT_SECONDS_MOST + 0.1) == Unknown("not_yet")
    assert source.opened == 1
    gatherer.stop()


def test_a_source_is_not_asked_more_often_than_its_period() -> None:
    clock, source = SetClock(), Source()
    fact = Fact("slow", source.make, period_s=30.0)
    gatherer = Gatherer([fact], clock)
    for clock.now in (0.0, 5.0, 29.0, 30.0):
        gatherer.gather(PATIENCE_S)
    assert source.asked == 2
    gatherer.stop()


def test_one_that_hangs_keeps_nobody_waiting_and_is_left_out_the_second_time(hanging: Source) -> None:
    clock, fine = SetClock(), Source()
    stuck, other = Fact("stuck", hanging.make), Fact("fine", fine.make)
    gatherer = Gatherer([stuck, other], clock, answer_seconds_most=2.0)
    gatherer.gather(0.0)
    assert hanging.reached.acquire(timeout=PATIENCE_S)
    clock.now = 2.1
    gatherer.gather(0.0)  # abandoned; the new thread asks it once more, from the start
    assert hanging.reached.acquire(timeout=PATIENCE_S)
    clock.now = 4.3
    gatherer.gather(PATIENCE_S)
    assert (hanging.opened, stuck.left_out, stuck.value(clock.now)) == (2, True, Unknown("hangs"))
    assert other.value(clock.now) == 1
    gatherer.gather(PATIENCE_S)
    assert (hanging.asked, other.value(clock.now)) == (2, 2)
    gatherer.stop()


def test_an_answer_that_comes_after_its_source_was_abandoned_is_not_believed(hanging: Source) -> None:
    clock = SetClock()
    fact = Fact("late", hanging.make)
    gatherer = Gatherer([fact], clock, answer_seconds_most=2.0)
    gatherer.gather(0.0)
    assert hanging.reached.acquire(timeout=PATIENCE_S)
    clock.now = 2.1
    gatherer.gather(0.0)
    assert hanging.reached.acquire(timeout=PATIENCE_S)
    hanging.hanging = False
    hanging.released.set()
    gatherer.gather(PATIENCE_S)
    assert hanging.opened == 2
    assert isinstance(fact.value(clock.now), int)
    gatherer.stop()


def test_a_mistake_in_one_source_costs_that_source_only() -> None:
    def make() -> Callable[[], int]:
        raise AttributeError("the library has another shape")

    fine = Source()
    broken, other = Fact("broken", make), Fact("fine", fine.make)
    gatherer = Gatherer([broken, other], SetClock())
    gatherer.gather(PATIENCE_S)
    assert (broken.value(0.0), other.value(0.0)) == (Unknown("failed"), 1)
    gatherer.stop()
