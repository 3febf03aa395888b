import io
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparewatt.errors import IntegrityError
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.validate import sum_of_squares, validate_update
from sparewatt.work.manifest import CodecSpec

LIMIT = 2**36 - 1
INT8, FP16, TOPK = CodecSpec("int8", "none"), CodecSpec("fp16", "none"), CodecSpec("topk", "none", kept=64)


@given(hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(-LIMIT, LIMIT)))
def test_squares_are_summed_exactly(units: np.ndarray) -> None:
    assert sum_of_squares(units) == sum(int(each) ** 2 for each in units)


@pytest.mark.parametrize("value", [LIMIT, -LIMIT])
def test_a_whole_block_of_the_largest_coordinates_does_not_overflow(value: int) -> None:
    assert sum_of_squares(np.full(2**18, value)) == 2**18 * LIMIT**2


def test_facts_of_a_payload() -> None:
    sink = io.BytesIO()
    delta = np.array([0.5, 0, -0.25, 0.125] * 100_000, dtype=np.float32)
    encode_update(delta, np.zeros_like(delta), FP16, sink)
    facts = validate_update(sink, FP16, len(delta))
    assert facts.coordinates == 400_000
    assert facts.nonzero == 300_000
    assert facts.largest_units == 2**35
    assert facts.norm_units == isqrt(100_000 * (2**70 + 2**68 + 2**66))


def test_a_cut_payload_is_refused() -> None:
    sink = io.BytesIO()
    encode_update(np.zeros(100, np.float32), np.zeros(100, np.float32), INT8, sink)
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        validate_update(io.BytesIO(sink.getvalue()[:-1]), INT8, 100)


def test_facts_of_a_sparse_payload_count_only_what_it_names() -> None:
    sink = io.BytesIO()
    delta = np.full(8_192, 2.0**-5, dtype=np.float32)
    encode_update(delta, np.zeros_like(delta), TOPK, sink)
    facts = validate_update(sink, TOPK, len(delta))
    assert (facts.nonzero, facts.largest_units) == (128, 2**31)
    assert facts.norm_units == isqrt(128 * 2**62)
