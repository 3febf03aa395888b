import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.numeric.dense_sum import UPDATES_AT_A_TIME, DenseBlock, weighted

LEVEL_MOST = {127: 2_047 << 18, 7: 2_047 << 22}
FACTOR_MOST = 1 << 16


def by_integers(blocks: list[DenseBlock], factors: list[int], coordinates: int) -> list[int]:
    """The same sum by Python's integers, which have no bounds."""
    return [
        sum(
            factor * int(block.codes[place]) * int(block.levels[place // 4_096])
            for block, factor in zip(blocks, factors, strict=True)
        )
        for place in range(coordinates)
    ]


def blocks_of(
    random: np.random.Generator, count: int, coordinates: int, most: int, level_bits: int
) -> list[DenseBlock]:
    chunks = -(-coordinates // 4_096)
    level_most = min(LEVEL_MOST[most], 1 << level_bits)
    return [
        DenseBlock(
            random.integers(0, level_most, chunks, endpoint=True),
            random.integers(-most, most, coordinates, dtype=np.int8, endpoint=True),
        )
        for _ in range(count)
    ]


@given(
    st.integers(1, UPDATES_AT_A_TIME),
    st.sampled_from((1, 7, 4_095, 4_096, 4_097, 8 * 4_096 + 5)),
    st.sampled_from((127, 7)),
    st.integers(0, 33),
    st.integers(0, 2**32),
)
def test_a_product_of_matrices_is_the_sum_of_integers(
    count: int, coordinates: int, most: int, level_bits: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    blocks = blocks_of(random, count, coordinates, most, level_bits)
    factors = random.integers(0, FACTOR_MOST, count, endpoint=True).tolist()
    sums = weighted(blocks, factors)
    largest = max(
        sum(factor * int(block.levels[chunk]) for block, factor in zip(blocks, factors, strict=True))
        for chunk in range(len(blocks[0].levels))
    )
    assert sums.dtype == (np.float64 if largest < 2**46 else np.int64)
    assert sums.tolist() == by_integers(blocks, factors, coordinates)


@pytest.mark.parametrize(("most", "sign"), [(127, 1), (127, -1), (7, 1), (7, -1)])
@pytest.mark.parametrize("level_bits", [25, 26, 33])
def test_the_largest_coefficients_are_exact_on_both_sides_of_the_split(most: int, sign: int, level_bits: int) -> None:
    level = min(LEVEL_MOST[most], (1 << level_bits) - 1)
    block = DenseBlock(np.array([level]), np.full(3, sign * most, dtype=np.int8))
    sums = weighted([block] * UPDATES_AT_A_TIME, [FACTOR_MOST] * UPDATES_AT_A_TIME)
    assert sums.tolist() == [UPDATES_AT_A_TIME * FACTOR_MOST * level * sign * most] * 3


@pytest.mark.parametrize("sign", [1, -1])
def test_floats_are_exact_up_to_the_bound_and_not_taken_from_it_on(sign: int) -> None:
    code = np.full(3, sign * 127, dtype=np.int8)
    below = [DenseBlock(np.array([2**30 - 1]), code), DenseBlock(np.array([2**16 - 1]), code)]
    coefficient = FACTOR_MOST * (2**30 - 1) + 2**16 - 1
    assert coefficient == 2**46 - 1
    sums = weighted(below, [FACTOR_MOST, 1])
    assert sums.dtype == np.float64
    assert sums.tolist() == [sign * 127 * coefficient] * 3
    beyond = weighted([below[0], DenseBlock(np.array([2**16]), code)], [FACTOR_MOST, 1])
    assert beyond.dtype == np.int64
    assert beyond.tolist() == [sign * 127 * 2**46] * 3
