from hypothesis import given
from hypothesis import strategies as st

from sparewatt.sensing.backoff import retry_delay_s
from sparewatt.sensing.watch import ClockBridge, Watch


def running(polling_since: float | None = None) -> Watch:
    watch = Watch().started(0.0).heard(samples=False, now=1.0)
    return watch if polling_since is None else watch.asked(polling=True, now=polling_since)


def test_it_is_started_at_once_and_waited_for_while_drivers_wake() -> None:
    assert Watch().verdict(0.0) == "start"
    assert Watch().started(0.0).verdict(15.0) == "wait"
    assert Watch().started(0.0).verdict(15.1) == "kill"


def test_silence_of_three_seconds_while_polling_is_a_hang() -> None:
    watch = running(polling_since=1.0).heard(samples=True, now=2.0).heard(samples=False, now=4.9)
    assert watch.verdict(5.0) == "wait"
    assert watch.verdict(5.1) == "kill"


def test_the_first_sample_after_a_new_question_may_take_longer() -> None:
    watch = running(polling_since=5.0).heard(samples=False, now=10.0)
    assert watch.verdict(20.0) == "wait"
    assert watch.verdict(20.1) == "kill"


def test_silence_of_samples_is_fine_while_nothing_is_polled() -> None:
    watch = running().heard(samples=False, now=100.0)
    assert watch.verdict(130.0) == "wait"
    assert watch.verdict(130.1) == "kill"


def test_failures_in_a_row_wait_longer_and_a_healthy_minute_forgives_them() -> None:
    once = running().ended(10.0)
    assert (once.verdict(14.9), once.verdict(15.0)) == ("wait", "start")
    twice = once.started(15.0).heard(samples=False, now=16.0).ended(17.0)
    assert twice.retry_s == 27.0
    healed = twice.started(27.0).heard(samples=False, now=28.0).heard(samples=False, now=88.0)
    assert healed.ended(90.0).retry_s == 95.0


def test_a_restart_asks_again_so_old_samples_do_not_count() -> None:
    again = running(polling_since=1.0).heard(samples=True, now=2.0).ended(6.0).started(11.0)
    assert again.heard(samples=False, now=12.0).verdict(13.0) == "wait"


@given(st.integers(0, 10_000))
def test_waits_grow_to_five_minutes(failures: int) -> None:
    assert retry_delay_s(failures) <= retry_delay_s(failures + 1) <= 300


def test_the_first_waits_are_as_stated() -> None:
    assert [retry_delay_s(failures) for failures in range(9)] == [0, 5, 10, 20, 40, 80, 160, 300, 300]


@given(st.floats(-1e6, 1e6), st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_a_sample_that_lay_in_the_pipe_is_known_to_be_old(offset_s: float, delays_s: list[float]) -> None:
    bridge, taken_s = ClockBridge(), 1000.0
    bridge = bridge.seen(taken_s, taken_s + offset_s)  # one that arrived at once
    for delay_s in delays_s:
        arrived_s = taken_s + offset_s + delay_s
        bridge = bridge.seen(taken_s, arrived_s)
        assert abs((arrived_s - bridge.here(taken_s)) - delay_s) < 1e-6
