import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.energy import GAP_MOST_S, STILL_MOST_S, EnergyMeter


def meter(*seen: tuple[float, float | None]) -> EnergyMeter:
    """The meter after (moment, joules)."""
    found = EnergyMeter()
    for t, joules in seen:
        found = found.seen(joules, t)
    return found


def test_power_is_growth_over_time() -> None:
    assert meter((0, 100), (2, 700)).power_watts == 300.0
    assert meter((0, 100), (2, 700), (2.1, 730)).power_watts == 300.0, "too short to measure: the last one stays"


@pytest.mark.parametrize(
    "seen",
    [((0, 100),), ((0, 100), (1, 50)), ((0, 100), (GAP_MOST_S + 1, 200)), ((0, 100), (1, None)), ((5, 100), (4, 200))],
    ids=["the first", "fell", "after a gap", "unreadable", "time went back"],
)
def test_what_says_nothing_is_unknown(seen: tuple[tuple[float, float | None], ...]) -> None:
    assert meter(*seen).power_watts is None


def test_a_counter_that_stands_still_is_believed_for_3_s_and_again_once_it_moves() -> None:
    still = meter((0, 0), (1, 200), (1 + STILL_MOST_S / 2, 200))
    assert still.power_watts == 200.0
    still = still.seen(200, 1 + STILL_MOST_S)
    assert still.power_watts is None
    assert still.seen(800, 5.0).power_watts == pytest.approx(150.0), "over all the time since it last moved"


@given(st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.0, 500.0)), min_size=1, max_size=50))
def test_power_is_never_negative_and_never_above_the_steepest_growth(steps: list[tuple[float, float]]) -> None:
    t = joules = 0.0
    found = EnergyMeter().seen(joules, t)
    for elapsed, watts in steps:
        t, joules = t + elapsed, joules + watts * elapsed
        found = found.seen(joules, t)
        assert found.power_watts is None or 0 <= found.power_watts <= 500.0 * (1 + 1e-6)
