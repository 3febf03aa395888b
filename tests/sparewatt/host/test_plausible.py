import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sparewatt.host.plausible import FROZEN_SECONDS, Belief, believed
from sparewatt.host.sample import Sample

WELL = Sample(
    "cuda:1", 0.0, power_watts=200.0, power_kind="instant", temperature_celsius=60.0, utilisation_percent=90.0
)


def after(*samples: Sample, limit: int | None = 300) -> Sample:
    """What is believed of the last of some samples."""
    belief, found = Belief(), samples[0]
    for each in samples:
        found, belief = believed(each, limit, belief)
    return found


def at(t: float, **values: float | None) -> Sample:
    return replace(WELL, t=t, **values)


def test_what_is_plausible_passes_unchanged() -> None:
    assert after(WELL) == WELL


@pytest.mark.parametrize("watts", [0.0, -5.0, 601.0, 4e9, math.nan, math.inf])
def test_a_power_that_no_board_draws_is_unknown(watts: float) -> None:
    found = after(at(0.0, power_watts=watts))
    assert (found.power_watts, found.power_kind, found.missing) == (None, None, {"power": "sensor.implausible"})


def test_without_a_known_limit_only_absurd_power_is_unknown() -> None:
    assert after(at(0.0, power_watts=900.0), limit=None).power_watts == 900.0
    assert after(at(0.0, power_watts=2001.0), limit=None).power_watts is None


@pytest.mark.parametrize("celsius", [0.0, -40.0, 131.0, 255.0, math.nan])
def test_a_temperature_that_no_chip_has_is_unknown(celsius: float) -> None:
    found = after(at(0.0, temperature_celsius=celsius))
    assert (found.temperature_celsius, found.missing) == (None, {"temperature": "sensor.implausible"})


def test_a_temperature_that_jumps_is_unknown_until_it_comes_again() -> None:
    assert after(WELL, at(0.5, temperature_celsius=120.0)).temperature_celsius is None
    assert after(WELL, at(0.5, temperature_celsius=120.0), at(1.0)).temperature_celsius == 60.0
    assert after(WELL, at(0.5, temperature_celsius=95.0), at(1.0, temperature_celsius=97.0)).temperature_celsius == 97.0


def test_a_temperature_may_be_anything_after_a_pause() -> None:
    assert after(WELL, at(60.0, temperature_celsius=25.0)).temperature_celsius == 25.0


def test_sensors_that_do_not_move_for_a_minute_of_work_are_unknown_until_they_do() -> None:
    frozen = after(WELL, at(FROZEN_SECONDS))
    assert (frozen.power_watts, frozen.temperature_celsius) == (None, None)
    assert after(WELL, at(FROZEN_SECONDS), at(FROZEN_SECONDS + 1, power_watts=201.0)).power_watts == 201.0


def test_sensors_of_a_resting_device_may_stand_still() -> None:
    rest = [at(float(second), utilisation_percent=0.0) for second in range(0, 600, 5)]
    assert after(*rest).power_watts == 200.0


def test_a_counter_that_moves_shows_that_the_sensors_live() -> None:
    moving = [replace(at(float(second)), energy_millijoules=second) for second in range(0, 120, 5)]
    assert after(*moving).power_watts == 200.0


def test_the_other_values_have_their_bounds() -> None:
    found = after(
        replace(
            WELL, utilisation_percent=101.0, margin_kelvin=500.0, fan_percent=-1.0, memory_used_bytes=-1,
            memory_others_bytes=-1, energy_millijoules=-1,
        )
    )  # fmt: skip
    assert (found.utilisation_percent, found.margin_kelvin, found.fan_percent) == (None, None, None)
    assert (found.memory_used_bytes, found.memory_others_bytes, found.energy_millijoules) == (None, None, None)


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), numbers, numbers, numbers), max_size=30), st.none() | st.integers(1, 700)
)
def test_whatever_sensors_say_only_what_can_be_true_is_believed(
    said: list[tuple[float, float | None, float | None, float | None]], limit: int | None
) -> None:
    belief, t = Belief(), 0.0
    for elapsed, watts, celsius, percent in said:
        t += elapsed
        told = at(t, power_watts=watts, temperature_celsius=celsius, utilisation_percent=percent)
        found, belief = believed(told, limit, belief)
        assert found.power_watts is None or 0 < found.power_watts <= 2 * (limit or 1000)
        assert found.temperature_celsius is None or 1 <= found.temperature_celsius <= 130
        assert found.power_watts in (None, watts)
        assert found.temperature_celsius in (None, celsius)
