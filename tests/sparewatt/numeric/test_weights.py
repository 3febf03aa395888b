import mmap

import numpy as np
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.weights import as_floats, canonicalise


def test_new_weights_have_one_spelling() -> None:
    weights = np.array([-0.0, 2.0**-61, -(2.0**-61), 2.0**-60, -(2.0**-60), 1.5], dtype=np.float32)
    canonicalise(weights)
    expected = np.array([0, 0, 0, 2.0**-60, -(2.0**-60), 1.5], dtype=np.float32)
    assert weights.tobytes() == expected.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_with_their_block(bad: float) -> None:
    weights = np.zeros(BLOCK_COORDINATES + 5, dtype=np.float32)
    weights[-1] = bad
    with pytest.raises(IntegrityError, match=r"weights\.not_finite") as caught:
        canonicalise(weights)
    assert caught.value.parameters == {"block": 1}


def test_floats_are_a_view_of_any_writable_memory() -> None:
    with mmap.mmap(-1, 16) as area:
        floats = as_floats(area, 4)
        floats[2] = 1.0
        assert area[8:12] == np.float32(1.0).tobytes()
        del floats


@pytest.mark.parametrize("size", [12, 15, 20])
def test_memory_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(IntegrityError, match=r"weights\.size"):
        as_floats(bytes(size), 4)


def test_arrays_of_another_type_are_refused() -> None:
    with pytest.raises(IntegrityError, match=r"weights\.size"):
        as_floats(np.zeros(4, dtype=np.float64), 4)
