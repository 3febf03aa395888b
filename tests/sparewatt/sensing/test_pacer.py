import threading
from dataclasses import dataclass, replace

import pytest

from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.permit import HOLD, Grant, PermitKind
from sparewatt.policy import Decision
from sparewatt.sensing.pacer import Pacer

FULL = Decision("cpu", "full", "allowed", (), 40, decided_s=0.0)


@dataclass
class SetClock:
    now: float = 0.0
    ahead: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return self.now + self.ahead


def paced(clock: SetClock) -> tuple[Pacer, list[Grant]]:
    pacer, grants = Pacer(clock), list[Grant]()
    pacer.attach("cpu", grants.append)
    pacer.decided(FULL)
    pacer.sampled(Sample("cpu", 0.0))
    return pacer, grants


def test_a_fresh_sample_under_a_young_decision_advances_the_permit() -> None:
    pacer, grants = paced(SetClock())
    pacer.tick()
    assert grants == [Grant(PermitKind.COMPUTE, 0.4)]
    last = pacer.pace_of("cpu")
    assert last is not None
    assert last.limit == "speed_limit"


def test_without_new_samples_the_permit_is_not_advanced_after_a_second() -> None:
    clock = SetClock()
    pacer, grants = paced(clock)
    for clock.now in (0.5, 1.0, 1.1, 2.0):
        pacer.tick()
    assert len(grants) == 2


def test_it_looks_twice_a_second_but_never_in_step_and_ten_times_where_a_cap_hangs_on_instants() -> None:
    clock, jitters = SetClock(), iter([0.0, 1.0, 0.5, 0.5])
    pacer = Pacer(clock, jitter=lambda: next(jitters))
    pacer.attach("cpu", lambda _: None)
    assert (pacer.next_period_s(), pacer.next_period_s()) == (0.45, 0.55)
    pacer.decided(replace(FULL, power_cap_watts=100))
    pacer.sampled(Sample("cpu", 0.0, power_watts=20.0, power_kind="instant"))
    pacer.tick()
    assert pacer.next_period_s() == 0.1
    pacer.detach("cpu")
    assert pacer.next_period_s() is None, "without a worker it sleeps until there is one"


def test_at_rest_a_device_is_paced_when_the_engine_looks_and_the_time_between_is_no_sleep() -> None:
    clock = SetClock()
    pacer, grants = Pacer(clock), list[Grant]()
    pacer.decided(FULL)
    for clock.now in (0.0, 60.0):
        pacer.sampled(Sample("cpu", clock.now))
        pacer.rest()
        assert pacer.pace_of("cpu") is not None
    clock.now = 120.0
    resumed: list[float] = []
    pacer.decided(replace(FULL, decided_s=120.0))
    pacer.sampled(Sample("cpu", 120.0))
    pacer.attach("cpu", grants.append, lambda: resumed.append(clock.now))
    pacer.rest()
    assert grants == [], "with a worker the thread alone advances its permit"
    pacer.tick()
    assert (len(grants), resumed) == (1, [])


def test_micro_batches_are_short_while_somebody_uses_the_computer() -> None:
    pacer, grants = paced(SetClock())
    pacer.person(active=True)
    pacer.tick()
    pacer.person(active=False)
    pacer.tick()
    assert [grant.micro_batch_seconds for grant in grants] == [0.05, 0.25]


def test_what_a_device_says_of_itself_bounds_its_limits() -> None:
    pacer, _ = paced(SetClock())
    pacer.found((Device("cpu", "cpu", "Processor", "cpu", None, power_limit_watts=65, slowdown_celsius=95),))
    pacer.tick()
    last = pacer.pace_of("cpu")
    assert last is not None
    assert last.temperature_most_celsius == 85


def test_a_dead_engine_loop_stops_the_permit_after_five_seconds_though_samples_come() -> None:
    clock = SetClock()
    pacer, grants = paced(clock)
    for clock.now in (4.9, 5.1):
        pacer.sampled(Sample("cpu", clock.now))
        pacer.tick()
    assert len(grants) == 1


def test_a_hold_is_written_and_a_stop_lets_encode() -> None:
    pacer, grants = paced(SetClock())
    pacer.decided(replace(FULL, compute="hold"))
    pacer.tick()
    pacer.decided(replace(FULL, compute="stop"))
    pacer.tick()
    assert grants == [HOLD, Grant(PermitKind.ENCODE)]


def test_after_detach_the_permit_is_not_touched_and_the_sensors_are_remembered() -> None:
    clock = SetClock()
    pacer, grants = paced(clock)
    pacer.sampled(Sample("cpu", 0.0, power_watts=20.0))
    pacer.tick()
    pacer.detach("cpu")
    pacer.tick()
    assert len(grants) == 1
    pacer.attach("cpu", grants.append)
    clock.now = 2.0
    pacer.sampled(Sample("cpu", 2.0))
    pacer.tick()
    assert len(grants) == 1
    pacer.forget("cpu")
    assert pacer.pace_of("cpu") is None


@pytest.mark.parametrize(("monotonic_s", "unix_s"), [(0.5, 3600.0), (3600.0, 3600.0), (-100.0, 1.0)])
def test_after_a_sleep_nothing_from_before_counts(monotonic_s: float, unix_s: float) -> None:
    clock = SetClock(1000.0)
    pacer, grants, resumed = Pacer(clock), list[Grant](), list[float]()
    pacer.attach("cpu", grants.append, lambda: resumed.append(clock.now))
    pacer.decided(replace(FULL, decided_s=1000.0))
    pacer.sampled(Sample("cpu", 1000.0))
    pacer.tick()
    clock.now, clock.ahead = 1000.0 + monotonic_s, unix_s - monotonic_s
    pacer.decided(replace(FULL, decided_s=clock.now))
    pacer.tick()
    assert (len(grants), resumed) == (1, [clock.now])
    pacer.sampled(Sample("cpu", clock.now))
    pacer.tick()
    assert len(grants) == 2


def test_the_thread_advances_until_it_is_stopped() -> None:
    advanced = threading.Event()
    pacer = Pacer(SetClock(), period_s=0.001)
    pacer.attach("cpu", lambda _: advanced.set())
    pacer.decided(replace(FULL, compute="hold"))
    pacer.start()
    assert advanced.wait(10)
    assert pacer.alive
    pacer.stop()
    assert not pacer.alive


def test_a_new_worker_does_not_wait_for_a_thread_at_rest() -> None:
    clock, advanced = SetClock(), threading.Event()
    pacer = Pacer(clock, jitter=lambda: 1e6)  # so long that only being woken lets it look
    pacer.decided(FULL)
    pacer.sampled(Sample("cpu", 0.0, power_watts=20.0))
    pacer.start()
    pacer.attach("cpu", lambda _: advanced.set())
    assert advanced.wait(10)
    pacer.stop()
