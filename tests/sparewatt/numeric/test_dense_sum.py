import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES, CHUNK_COORDINATES
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader
from sparewatt.numeric.dense_sum import UPDATES_AT_A_TIME, DenseSum, rows_of, weighted
from sparewatt.numeric.levels import read_levels
from sparewatt.numeric.update_blocks import INT4, INT8, Dense
from sparewatt.work.manifest import CodecSpec

LEVEL_MOST = {127: 2_047 << 18, 7: 2_047 << 22}
FACTOR_MOST = 1 << 16
CODECS = {"int8": INT8, "int4": INT4}
both = pytest.mark.parametrize("name", ["int8", "int4"])


def by_integers(
    levels: NDArray[np.int64], codes: NDArray[np.int8], factors: Sequence[int], coordinates: int
) -> list[int]:
    """The same sum by Python's integers, which have no bounds."""
    chunk = CHUNK_COORDINATES
    return [
        sum(
            factor * int(update[place // chunk]) * int(row[place])
            for factor, update, row in zip(factors, levels, codes, strict=True)
        )
        for place in range(coordinates)
    ]


@given(
    st.integers(1, 3 * UPDATES_AT_A_TIME),
    st.integers(1, 3),
    st.sampled_from((127, 7)),
    st.integers(0, 33),
    st.integers(0, 2**32),
)
def test_a_product_of_matrices_is_the_sum_of_integers(
    count: int, chunks: int, most: int, level_bits: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    levels = random.integers(0, min(LEVEL_MOST[most], 1 << level_bits), (count, chunks), endpoint=True)
    codes = random.integers(-most, most, (count, chunks, CHUNK_COORDINATES), dtype=np.int8, endpoint=True)
    factors = random.integers(0, FACTOR_MOST, count, endpoint=True)
    sums = weighted(rows_of(levels * factors[:, None]), codes)
    largest = (levels * factors[:, None]).sum(axis=0).max()
    assert sums.dtype == (np.float64 if largest < 2**46 else np.int64)
    # A few places of each chunk, since Python's integers are slow.
    some = random.integers(0, CHUNK_COORDINATES, 20)
    expected = [
        by_integers(levels[:, [chunk]], codes[:, chunk, some], factors.tolist(), len(some)) for chunk in range(chunks)
    ]
    assert sums[:, some].tolist() == expected


def uniform(level: int, code: int, factor: int, updates: int) -> NDArray[np.int64] | NDArray[np.float64]:
    """The first three coordinates of a sum of updates that are the same everywhere."""
    coefficients = np.full((updates, 1), factor * level)
    return weighted(rows_of(coefficients), np.full((updates, 1, CHUNK_COORDINATES), code, dtype=np.int8))[0, :3]


@pytest.mark.parametrize(("most", "sign"), [(127, 1), (127, -1), (7, 1), (7, -1)])
@pytest.mark.parametrize("level_bits", [25, 26, 33])
@pytest.mark.parametrize("updates", [UPDATES_AT_A_TIME, 64 * UPDATES_AT_A_TIME])
def test_the_largest_coefficients_are_exact_on_both_sides_of_the_split(
    most: int, sign: int, level_bits: int, updates: int
) -> None:
    level = min(LEVEL_MOST[most], (1 << level_bits) - 1)
    sums = uniform(level, sign * most, FACTOR_MOST, updates)
    assert sums.tolist() == [updates * FACTOR_MOST * level * sign * most] * 3


@pytest.mark.parametrize("sign", [1, -1])
def test_floats_are_exact_up_to_the_bound_and_not_taken_from_it_on(sign: int) -> None:
    code = np.full((2, 1, CHUNK_COORDINATES), sign * 127, dtype=np.int8)
    below = np.array([[FACTOR_MOST * (2**30 - 1)], [2**16 - 1]])
    assert below.sum() == 2**46 - 1
    sums = weighted(rows_of(below), code)[0, :3]
    assert sums.dtype == np.float64
    assert sums.tolist() == [sign * 127 * (2**46 - 1)] * 3
    beyond = weighted(rows_of(np.add(below, [[0], [1]])), code)[0, :3]
    assert beyond.dtype == np.int64
    assert beyond.tolist() == [sign * 127 * 2**46] * 3


def payload(codec: Dense, levels: NDArray[np.uint16], codes: NDArray[np.int8]) -> bytes:
    """An update of one block, spelled here by hand."""
    return UPDATE_FORMAT.head(codec.number, len(codes)) + levels.astype("<u2").tobytes() + codec.pack(codes)


def reader(name: str, data: bytes, coordinates: int) -> UpdateReader:
    spec = {"int8": CodecSpec("int8", "none"), "int4": CodecSpec("int4", "none")}[name]
    return UpdateReader(io.BytesIO(data), spec, coordinates)


@both
@pytest.mark.parametrize("coordinates", [1, 2, 7, 4_095, 4_097, BLOCK_COORDINATES // 2 + 3, BLOCK_COORDINATES])
@pytest.mark.parametrize("count", [3, UPDATES_AT_A_TIME + 1])
def test_what_is_read_in_parts_is_the_sum_of_what_is_decoded(name: str, coordinates: int, count: int) -> None:
    codec, random = CODECS[name], np.random.default_rng(coordinates)
    chunks = -(-coordinates // CHUNK_COORDINATES)
    readers = [
        reader(
            name,
            payload(
                codec,
                random.integers(1_024, 2_048, chunks, dtype=np.uint16) | np.uint16(9 << 11),
                random.integers(-codec.code_most, codec.code_most, coordinates, dtype=np.int8, endpoint=True),
            ),
            coordinates,
        )
        for _ in range(count)
    ]
    factors = random.integers(0, FACTOR_MOST, count, endpoint=True).tolist()
    expected = sum(factor * each.block(0) for factor, each in zip(factors, readers, strict=True))
    assert np.array_equal(DenseSum(codec, readers, factors).quotient(0, 3.0), expected / 3.0)


@both
def test_of_the_most_updates_little_is_read_at_a_time_and_the_sum_is_the_same(name: str) -> None:
    codec, random, coordinates = CODECS[name], np.random.default_rng(5), 11 * CHUNK_COORDINATES + 1
    levels = np.full(12, codec.exponent_most << 11 | 2_047, dtype=np.uint16)
    codes = random.integers(-codec.code_most, codec.code_most, coordinates, dtype=np.int8, endpoint=True)
    one = reader(name, payload(codec, levels, codes), coordinates)
    found = DenseSum(codec, [one] * 1_024, [FACTOR_MOST] * 1_024).quotient(0, 1.0)
    level = read_levels(levels, codec.exponent_most)
    assert level is not None
    assert np.array_equal(found, (1_024 * FACTOR_MOST * int(level[0]) * codes.astype(np.int64)).astype(np.float64))


@both
@pytest.mark.parametrize("place", [0, 3 * CHUNK_COORDINATES, BLOCK_COORDINATES - 1])
def test_what_is_no_code_is_refused_wherever_it_stands(name: str, place: int) -> None:
    codec = CODECS[name]
    codes = np.zeros(BLOCK_COORDINATES, dtype=np.int8)
    codes[place] = -codec.code_most - 1
    levels = np.ones(64, dtype=np.uint16)
    readers = [
        reader(name, payload(codec, levels, np.zeros_like(codes)), len(codes)),
        reader(name, payload(codec, levels, codes), len(codes)),
    ]
    with pytest.raises(IntegrityError) as caught:
        DenseSum(codec, readers, [1, 1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "codes")


@both
def test_a_level_that_is_none_is_refused(name: str) -> None:
    data = payload(CODECS[name], np.array([1, 0xFFFF]), np.zeros(5_000, dtype=np.int8))
    with pytest.raises(IntegrityError) as caught:
        DenseSum(CODECS[name], [reader(name, data, 5_000)], [1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "levels")


@pytest.mark.parametrize("coordinates", [1, 4_095, BLOCK_COORDINATES // 2 + 1])
def test_nothing_stands_where_an_odd_number_of_nibbles_leaves_room(coordinates: int) -> None:
    levels = np.ones(-(-coordinates // CHUNK_COORDINATES), dtype=np.uint16)
    data = bytearray(payload(INT4, levels, np.ones(coordinates, dtype=np.int8)))
    assert (
        DenseSum(INT4, [reader("int4", bytes(data), coordinates)], [1]).quotient(0, 1.0).tolist() == [1] * coordinates
    )
    data[-1] |= 0x10
    with pytest.raises(IntegrityError) as caught:
        DenseSum(INT4, [reader("int4", bytes(data), coordinates)], [1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "codes")
