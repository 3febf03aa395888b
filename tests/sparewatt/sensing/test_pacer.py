from dataclasses import dataclass, replace

from sparewatt.host.sample import Sample
from sparewatt.permit import HOLD, Grant, PermitKind
from sparewatt.policy import Decision
from sparewatt.sensing.pacer import Pacer

FULL = Decision("cpu", "full", "allowed", (), 40, decided_s=0.0)


@dataclass
class SetClock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return self.now


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


def test_without_new_samples_the_permit_stops_after_two_seconds() -> None:
    clock = SetClock()
    pacer, grants = paced(clock)
    for clock.now in (1.0, 2.0, 2.5, 3.0):
        pacer.tick()
    assert len(grants) == 2


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
    pacer.sampled(Sample("cpu", 0.0))
    pacer.tick()
    assert len(grants) == 1
    pacer.forget("cpu")
    assert pacer.pace_of("cpu") is None


def test_the_thread_advances_until_it_is_stopped() -> None:
    import threading

    advanced = threading.Event()
    pacer = Pacer(SetClock(), period_s=0.001)
    pacer.attach("cpu", lambda _: advanced.set())
    pacer.decided(replace(FULL, compute="hold"))
    pacer.start()
    assert advanced.wait(10)
    assert pacer.alive
    pacer.stop()
    assert not pacer.alive
