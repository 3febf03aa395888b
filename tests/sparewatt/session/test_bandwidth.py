"""However bytes come, the mean over any while stays at the limit."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.session.bandwidth import BURST_SECONDS, Bucket, filled, spent, wait_seconds

SIZES = st.lists(st.tuples(st.integers(1, 262_144), st.floats(0, 5)), max_size=50)


@given(SIZES, st.integers(1, 10_000_000))
def test_whoever_waits_as_told_never_exceeds_the_limit_by_more_than_a_burst_and_a_chunk(
    moves: list[tuple[int, float]], rate: int
) -> None:
    bucket, now, moved, largest = Bucket(), 0.0, 0, 0
    for size, rest in moves:
        now += rest + wait_seconds(bucket, rate, now + rest)
        bucket = spent(bucket, size, rate, now)
        moved, largest = moved + size, max(largest, size)
        assert moved <= rate * (now + BURST_SECONDS) + largest + 1


@given(SIZES, st.integers(1, 10_000_000))
def test_after_the_wait_more_may_go(moves: list[tuple[int, float]], rate: int) -> None:
    bucket, now = Bucket(), 0.0
    for size, rest in moves:
        now += rest
        bucket = spent(bucket, size, rate, now)
    after = now + wait_seconds(bucket, rate, now)
    assert filled(bucket, rate, after + 1e-6).level_bytes >= -1e-3 * rate


def test_no_limit_is_no_wait() -> None:
    assert wait_seconds(spent(Bucket(), 10**9, 0, 1.0), 0, 1.0) == 0


def test_a_rest_saves_up_a_second_and_no_more() -> None:
    assert filled(Bucket(0.0, 0.0), 1_000, 3_600.0).level_bytes == 1_000
    assert wait_seconds(spent(Bucket(), 3_000, 1_000, 3_600.0), 1_000, 3_600.0) == 2.0


def test_a_clock_that_stands_still_takes_nothing_back() -> None:
    assert filled(Bucket(5.0, 10.0), 1_000, 9.0).level_bytes == 5.0


def test_what_went_without_a_limit_need_not_be_made_up_for_when_there_is_one() -> None:
    unlimited = spent(Bucket(), 1 << 30, 0.0, 5.0)
    assert wait_seconds(unlimited, 1_000.0, 5.0) == 0.0
