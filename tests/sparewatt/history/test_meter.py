import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.history.meter import GAP_MOST_S, PLAUSIBLE_WATTS, Measured, measured
from sparewatt.host.sample import Sample


def sample(t: float, watts: float | None = None, millijoules: int | None = None) -> Sample:
    return Sample("cuda:GPU-1", t, power_watts=watts, energy_millijoules=millijoules)


def test_a_counters_difference_is_the_energy() -> None:
    assert measured(sample(10, 90.0, 1_000_000), sample(10.5, 110.0, 1_050_000)) == Measured(0.5, 50.0)


def test_without_a_counter_energy_is_reckoned_from_power_and_says_so() -> None:
    assert measured(sample(10, 90.0), sample(12, 110.0)) == Measured(2.0, 200.0, estimated=True)


@pytest.mark.parametrize(
    "after",
    [
        sample(10.5, 100.0, 900_000),  # began anew
        sample(10.5, 100.0, 1_000_000),  # stuck
        sample(10.5, 100.0, 900_000_000),  # jumped
    ],
)
def test_a_counter_that_lies_is_not_believed(after: Sample) -> None:
    assert measured(sample(10, 100.0, 1_000_000), after) == Measured(0.5, 50.0, estimated=True)


def test_a_counter_may_stand_still_while_nothing_is_drawn() -> None:
    assert measured(sample(10, 0.0, 5), sample(11, 0.0, 5)) == Measured(1.0, 0.0)


@pytest.mark.parametrize("watts", [None, -1.0, 2_001.0])
def test_power_that_is_unknown_or_impossible_is_no_energy(watts: float | None) -> None:
    assert measured(sample(10, 100.0), sample(11, watts)) == Measured(1.0, None)


@pytest.mark.parametrize("t", [10.0, 9.0, 20.1])
def test_samples_that_do_not_follow_one_another_measure_nothing(t: float) -> None:
    assert measured(sample(10, 100.0, 0), sample(t, 100.0, 1_000_000)) is None


WATTS = st.none() | st.floats(-1e6, 1e6)
COUNTERS = st.none() | st.integers(-(10**15), 10**15)


@given(st.floats(0, 100), WATTS, WATTS, COUNTERS, COUNTERS)
def test_whatever_sensors_say_energy_stays_plausible(
    gap: float, one: float | None, other: float | None, first: int | None, second: int | None
) -> None:
    found = measured(sample(0.0, one, first), sample(gap, other, second))
    if found is not None:
        assert 0 < found.seconds <= GAP_MOST_S
        assert found.joules is None or 0 <= found.joules <= PLAUSIBLE_WATTS * found.seconds * 1.001
