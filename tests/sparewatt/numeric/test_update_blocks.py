import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparewatt.numeric.update_blocks import INT4, INT8, Dense, Halves, nearest_halves
from sparewatt.numeric.weights import Floats

below_one = st.floats(min_value=-0.9990234375, max_value=0.9990234375, width=32)


def by_numpy(values: Floats) -> np.ndarray:
    with np.errstate(under="ignore"):
        halves = values.astype("<f2")
    return (halves + np.float16(0)).view("<u2")


@given(hnp.arrays(np.float32, st.integers(1, 200), elements=below_one))
def test_halves_are_those_of_numpys_own_conversion(values: Floats) -> None:
    halves = nearest_halves(values)
    assert halves is not None
    assert np.array_equal(halves, by_numpy(values))


def test_every_half_and_its_neighbours_and_the_ties_between_halves_round_as_numpy_rounds_them() -> None:
    every = np.arange(0x3C00, dtype="<u2").view("<f2").astype(np.float32)
    ties = (every[:-1] + every[1:]) / 2
    near = np.concatenate((every[:-1], ties))
    values = np.concatenate((near, np.nextafter(near, np.float32(1)), np.nextafter(near, np.float32(-1))))
    for signed in (values, -values):
        halves = nearest_halves(signed)
        assert halves is not None
        assert np.array_equal(halves, by_numpy(signed))


@pytest.mark.parametrize("value", [1.0, -1.0, 0.99999, 3e38, float(np.float32(1) - np.float32(2**-12))])
def test_what_rounds_to_one_is_no_half(value: float) -> None:
    assert nearest_halves(np.array([0.0, value], dtype=np.float32)) is None


def test_reading_halves_gives_each_half_in_units() -> None:
    every = np.arange(0x3C00, dtype="<u2")
    for signs in (0, 0x8000):
        halves = every | np.uint16(signs)
        units = Halves().decode(halves.tobytes(), len(halves), 0)
        assert np.array_equal(units, halves.view("<f2").astype(np.float64) * 2.0**36)


@pytest.mark.parametrize(("codec", "most"), [(INT8, 127), (INT4, 7)], ids=["int8", "int4"])
@given(exponent=st.integers(-36, -2), mantissa=st.floats(1.0, 1.9375, width=32), seed=st.integers(0, 2**32))
def test_no_code_is_beyond_the_largest_although_none_is_cut_off(
    codec: Dense, most: int, exponent: int, mantissa: float, seed: int
) -> None:
    values = (np.random.default_rng(seed).uniform(-1, 1, 4_096) * mantissa * 2.0**exponent).astype(np.float32)
    values[seed % 4_096] = -mantissa * 2.0**exponent
    data = codec.encode(values, 0)
    codes = codec.unpack(memoryview(data)[2:], 4_096)
    assert -most <= codes.min()
    assert codes.max() <= most
