"""How long a sleep is put off."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.sleep.delay import LEAVING_SECONDS_MOST, SLEEPING_SECONDS_MOST, Delay

COMPUTES = Delay().wanting(True)


def test_while_nothing_computes_nobody_is_asked_to_wait() -> None:
    assert not Delay().asks(0.0)
    assert not Delay().holds(0.0)


def test_while_something_computes_the_system_is_kept_waiting() -> None:
    assert COMPUTES.asks(0.0)
    assert COMPUTES.holds(0.0)
    assert COMPUTES.due_s(0.0) is None


def test_once_everything_has_left_the_system_may_sleep() -> None:
    left = COMPUTES.announced(10.0).wanting(False)
    assert not left.holds(10.5)
    assert left.sleeping(10.5)


def test_what_does_not_leave_is_not_waited_for_beyond_three_seconds() -> None:
    coming = COMPUTES.announced(10.0)
    assert coming.holds(12.9)
    assert coming.due_s(10.0) == 13.0
    assert not coming.holds(13.0)


def test_a_system_on_its_way_to_sleep_is_not_asked_again() -> None:
    assert not COMPUTES.announced(10.0).asks(11.0)
    assert not Delay().announced(10.0).wanting(True).asks(11.0)


def test_after_the_sleep_it_is_asked_again_only_while_something_computes() -> None:
    slept = COMPUTES.announced(10.0).wanting(False).awake()
    assert not slept.asks(20.0)
    assert slept.wanting(True).asks(20.0)
    assert COMPUTES.announced(10.0).awake().asks(20.0)


def test_saying_it_twice_gives_no_more_time() -> None:
    assert COMPUTES.announced(10.0).announced(12.0).due_s(12.0) == 13.0


def test_a_sleep_that_nobody_ended_ends_by_itself() -> None:
    coming = COMPUTES.announced(10.0)
    assert coming.sleeping(10.0 + SLEEPING_SECONDS_MOST - 0.1)
    assert not coming.sleeping(10.0 + SLEEPING_SECONDS_MOST)
    assert coming.asks(10.0 + SLEEPING_SECONDS_MOST)


EVENTS = st.lists(
    st.tuples(st.floats(0.0, 100.0), st.sampled_from(["begins", "ends", "announced", "awake"])), max_size=30
)


@given(EVENTS, st.floats(0.0, 10.0))
def test_no_sleep_is_put_off_for_longer_than_three_seconds(events: list[tuple[float, str]], later: float) -> None:
    """Whatever else happens: between an announcement and the system's word that it is awake."""
    delay, announced_s, now = Delay(), None, 0.0
    for after, event in events:
        now += after
        match event:
            case "begins" | "ends":
                delay = delay.wanting(event == "begins")
            case "announced":
                if announced_s is None or now - announced_s >= SLEEPING_SECONDS_MOST:
                    announced_s = now
                delay = delay.announced(now)
            case "awake":
                delay, announced_s = delay.awake(), None
    at = now + later
    if announced_s is not None and LEAVING_SECONDS_MOST <= at - announced_s < SLEEPING_SECONDS_MOST:
        assert not delay.holds(at)
        assert not delay.asks(at)
