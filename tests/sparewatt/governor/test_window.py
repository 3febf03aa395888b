from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.governor.window import Window


def window(*marks: tuple[float, float]) -> Window:
    found = Window()
    for t, joules in marks:
        found = found.added(t, joules)
    return found


def test_the_mean_slides_over_exactly_a_minute() -> None:
    found = window(*((t, 100.0 * min(t, 60.0)) for t in range(121)))
    assert found.mean_watts(120.0) == pytest.approx(0.0)
    found = window(*((float(t), 100.0 * t if t < 90 else 9000.0 + 200.0 * (t - 90)) for t in range(121)))
    assert found.mean_watts(120.0) == pytest.approx(150.0)


def test_below_five_seconds_and_after_a_silent_minute_there_is_no_mean() -> None:
    assert window((0.0, 0.0), (4.0, 400.0)).mean_watts(4.0) is None
    found = window((0.0, 0.0), (10.0, 1000.0))
    assert found.mean_watts(10.0) == pytest.approx(100.0)
    assert found.mean_watts(71.0) is None


def test_the_dearest_minute_to_come_may_begin_after_a_quiet_time() -> None:
    found = window(*((float(t), 0.0 if t < 50 else 300.0 * (t - 50)) for t in range(61)))
    # From second 50 on: ten seconds of 300 W, then fifty of 40 W.
    assert found.most_joules((2.0, 55.0), 40.0) == pytest.approx((3000.0 + 50 * 40.0, 1500.0 + 55 * 40.0))


@given(
    st.lists(st.tuples(st.floats(0.05, 3.0), st.floats(0.0, 600.0)), min_size=1, max_size=300), st.floats(0.0, 300.0)
)
def test_no_minute_to_come_holds_more_than_was_said(steps: list[tuple[float, float]], later: float) -> None:
    t = joules = 0.0
    marks = [(0.0, 0.0)]
    found = Window().added(0.0, 0.0)
    for elapsed, watts in steps:
        t, joules = t + elapsed, joules + elapsed * watts
        marks.append((t, joules))
        found = found.added(t, joules)
    assert len(found.marks) <= 63
    (said,) = found.most_joules((t + 1.5 - 60.0,), later)
    for end in (t + 1.5, t + 20.0, t + 59.0):
        start = end - 60.0
        before = next(
            (j0 + (j1 - j0) * (start - t0) / (t1 - t0) for (t0, j0), (t1, j1) in pairwise(marks) if t0 <= start < t1),
            0.0,
        )
        assert joules - before + later * (end - t) <= said + 1e-6
