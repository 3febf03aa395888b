"""Plots are bounded, and lose no peak."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt_desktop.presentation.plot_values import Point, extended, thinned, time_ticks, value_range, version_ticks

POINTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=300).map(
    lambda points: sorted(dict(points).items())
)


@given(POINTS, POINTS, st.integers(1, 50))
def test_a_series_grows_in_time_and_stays_bounded(known: list[Point], new: list[Point], most: int) -> None:
    points = extended(known, new, most)
    assert len(points) <= most
    moments = [moment for moment, _ in points]
    assert moments == sorted(set(moments))
    assert extended(points, new, most) == points


@given(POINTS, st.integers(4, 60))
def test_thinning_keeps_the_least_and_the_greatest_in_order(points: list[Point], most: int) -> None:
    kept = thinned(points, most)
    assert len(kept) <= most + 2
    assert list(kept) == [point for point in points if point in set(kept)]
    if points:
        values, shown = [value for _, value in points], [value for _, value in kept]
        assert (min(shown), max(shown)) == (min(values), max(values))


def test_what_is_no_number_is_left_out() -> None:
    assert extended([], [(1.0, float("nan")), (2.0, float("inf")), (3.0, 1.0)]) == ((3.0, 1.0),)


@given(POINTS, st.booleans())
def test_every_value_is_within_the_range(points: list[Point], from_zero: bool) -> None:
    points = [(moment, abs(value)) for moment, value in points]
    least, most = value_range(points, from_zero=from_zero)
    assert least < most
    assert all(least <= value <= most for _, value in points)


@given(st.floats(0, 200_000))
def test_times_have_few_ticks_and_end_now(span_s: float) -> None:
    ticks = time_ticks(span_s)
    assert len(ticks) <= 15
    assert ticks[-1] == (0.0, "now")
    assert all(-span_s <= place <= 0 for place, _ in ticks)


def test_ticks_say_how_long_ago() -> None:
    assert time_ticks(1_500)[0] == (-1_500.0, "25 min ago")
    assert time_ticks(20)[0] == (-20.0, "20 s ago")
    assert time_ticks(18_000)[0] == (-18_000.0, "5 h ago")


@given(st.integers(0, 10_000), st.integers(0, 100_000))
def test_versions_have_whole_ticks(first: int, count: int) -> None:
    ticks = version_ticks(first, first + count)
    assert 0 < len(ticks) <= 8 or count < 2
    assert all(first <= place <= first + count and name == str(int(place)) for place, name in ticks)
