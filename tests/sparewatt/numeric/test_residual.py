import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparewatt.errors import IntegrityError
from sparewatt.numeric.residual import Residual, decay

numbers = st.floats(min_value=-1.0, max_value=1.0, width=32)


@given(hnp.arrays(np.float32, 50, elements=numbers))
def test_what_is_kept_comes_back_to_the_eight_bits_of_bfloat16(left: np.ndarray) -> None:
    residual = Residual(bytearray(100), 50, 1_000_000, 1)
    residual.keep(left, 0)
    again = residual.add_to(np.zeros(50, np.float32), 0)
    assert np.all(np.abs(again - left) <= np.abs(left) * 2.0**-8 + 2.0**-133)


@pytest.mark.parametrize(
    ("number", "kept"), [(1 + 2.0**-8, 1.0), (1 + 3 * 2.0**-8, 1 + 2.0**-6), (1 + 2.0**-7, 1 + 2.0**-7)]
)
def test_ties_go_to_the_even_number(number: float, kept: float) -> None:
    residual = Residual(bytearray(2), 1, 1_000_000, 1)
    residual.keep(np.array([number], np.float32), 0)
    assert residual.add_to(np.zeros(1, np.float32), 0).tolist() == [kept]


def test_an_old_residual_counts_less_for_every_version_that_was_missed() -> None:
    memory = bytearray(8)
    Residual(memory, 4, 950_000, 1).keep(np.full(4, 0.5, np.float32), 0)
    added = Residual(memory, 4, 950_000, 3).add_to(np.full(4, 0.25, np.float32), 0)
    assert added.tolist() == [np.float32(0.5) * np.float32(0.95**3) + np.float32(0.25)] * 4


@given(st.integers(0, 1_000_000), st.integers(1, 64))
def test_decay_is_a_power_to_a_few_bits(decay_micro: int, missed: int) -> None:
    assert decay(decay_micro, missed) == pytest.approx((decay_micro / 1e6) ** missed, rel=1e-13, abs=1e-300)


def test_nothing_is_left_after_64_versions() -> None:
    assert decay(950_000, 64) > 0
    assert decay(950_000, 65) == 0


def test_memory_of_another_size_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"weights\.size"):
        Residual(bytearray(6), 4, 950_000, 1)
